package kernel

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"bnetc/ir"
)

// everything has each statement, mark, kind of buffer, operand and attribute. It is canonical.
const everything = `plan everything batch 6 precision f16
settings seed0 seed1 seed2 seed3 step0 step1 noise forward.lr

buffer settings setting [8]
buffer x input [6, 3]
buffer l1.W weight [5, 3] init glorot fan 3 5 stream 0x1f
buffer y.V weight [10] init normal scale 0.1 fan 5 7 stream 0xffffffff of "y/V" columns 5 7 shape [5, 2]
buffer l1.W.m state [5, 3] init zero
buffer ones constant [1] init one shape []
buffer loss metric [1]
buffer h1 temp [2, 5, 4]
buffer "a b" temp bf16 [2, 3, 4] at 64
buffer w temp f16 [24] at 64
buffer z temp f16 [6, 8] at 64
buffer tile local [4, 4]
buffer out temp [2, 4, 4] at 64

kernel pack_x(x -> "a b") by batch cost 0 96  # x
  parallel nb in 2
    vector lane in 4
      serial i in 3
        store "a b"[nb, i, lane] = 0
    serial lane in 4
      where n = 4*nb+lane in 6
        serial i in 3
          store "a b"[nb, i, lane] = x[n, i]

kernel f_l1(l1.W, "a b", settings -> h1) by batch  # h[l1] = f[l1](x), "sdtp.bnet:2"
  parallel nb in 2
    serial o.tile in 2
      unrolled o.in in 3
        where o = 3*o.tile+o.in in 5
          vector lane in 4
            let s = 0
            serial i in 3
              prefetch l1.W[o+1, i]
              s += l1.W[o, i] * "a b"[nb, i, lane]
            draw e0 e1 e2 e3 = stream 0x811c9dc5 row 4*nb+lane block o
            let biggest = -3.4028234663852886e+38
            biggest max= e0
            biggest = select(less(biggest, e1), #(4*nb+o-1), biggest) - -2
            store h1[nb, o, lane] = tanh(s) + settings[6]*(e2 - e3) + biggest

kernel learn_l1.W(h1, x, l1.W, settings, l1.W.m -> l1.W, l1.W.m)
  parallel o in 5
    parallel i in 3
      let g = 0
      serial nb in 1
        serial lane in 4
          g += h1[nb, o, lane] * x[4*nb+lane, i]
      store l1.W[o, i] = l1.W[o, i] - settings[7]*g
      store l1.W.m[o, i] max= abs(l1.W.m[o, i])

kernel sums(h1, ones -> loss)
  let sum = 0
  serial nb in 2
    serial u in 5
      where q = (u - 1) / 2 in 2
        where f = floor (-u + 2*q + 4) / 3 in 2
          sum += h1[nb, 2*q+f, 0] * ones[0]
  store loss[0] += sum

kernel products(w, z, tile -> tile, out)
  parallel nb in 2
    matrix m in 4
      matrix n in 4
        let c = 0
        serial i in 2
          where j = i+nb in 3
            matrix k in 2
              c += w[6*m+2*j+k] * z[2*j+k, 4*nb+n]
        store tile[m, n] = c
    vector lane in 4
      serial u in 4
        store out[nb, u, lane] = tile[u, lane]

kernel gather(x -> l1.W.m)
  parallel o in 5
    seek n in 5 = 2*x[0, 0] - #(o)
    serial i in 3
      store l1.W.m[o, i] = x[n, i] + #(n)

list "step forward"
  0: pack_x f_l1
  1: learn_l1.W sums

list evaluate
  0: pack_x f_l1
  2: sums
`

func parse(t *testing.T, text string) *Plan {
	t.Helper()
	p, err := Parse(text)
	require.NoError(t, err)
	return p
}

func TestTextComesBack(t *testing.T) {
	p := parse(t, everything)
	require.NoError(t, p.Verify())
	text := p.String()
	// The spaces in positions are the writer's own.
	squeeze := func(s string) string {
		return strings.NewReplacer("(u - 1)", "(u-1)", "-u + 2*q + 4", "-u+2*q+4").Replace(s)
	}
	assert.Equal(t, squeeze(everything), text)
	again := parse(t, text)
	assert.Equal(t, p, again)
	assert.Equal(t, text, again.String())
	assert.Equal(t, p, p.Canonical())
}

