package programs

import (
	"fmt"
	"math/rand"
	"strings"

	"bnetc/compiler"
	"bnetc/ir/kernel"
)

// A dice makes choices from bytes; where they end, it chooses the first.
type dice []byte

// below chooses from 0 to n-1.
func (d *dice) below(n int) int {
	if len(*d) == 0 {
		return 0
	}
	v := int((*d)[0]) % n
	*d = (*d)[1:]
	return v
}

func pick[T any](d *dice, from ...T) T { return from[d.below(len(from))] }

// window is a receptive field's words, up to its padding.
func (d *dice) window(size string) string {
	words := []string{fmt.Sprintf("%s %dx%d", size, 1+d.below(4), 1+d.below(4))}
	if d.below(2) == 1 {
		words = append(words, fmt.Sprintf("stride %dx%d", 1+d.below(3), 1+d.below(3)))
	}
	return strings.Join(words, " ")
}

func (d *dice) padding() string {
	return pick(d, "", " valid", fmt.Sprintf(" pad %d", d.below(3)), fmt.Sprintf(" pad %dx%dx%dx%d", d.below(4), d.below(3), d.below(2), d.below(4)))
}

// layer is a hidden layer's text.
func (d *dice) layer() string {
	switch d.below(8) {
	case 0, 1:
		return fmt.Sprintf("all -> %d, %s%s", 1+d.below(40), pick(d, nonlinearities...), pick(d, "", ", inverse exact", ", no_bias"))
	case 2:
		return pick(d, "flatten", "dropout 0.4", d.window("pool max")+d.padding(), d.window("pool average")+d.padding())
	}
	text := d.window("field")
	if d.below(3) == 1 {
		text += fmt.Sprintf(" dilation %d", 1+d.below(3))
	}
	channels := 1 + d.below(9)
	if d.below(4) == 1 {
		text += " groups 2"
		channels *= 2
	}
	text += fmt.Sprintf("%s -> %d, %s", d.padding(), channels, pick(d, "untied", "shared", fmt.Sprintf("share tile %dx%d", 1+d.below(3), 1+d.below(3))))
	return text + pick(d, "", ", inverse all", ", inverse exact", ", no_bias", ", inverse "+d.window("field")) + ", " + pick(d, nonlinearities...)
}

// Random makes a program and a target from bytes, for fuzzing. The language may refuse the program.
func Random(data []byte) (Program, compiler.Target) {
	d := dice(data)
	t := d.target()
	return d.program(), t
}

// Bytes are as many random ones as the largest programs are made of.
func Bytes(seed int64) []byte {
	data := make([]byte, 300)
	rand.New(rand.NewSource(seed)).Read(data)
	return data
}

// Drawn are n programs that the language takes, of those that random numbers make from a seed on.
func Drawn(n int, seed int64) []Program {
	var drawn []Program
	for ; len(drawn) < n; seed++ {
		p, _ := Random(Bytes(seed))
		if _, err := p.Check(); err == nil {
			p.Name = fmt.Sprintf("random %d", seed)
			drawn = append(drawn, p)
		}
	}
	return drawn
}

func (d *dice) program() Program {
	n := Network{Name: "fuzz", Input: fmt.Sprint(1 + d.below(40))}
	if d.below(4) != 0 {
		n.Input = fmt.Sprintf("image %dx%dx%d", 1+d.below(7), 1+d.below(7), 1+d.below(4))
	}
	for range d.below(4) {
		n.Layers = append(n.Layers, d.layer())
	}
	n.Output = fmt.Sprintf("all -> %d, %s", 2+d.below(20), pick(d, "softmax", "softmax", "sigmoid", "identity", "softmax, inverse exact"))
	rule, text := pick(d, Rules()...), ""
	if d.below(2) == 1 {
		rule, text = d.rule()
	}
	p := n.With(rule, "tanh", pick(d, append([]string{sgdWide}, optimizers...)...), 1+d.below(40))
	p.Text += text
	return p
}

func (d *dice) target() compiler.Target {
	t := compiler.Target{Name: "fuzz", Vector: 1 << d.below(5), Registers: pick(d, 16, 32), Cache: pick(d, int64(4<<20), 0, 1000), L2: pick(d, int64(0), 1<<10, 16<<10), Workers: 1 + d.below(3), BatchLocal: d.below(2) == 0}
	if d.below(3) == 0 { // many workers, and matrices: of float32, which rounds nothing
		t.Wide, t.Fours, t.Strided, t.BatchLocal, t.L2 = true, d.below(2) == 0, d.below(2) == 0, false, 0
		t.Matrices = []kernel.MatrixProduct{{Rows: pick(d, 8, 16, 2), Columns: pick(d, 8, 4, 2), Depth: pick(d, 8, 16, 4, 2)}}
	}
	return t
}

