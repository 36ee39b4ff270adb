package programs

import (
	"fmt"
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

func (d *dice) program() Program {
	n := Network{Name: "fuzz", Input: fmt.Sprint(1 + d.below(40))}
	if d.below(4) != 0 {
		n.Input = fmt.Sprintf("image %dx%dx%d", 1+d.below(7), 1+d.below(7), 1+d.below(4))
	}
	for range d.below(4) {
		n.Layers = append(n.Layers, d.layer())
	}
	n.Output = fmt.Sprintf("all -> %d, %s", 2+d.below(20), pick(d, "softmax", "softmax", "sigmoid", "identity", "softmax, inverse exact"))
	return n.With(pick(d, Rules()...), "tanh", pick(d, append([]string{sgdWide}, optimizers...)...), 1+d.below(40))
}

func (d *dice) target() compiler.Target {
	t := compiler.Target{Name: "fuzz", Vector: 1 << d.below(5), Registers: pick(d, 16, 32), Cache: pick(d, int64(4<<20), 0, 1000), L2: pick(d, int64(0), 1<<10, 16<<10), Workers: 1 + d.below(3), BatchLocal: d.below(2) == 0}
	if d.below(3) == 0 { // many workers, and matrices: of float32, which rounds nothing
		t.Wide, t.Fours, t.Strided, t.BatchLocal, t.L2 = true, d.below(2) == 0, d.below(2) == 0, false, 0
		t.Matrices = []kernel.MatrixProduct{{Rows: pick(d, 8, 16, 2), Columns: pick(d, 8, 4, 2), Depth: pick(d, 8, 16, 4, 2)}}
	}
	return t
}