func TestValuesAreWrittenCanonical(t *testing.T) {
	p := parse(t, everything)
	v := Value{Expr: ir.MustParseExpr("$3 * $1 + $3 * $2"), Operands: []Operand{
		{Kind: Variable, Var: "unread"}, {Kind: Variable, Var: "b"}, {Kind: Variable, Var: "b"}, {Kind: Load, Buffer: 6, Index: []Index{{}}}}}
	c := v.Canonical()
	assert.Equal(t, "$0*$1 + $0*$1", c.Expr.String())
	assert.Equal(t, []Operand{v.Operands[3], v.Operands[1]}, c.Operands)
	assert.Equal(t, c, c.Canonical())
	assert.Equal(t, "let a = loss[0]*b + loss[0]*b\n", BodyString(p, []Stmt{&Let{"a", v}}))
}

func TestHelpers(t *testing.T) {
	p := parse(t, everything)
	assert.Equal(t, 6, p.Buffer("loss"))
	assert.Equal(t, -1, p.Buffer("nothing"))
	assert.Equal(t, 3, p.Kernel("sums"))
	n, err := p.List("evaluate")
	require.NoError(t, err)
	assert.Equal(t, "evaluate", p.Lists[n].Name)
	_, err = p.List("step")
	assert.ErrorContains(t, err, `has no list "step"`)
	assert.Equal(t, 40, p.Buffers[7].Elements())
	assert.Equal(t, int64(4*(8+18+15+10+15+1+1+64+32)), p.Bytes())
	read, written := p.Kernels[2].Buffers()
	assert.Equal(t, []int{7, 1, 2, 0, 4}, read)
	assert.Equal(t, []int{2, 4}, written)
	assert.Equal(t, []MatrixProduct{{4, 4, 2, F16}}, p.Products(p.Kernels[4]))
	assert.Equal(t, "4x4x2 f16", p.Products(p.Kernels[4])[0].String())
	assert.Empty(t, p.Products(p.Kernels[2]))
}