// rule is a rule that nobody would write: values of every kind of expression, some of them recursive, and learning by whatever they make. None of them jumps,
// and few grow without bounds, so that float32 comes to what float64 does.
func (d *dice) rule() (Rule, string) {
	r := &randomRule{dice: d, inverse: d.below(2) == 0, learned: true}
	r.line("rule made {")
	if r.inverse {
		r.learned = d.below(4) != 0
		r.line("  %sinverse g[l] of f[l]   for l in 2..last", map[bool]string{false: "fixed "}[r.learned])
	}
	r.line("  feedback B[l] like f[l]   for l in 2..last\n  feedback C[l] from last to l   for hidden l")
	for range 1 + d.below(3) {
		x := fmt.Sprintf("x%d", len(r.values))
		r.line("  %s[last] = %s", x, r.at("last", 2))
		r.recursive = x
		r.line("  %s[l] = %s   for hidden l", x, r.at("l", 3))
		r.recursive = ""
		r.values = append(r.values, x)
	}
	for _, l := range []string{"last", "l"} {
		below, where := "last-1", ""
		if l == "l" {
			below, where = "l-1", "   for hidden l"
		}
		switch d.below(3) {
		case 0:
			r.line("  descend f[%s] along outer(%s, %s)%s", l, r.at(l, 2), r.at(below, 0), where)
		case 1:
			r.line("  minimize |f[%s](%s) - %s|^2 over f[%s]%s", l, r.at(below, 1), r.at(l, 2), l, where)
		default:
			r.line("  minimize %s*dot(%s, %s(f[%s](%s))) over f[%s]%s", pick(d, "1", "0.3"), r.at(l, 2), pick(d, "tanh", "sigmoid", "relu", "abs", "softplus"), l, r.at(below, 1), l, where)
		}
	}
	if r.inverse && r.learned {
		r.line("  minimize |h[l-1] - g[l](%s)|^2 over g[l]   for l in 2..last", pick(d, "h[l]", "f[l](h[l-1] + normal(0.3))", "tanh(a[l])"))
	}
	r.line("}")
	return Rule{Name: "made", Schedule: pick(d, "parallel", "alternating"), Inverses: r.inverse && r.learned}, r.text.String()
}

// A randomRule is a rule being written.
type randomRule struct {
	*dice
	text             strings.Builder
	inverse, learned bool
	values           []string // that hidden layers and the last have
	recursive        string   // the value being defined, which layers above have already
}

func (r *randomRule) line(format string, args ...any) { fmt.Fprintf(&r.text, "\n"+format, args...) }

// at is an expression in the space of a layer: "last", "l", "l+1", or one below.
func (r *randomRule) at(l string, depth int) string {
	above, below := "", ""
	switch l {
	case "last":
		below = "last-1"
	case "l":
		above, below = "l+1", "l-1"
	case "l+1":
		below = "l"
	}
	leaves := []string{"h[" + l + "]"}
	if below != "" { // not the input
		leaves = append(leaves, "a["+l+"]", "(h["+l+"] + normal(0.2))")
		for _, x := range r.values {
			leaves = append(leaves, x+"["+l+"]", x+"["+l+"]")
		}
		if l == "l+1" && r.recursive != "" {
			leaves = append(leaves, r.recursive+"[l+1]", r.recursive+"[l+1]")
		}
	}
	if l == "l" {
		leaves = append(leaves, "derivative(f[l])") // of a soft-max output there is none
	}
	if l == "last" {
		leaves = append(leaves, "label", "gradient(loss, a[last])")
	}
	if depth == 0 {
		return pick(r.dice, leaves...)
	}
	sub := func(l string) string { return r.at(l, depth-1) }
	switch n := r.below(12); {
	case n == 0 && below != "":
		return fmt.Sprintf("f[%s](%s)", l, sub(below))
	case n <= 2 && above != "":
		return fmt.Sprintf(pick(r.dice, "transpose(f[l+1])(%s)", "transpose(B[l+1])(%s)", "transpose(sign(f[l+1]))(%s)"), sub(above))
	case n == 3 && above != "" && r.inverse:
		return fmt.Sprintf("g[l+1](%s)", sub(above))
	case n == 4 && l == "l":
		return fmt.Sprintf("C[l](%s)", sub("last"))
	case n == 5 && l == "last":
		return fmt.Sprintf("B[last](%s)", sub(below))
	case n <= 6:
		return fmt.Sprintf(pick(r.dice, "tanh(%s)", "sigmoid(%s)", "abs(%s)", "relu(%s)", "softplus(%s)", "exp(min(1, %s))", "sqrt(abs(%s))", "log(1 + abs(%s))"), sub(l))
	case n == 7:
		return fmt.Sprintf("tanh(%s)^%s", sub(l), pick(r.dice, "2", "3"))
	case n == 8:
		return fmt.Sprintf("%s(%s, %s)", pick(r.dice, "max", "min"), sub(l), sub(l))
	case n == 9:
		return fmt.Sprintf("(%s) / (1 + (%s)^2)", sub(l), sub(l))
	}
	return fmt.Sprintf("(%s) %s %s*(%s)", sub(l), pick(r.dice, "+", "-"), pick(r.dice, "1", "0.5", "-2"), sub(l))
}
