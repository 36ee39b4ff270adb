package tensor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"bnetc/ir"
)

// everything has each operation, role, reduction and attribute.
const everything = `program everything batch 3 alternating

relation r1 = { axes o 5, i 4; out [o]; in [i]; w [o, i]; shapes [5] [4] [5, 4] }

forward:
  x = input : [N, 2, 2]
  noise = input : []
  weight = input : [N]
  l1.W = param weight glorot fan 4 5 stream 0x1f : [5, 4]   # l1
  y.V = param constant normal scale 0.1 fan 5 7 of "y/V" columns 3 10 : [5, 4]
  l1.W.m = param state zero : [5, 4]
  l1.W.v = param state zero : [5, 4]
  loss = param metric "" : [1]
  a.l1 = linear apply r1 l1.W, x : [N, 5] @ step:f_l1   # l1
  %9 = map "tanh($0) + 0.5*$1" a.l1, noise : [N, 5] @ step:f_l1
  %10 = linear transpose r1 y.V, %9 : [N, 4] @ "odd name"
  %11 = random stream 0xffffffff : [N, 2, 2]
  "a b" = map "$0 + $1*$2" x, %11, noise : [N, 2, 2]   # "  spaces"

update:
  %13 = reduce sum_units %10 : [N]
  %14 = reduce max_units %10 : [N]
  %15 = reduce argmax_units %10 : [N]
  b.l2 = map "1" : []
  a.l2 = map "$0 + $1 + $2" %13, %14, %15 : [N]   # sdtp.bnet:5
  "update" = linear outer r1 %9, %10 : [5, 4]
  update minimize adam forward l1.W, a.l2, l1.W.m, l1.W.v @ step:learn_l1.W   # sdtp.bnet:5
  update sum evaluate loss, b.l2
`

// everythingElse has what everything's types leave no place for, and the odd cases of passes.
const everythingElse = `program windows batch 2

relation r1 = { axes y 2, c 5, ky 3; out [y, c]; in [2*y+ky-1, c]; w [0]; shapes [2, 5] [3, 5] [1] }

"":
  x = input : [N, 3, 5]
  b = param weight zero : [5]
  c = param weight zero : [3, 5]
  errors = param metric zero : [1]

forward:
  %4 = reduce max_window r1 x : [N, 2, 5]
  %5 = map "$0 * $0" %4 : [N, 2, 5]
  %6 = reduce to_max_window r1 x, %4, %5 : [N, 3, 5]
  %7 = reduce sum_trailing %6 : [N, 5]
  %8 = reduce sum_batch %7 : [5]
  %9 = reduce sum_batch %6 : [3, 5]
  %10 = reduce sum_units %6 : [N]
  %11 = reduce sum_batch %10 : []
  update sgd forward b, %8 @ step:learn_b   # l1
  update minimize sgd inverse c, %10
  update sum evaluate errors, %11
  %15 = map "$0" %9 : [3, 5]
  %16 = reduce from_max_window r1 x, %4, %6 : [N, 2, 5]
`

// read is a program from a text that must be sound.
func read(t *testing.T, text string) *Program {
	t.Helper()
	p, err := Parse(text)
	require.NoError(t, err)
	require.NoError(t, p.Verify())
	return p
}

func TestTextReadsBack(t *testing.T) {
	for _, text := range []string{everything, everythingElse} {
		p := read(t, text)
		assert.Equal(t, text, p.String())
		assert.Equal(t, p, read(t, p.String()))
	}
}

// A program that was built reads back as it was built, with equal relations shared.
func TestBuiltReadsBack(t *testing.T) {
	p := built()
	require.NoError(t, p.Verify())
	text := p.String()
	assert.Equal(t, 1, strings.Count(text, "\nrelation "))
	back := read(t, text)
	p.Pass, p.From = "", "" // the builder's stamps
	assert.Equal(t, p, back)
}

func built() *Program {
	p := New("built", 7)
	p.Pass = "forward"
	window := ir.Window{KH: 3, KW: 2, StrideH: 2, StrideW: 1, PadTop: 1, DilH: 1, DilW: 1, Groups: 1}
	rel := func() *ir.Relation { return ir.Field(5, 4, 3, 3, 3, 2, window, ir.Sharing{TileH: 3, TileW: 3}) }
	x := p.Input("x", Type{Batch: true, Shape: []int{60}})
	weight := p.Input("weight", Type{Batch: true, Shape: []int{}})
	w := p.Param("c.W", rel().WShape, ParamInfo{Init: "he", FanIn: 18, FanOut: 12, Stream: ir.Stream("init c.W"), Part: Part{Of: "c", Offset: 1, Columns: 9}})
	b := p.Param("c.b", []int{2}, ParamInfo{Init: "zero"})
	p.From = "net.bnet:3"
	a := p.Map(ir.MustParseExpr("$0 + $1"), p.Linear(rel(), ir.Apply, w, x), b)
	a.Name = "a.c"
	noisy := p.Map(ir.MustParseExpr("$0 + $1*$2"), a, p.Random(5, a.Type), p.Setting("noise"))
	p.Pass = "update"
	loss := p.Map(ir.MustParseExpr("$0 * $1"), p.Reduce(SumUnits, p.Map(ir.MustParseExpr("$0 * $0"), noisy)), weight)
	p.Update("sgd", "forward", w, p.Linear(rel(), ir.Outer, noisy, p.Linear(rel(), ir.Transpose, w, noisy)))
	p.Update("sgd", "forward", b, p.Reduce(SumBatch, p.SumTo(noisy, []int{2})))
	total := p.Param("loss", []int{1}, ParamInfo{Kind: Metric})
	p.Update("sum", "evaluate", total, p.Reduce(SumBatch, loss))
	return p
}

func TestParseErrors(t *testing.T) {
	head := "program p batch 2\nforward:\n x = input : [N, 3]\n"
	for text, want := range map[string]string{
		"program p bach 2":                                                      `line 1: expected "batch", found "bach 2"`,
		head + " y = map \"$0\" z : [N, 3]":                                     `line 4: expected a value above, found "z : [N, 3]"`,
		head + " y = map \"$0 +\" x : [N, 3]":                                   "line 4: expected a value, found the end",
		head + " y = mop x : [N, 3]":                                            `line 4: expected an operation, found "mop x`,
		head + " y = reduce total x : [N]":                                      `line 4: expected a reduction, found "total x`,
		head + " y = reduce max_window r1 x : [N]":                              `line 4: expected the name of a relation above, found "r1 x`,
		head + " x = map \"1\" : []":                                            "line 4: a second value x",
		head + " y = map \"1\" : [N":                                            `line 4: expected ",", found the end`,
		head + " y = map \"1\" : [] z":                                          `line 4: expected the end of the line, found "z"`,
		"relation r = { axes o 0; out [o]; in [o]; w [o]; shapes [1] [1] [1] }": "line 1: axis o has extent 0",
	} {
		_, err := Parse(text)
		assert.ErrorContains(t, err, want, text)
	}
}

// A program that does not verify is printed too, for the report.
func TestBrokenIsPrinted(t *testing.T) {
	p := built()
	p.Nodes[4].Rel, p.Nodes[5].Expr, p.Nodes[2].Param, p.Nodes[6].Op, p.Nodes[7].Kind = nil, nil, nil, 99, 99
	p.Nodes[8].Args = []*Node{nil, {}}
	p.Nodes = append(p.Nodes, nil)
	assert.Error(t, p.Verify())
	assert.Contains(t, p.String(), "linear apply r? c.W, x : [N, 3, 3, 2]")
}