// Each case replaces one piece of `everything`, which verifies.
func TestVerifyRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"seek n in 5", "seek n in 7", "x[n, i]: dimension 0 has 6 places, and n goes from 0 to 6"},
		{"seek n in 5", "seek n in 0", "seek n of extent 0"},
		{"seek n in 5 = 2*x[0, 0]", "seek n in 5 = 2*x[6, 0]", "seek n: x[6, 0]: dimension 0 has 6 places"},
		{"#(o)\n", "#(o)\n    draw a b c d = stream 0x1 row n block o\n", "draw a: n depends on data"},
		{"seek n in 5", "seek o in 6", `"o" is defined twice`},
		{"store l1.W.m[o, i] = x[n, i]", "store l1.W.m[n, i] = x[n, i]", "store l1.W.m: n depends on data, and what lies there is only read"},
		{"serial i in 3\n      store l1.W.m[o, i] = x[n, i]", "where i = n-2 in 3\n      store l1.W.m[o, i] = x[n, i]", "i depends on data"},
		{"parallel o in 5\n    seek n in 5 = 2*x[0, 0] - #(o)\n    serial i in 3\n", "vector o in 5\n    seek n in 5 = #(o)\n    where i = n in 3\n", "where i depends on vector loop o"},
		{"where n = 4*nb+lane in 6", "where n = 4*nb+lane in 7", `kernel pack_x: store "a b": x[n, i]: dimension 0 has 6 places, and n goes from 0 to 6`},
		{"serial i in 3\n        store", "serial i in 4\n        store", "dimension 1 has 3 places, and i goes from 0 to 3"},
		{"where o = 3*o.tile+o.in in 5", "where o = 3*o.tile+o.in in 6", "o goes from 0 to 5"},
		{"2*q+f, 0]", "4*q+f, 0]", "4*q+f goes from 0 to 5"},
		{"2*q+f, 0]", "2*q+f-1, 0]", "goes from -1 to 2"},
		{"h1[nb, o, lane] * x", "h1[nb, o] * x", "h1 has 3 dimensions, not the 2 of [nb, o]"},
		{"store h1[nb, o, lane] = tanh(s)", "store h1[nb, o, lane] = tanh(r)", "r is read, but is no variable"},
		{"store h1[nb, o, lane] = tanh(s)", "store h1[nb, o, lane] = tanh(o)", "o is read, but is no variable"},
		{"store h1[nb, o, lane] = tanh(s)", "store h1[nb, s, lane] = tanh(s)", "s is no position here, in s"},
		{"store h1[nb, o, lane] = tanh(s)", "store h1[nb, o, lane] = tanh(#(i))", "i is no position here, in i"},
		{"store h1[nb, o, lane] = tanh(s)", "store h1[nb, o, lane] = pow(s, 2)", "pow is for the host"},
		{"store h1[nb, o, lane] = tanh(s)", "store x[nb, o] = tanh(s)", "dimension 1 has 3 places"},
		{"biggest max= e0", "e5 max= e0", "e5 is assigned, but is no variable"},
		{"biggest max= e0", "o max= e0", "o is assigned, but is no variable"},
		{"let biggest =", "let s =", `"s" is defined twice`},
		{"draw e0 e1 e2 e3", "draw e0 e1 e1 e3", `"e1" is defined twice`},
		{"block o", "block o-1", "draw e0: o-1 can be -1"},
		{"prefetch l1.W[o+1, i]", "prefetch l1.W[o+1]", "prefetch: l1.W has 2 dimensions, not the 1 of [o+1]"},
		{"settings seed0 seed1", "settings seed5 seed1", "no setting seed0"},
		{"seed2 seed3", "seed2 seed2", `two settings named "seed2"`},
		{"noise forward.lr", "forward.lr", "7 settings, but settings holds 8"},
		{"buffer x input", "buffer x setting", "settings and x both hold settings"},
		{"unrolled o.in", "parallel o.in", "parallel loop o.in within serial loop o.tile"},
		{"    serial lane in 4\n      where", "    vector lane in 4\n      where", "where n depends on vector loop lane"},
		{"vector lane in 4\n      serial i", "vector lane in 4\n      staggered i", "staggered loop i within vector loop lane"},
		{"serial nb in 1", "serial o in 1", `loop variable "o" is defined twice`},
		{"serial nb in 1", "serial nb in 0", "loop nb of extent 0"},
		{"/ 2 in 2", "/ 0 in 2", "where q divides by 0"},
		{"  let sum = 0\n", "  let sum = 0\n  parallel w in 2\n    sum += 1\n", "sum is assigned by all turns of parallel loop w"},
		{"  let sum = 0\n", "  let sum = 0\n  staggered w in 2\n    sum += 1\n", "sum is assigned by all turns of staggered loop w"},
		{"store l1.W[o, i] =", "store l1.W[o, 0] =", "l1.W: [o, 0] and [o, 0] may be one place in different turns of loop i"},
		{"store loss[0] +=", "store ones[0] +=", "it is a buffer of kind constant, which no kernel writes"},
		{"kernel sums(", "kernel f_l1\nkernel sums(", `two kernels named "f_l1"`},
		{"buffer loss metric", "buffer x metric [1]\nbuffer loss metric", `two buffers named "x"`},
		{"buffer h1 temp [2, 5, 4]", "buffer h1 temp [2, 0, 4]", "buffer h1 has the shape [2 0 4]"},
		{"buffer l1.W.m state", "buffer l1.W.m state f16", "buffer l1.W.m of kind state is f16: the host reads and writes float32"},
		{`store "a b"[nb, i, lane] = 0`, `store "a b"[nb, i, lane] += 1`, "what it adds up would be rounded to bf16 each time"},
		{"temp bf16", "temp bf8", "the end of the line"},
		{"precision f16", "precision f8", "the end of the line"},
		{"at 64", "at 60", "buffer a b stands at 60"},
		{"batch 6", "batch 0", "a batch of 0"},
		{"  1: learn_l1.W sums", "  1: learn_l1.W\n  0: sums", "level 0 of sums stands behind level 1"},
		{"  0: pack_x f_l1\n  1:", "  0: pack_x f_l1 learn_l1.W\n  1:", "level 0: f_l1 writes h1, which learn_l1.W touches"},
		{"  parallel nb in 2\n    serial o.tile", "  parallel nb in 1\n    serial o.tile", "level 0: pack_x writes a b, which f_l1 touches"},
		{"  1: learn_l1.W sums", "  1: sums sums", "level 1: sums writes loss, which sums touches"},
		{"list evaluate", `list "step forward"`, `two lists named "step forward"`},
		{"let c = 0", "let c = 1", "let c: a matrix starts at 0"},
		{"matrix k in 2", "serial k in 2", "*kernel.Assign is nothing that matrices do"},
		{"matrix k in 2", "vector k in 2", "vector loop k within matrix loop n"},
		{"matrix m in 4", "serial m in 4", "matrix loop n holds no loop over columns, or more than that"},
		{"where j = i+nb in 3", "where j = i+nb+m in 3", "where j parts the matrix of m and n"},
		{"store tile[m, n] = c", "store tile[m, n] = 2 * c", "of matrices, sums alone are stored, as they are and in float32"},
		{"store tile[m, n] = c", "store tile[m, n] += c", "of matrices, sums alone are stored, as they are and in float32"},
		{"store tile[m, n] = c", "store tile[m, m] = c", "tile[m, m] is no matrix of rows m and columns n: they are 5 and 0 apart"},
		{"c += w[", "c max= w[", "over the depth k, products of two matrices alone are added to sums of the same loops"},
		{"w[6*m+2*j+k] * z", "z[m, n] * z", "c gains a product that is not of [m, k] and [k, n]"},
		{"buffer w temp f16", "buffer w temp", "c gains a product that is not of two elements of one type"},
		{"z[2*j+k, 4*nb+n]", "z[2*j+k, 2*nb+n]", "z[2*j+k, 2*nb+n] is no matrix of rows k and columns n: its runs do not begin at multiples of 8 bytes"},
		{"z[2*j+k, 4*nb+n]", "z[2*j+k, 2*n]", "z[2*j+k, 2*n] is no matrix of rows k and columns n: they are 8 and 2 apart"},
		{"store h1[nb, o, lane] = tanh(s)", "store tile[o-o, lane] = s\n            store h1[nb, o, lane] = tanh(s)", "kernels f_l1 and products both use tile, which is local"},
	} {
		text := strings.Replace(everything, c.old, c.new, 1)
		require.NotEqual(t, everything, text, c.old)
		// The lists of parameters may not fit any more, and are not the subject.
		lines := strings.Split(text, "\n")
		for i, l := range lines {
			if open, shut := strings.Index(l, "("), strings.LastIndex(l, ")"); strings.HasPrefix(l, "kernel ") && open > 0 {
				if end := strings.Index(l, "-> "); end > 0 {
					shut = end + strings.Index(l[end:], ")")
				}
				lines[i] = l[:open] + l[shut+1:]
			}
		}
		p, err := Parse(strings.Join(lines, "\n"))
		if err == nil {
			err = p.Verify()
			_ = p.String() // whatever is wrong, it can be printed
		}
		if assert.Error(t, err, c.new) {
			assert.Contains(t, err.Error(), c.want, c.new)
		}
	}
}

// Broken plans that the text cannot say.
func TestVerifyRefusesWhatCannotBeWritten(t *testing.T) {
	for want, spoil := range map[string]func(*Plan){
		"no buffer 99":           func(p *Plan) { p.Kernels[3].Body[2].(*Store).Buffer = 99 },
		"no expression":          func(p *Plan) { p.Kernels[3].Body[0].(*Let).Value.Expr = nil },
		"reads 6 operands of 0":  func(p *Plan) { p.Kernels[3].Body[0].(*Let).Value.Expr = ir.In(5) },
		"runs kernel 9 of 6":     func(p *Plan) { p.Lists[0].Steps[0].Kernel = 9 },
		"no statement: <nil>":    func(p *Plan) { p.Kernels[3].Body[0] = nil },
		"malformed":              func(p *Plan) { p.Kernels[3].Body[0].(*Let).Value.Expr = &ir.Expr{Op: ir.OpAdd} },
		"loop nb has no known":   func(p *Plan) { p.Kernels[3].Body[1].(*Loop).Mark = 9 },
		"an operand of no known": func(p *Plan) { p.Kernels[3].Body[0].(*Let).Value.Operands = []Operand{{Kind: 9}} },
		"assigned in no known":   func(p *Plan) { p.Kernels[3].Body[0] = &Assign{Var: "sum", How: 9} },
	} {
		p := parse(t, everything)
		if strings.HasPrefix(want, "assigned") {
			p.Kernels[3].Body = append([]Stmt{p.Kernels[3].Body[0]}, &Assign{Var: "sum", How: 9})
		} else {
			spoil(p)
		}
		assert.ErrorContains(t, p.Verify(), want)
		assert.NotPanics(t, func() { _ = p.String() })
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"plan a batch":             `line 1: expected a whole number, found the end at column 13 of "plan a batch"`,
		"\n\nbuffer b temp [1\n":   `line 3: expected ",", found the end at column 17 of "buffer b temp [1"`,
		"buffer b temporary [1]":   `line 1: expected a kind of buffer (temp, weight, state, metric, input, setting, constant, local), found "temporary [1" at column 10`,
		"hello":                    `line 1: expected plan, settings, buffer, kernel or list, found "hello"`,
		"kernel k\n  let a = b[0]": `line 2: expected the name of a buffer that stands above, found "b[0]" at column 9 of "let a = b[0]"`,
		"kernel k\n  let a = $0":   `line 2: expected a name, found "$0" at column 9 of "let a = $0"`,
		"kernel k\n  loop a in 3":  `line 2: expected =, += or max=, found "a in 3" at column 6 of "loop a in 3"`,
		"kernel k( -> a)":          `line 1: kernel k has the parameters ( -> a), its body (->)`,
		"list l\n  0: k":           `line 2: expected the name of a kernel that stands above, found "k" at column 4 of "0: k"`,
		"kernel k\n  store 3":      `line 2: expected a name, found "3" at column 7 of "store 3"`,
		"buffer a temp [1]\nbuffer b weight init zero spread 3": `line 2: expected a word of an init (scale, fan, stream, of, columns, shape), found "spread 3"`,
	} {
		_, err := Parse(text)
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), want)
		}
	}
}

// A position within a Where is bounded by it even where the index does not use its name.
func TestWhereNarrows(t *testing.T) {
	const head = "plan p batch 1\nbuffer b temp [10]\nkernel k\n  serial t in 3\n    serial r in 4\n"
	require.NoError(t, parse(t, head+"      where y = 4*t+r in 10\n        store b[4*t+r] = 0\n").Verify())
	require.NoError(t, parse(t, head+"      where y = 4*t+r-2 in 8\n        store b[4*t+r] = 0\n").Verify())
	require.NoError(t, parse(t, head+"      where y = -4*t-r+9 in 12\n        store b[4*t+r] = 0\n").Verify())
	require.Error(t, parse(t, head+"      where y = 4*t+r in 11\n        store b[4*t+r] = 0\n").Verify())
	require.NoError(t, parse(t, head+"      where y = (t+r) / 2 in 1\n        store b[9*t] = 0\n").Verify(), "t is at most 1")
	require.NoError(t, parse(t, head+"      where y = t+10 in 5\n        store b[99] = 0\n").Verify(), "never executed")
	// The narrowing ends with the Where.
	require.Error(t, parse(t, head+"      where y = t in 1\n        store b[t] = 0\n      store b[9*t] = 0\n").Verify())
}

// randomPlan grows a plan from random numbers: text, not meaning; it need not verify.
func randomPlan(r *rand.Rand) *Plan {
	names := []string{"a", "b.c", "weird name", "", "serial", "x_1", "\"q\"", "inf", "max", "é", "tanh"}
	name := func() string { return names[r.IntN(len(names))] }
	p := &Plan{Name: name(), Batch: r.IntN(9)}
	for range r.IntN(3) {
		p.Settings = append(p.Settings, name())
	}
	for i := range names { // distinct, so that their names find them again
		b := Buffer{Name: names[i], Kind: BufferKind(r.IntN(len(kindWords))), Offset: r.IntN(3) * 64}
		if r.IntN(9) > 0 {
			b.Shape = []int{}
			for range r.IntN(4) {
				b.Shape = append(b.Shape, r.IntN(99)-2)
			}
		}
		if r.IntN(2) == 0 {
			b.Init = &Init{Kind: name(), Scale: float64(r.IntN(3)) / 3, FanIn: r.IntN(2), FanOut: r.IntN(2), Stream: r.Uint32() * r.Uint32N(2), Of: name(),
				Offset: r.IntN(2), Columns: r.IntN(2), Shape: b.Shape}
		}
		p.Buffers = append(p.Buffers, b)
	}
	index := func() Index {
		x := Index{Const: r.IntN(7) - 3}
		for range r.IntN(4) {
			x.Terms = append(x.Terms, Term{name(), r.IntN(7) - 3})
		}
		return x
	}
	indices := func() (list []Index) {
		for range r.IntN(3) {
			list = append(list, index())
		}
		return list
	}
	value := func() Value {
		exprs := []string{"$0", "2 * ($0 - $1)", "tanh($2) + select($0, $1, -$1)", "-1.5", "-($0*$0) / 1e-9", "nan - -inf"}
		v := Value{Expr: ir.MustParseExpr(exprs[r.IntN(len(exprs))])}
		for range 3 {
			switch r.IntN(3) {
			case 0:
				v.Operands = append(v.Operands, Operand{Kind: Load, Buffer: r.IntN(len(names)), Index: indices()})
			case 1:
				v.Operands = append(v.Operands, Operand{Kind: Variable, Var: name()})
			default:
				v.Operands = append(v.Operands, Operand{Kind: Position, Index: []Index{index()}})
			}
		}
		return v
	}
	var body func(depth int) []Stmt
	body = func(depth int) (out []Stmt) {
		for range r.IntN(4 - depth) {
			switch r.IntN(7) {
			case 0:
				out = append(out, &Loop{name(), r.IntN(9) - 1, Mark(r.IntN(len(markWords))), body(depth + 1)})
			case 1:
				out = append(out, &Where{name(), index(), r.IntN(4) - 1, r.IntN(2) == 0, r.IntN(9), body(depth + 1)})
			case 2:
				out = append(out, &Let{name(), value()})
			case 3:
				out = append(out, &Assign{name(), How(r.IntN(3)), value()})
			case 4:
				out = append(out, &Store{r.IntN(len(names)), indices(), How(r.IntN(3)), value()})
			case 5:
				out = append(out, &Prefetch{r.IntN(len(names)), indices(), r.IntN(2) == 0})
			default:
				out = append(out, &Draw{[4]string{name(), name(), name(), name()}, r.Uint32(), index(), index()})
			}
		}
		return out
	}
	froms := []string{"", "h[l1] = f[l1](x), sdtp.bnet:2", " spaces ", "\"quoted\"", "a\nb", "# x"}
	for _, n := range names[:1+r.IntN(len(names))] {
		p.Kernels = append(p.Kernels, &Kernel{Name: n, From: froms[r.IntN(len(froms))], ByBatch: r.IntN(2) == 0, Body: body(0), Flops: r.Int64N(3), Bytes: r.Int64N(3)})
	}
	for range r.IntN(3) {
		l := List{Name: name()}
		for range r.IntN(4) {
			l.Steps = append(l.Steps, Step{r.IntN(len(p.Kernels)), r.IntN(3)})
		}
		p.Lists = append(p.Lists, l)
	}
	return p
}

func checkPlan(t *testing.T, seed1, seed2 uint64) {
	p := randomPlan(rand.New(rand.NewPCG(seed1, seed2))).Canonical()
	text := p.String()
	back, err := Parse(text)
	require.NoError(t, err, text)
	require.Equal(t, text, back.String())
	// NaN differs from itself; the text has shown that it is the same.
	if !strings.Contains(text, "nan") {
		require.Equal(t, p, back, text)
	}
	_ = back.Verify()
}

func TestRandomPlans(t *testing.T) {
	for seed := range uint64(300) {
		checkPlan(t, 7, seed)
	}
}

func FuzzIR(f *testing.F) {
	f.Add(everything, uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, text string, seed1, seed2 uint64) {
		checkPlan(t, seed1, seed2)
		p, err := Parse(text)
		if err != nil {
			return
		}
		_ = p.Verify()
		back, err := Parse(p.String())
		require.NoError(t, err, p.String())
		require.Equal(t, p.String(), back.String())
	})
}
