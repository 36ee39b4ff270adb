package tensor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"bnetc/ir"
)

// Each row changes one place of a sound program.
func TestVerifyNamesTheNode(t *testing.T) {
	for _, c := range []struct{ text, old, new, want string }{
		{everything, "batch 3", "batch 0", "program everything has batch 0"},
		{everything, "a.l1 = linear apply r1 l1.W, x : [N, 5]", "a.l1 = linear apply r1 l1.W, x : [N, 6]",
			"a.l1 (linear, l1): type [N, 6]; from its arguments it is [N, 5]"},
		{everything, "a.l1 = linear apply r1 l1.W, x : [N, 5]", "a.l1 = linear apply r1 x, l1.W : [N, 5]",
			"a.l1 (linear, l1): weights x of type [N, 2, 2]; the relation's are [5, 4]"},
		{everything, "linear transpose r1 y.V, %9", "linear transpose r1 y.V, x", "%10 (linear): outputs x of type [N, 2, 2]; the relation's are [N, 5]"},
		{everything, "linear outer r1 %9, %10 : [5, 4]", "linear outer r1 %10, %9 : [5, 4]", "update (linear): outputs %10 of type [N, 4]; the relation's are [N, 5]"},
		{everything, "linear outer r1 %9, %10", "linear outer r1 %9", "update (linear): 1 arguments, linear takes 2"},
		{everything, `"tanh($0) + 0.5*$1" a.l1, noise`, `"tanh($0) + 0.5*$1" a.l1`, `%9 (map): "tanh($0) + 0.5*$1" reads $1 of 1 arguments`},
		{everything, `"tanh($0) + 0.5*$1" a.l1, noise`, `"tanh($0) + 0.5*$1" a.l1, x`, "%9 (map): argument x of type [N, 2, 2] does not broadcast with those before it"},
		{everything, "random stream 0xffffffff : [N, 2, 2]", "random stream 0xffffffff : [2, 2]", "%11 (random): random numbers of type [2, 2]; they are numbered by sample"},
		{everything, "noise = input : []", "noise = input : [1]", "noise (input): an input of type [1]; without a batch it is a setting, a single number"},
		{everything, "x = input : [N, 2, 2]", "x = input : [N, 4, 0]", "x (input): shape [4 0] is empty or too large"},
		{everything, "x = input : [N, 2, 2]", "x = input : [N, 999999999, 999999999]", "x (input): shape [999999999 999999999] is empty or too large"},
		{everything, "weight = input", "%2 x = input", `x (input): name "x" is empty or taken`},
		{everything, `"a b" = map`, "%12 a.l1 = map", `a.l1 (map,   spaces): name "a.l1" is empty or taken`},
		{everything, "param constant normal", "param constant gaussian", `y.V (param): no initialization "gaussian"`},
		{everything, "columns 3 10", "columns 7 10", `y.V (param): columns 7 to 11 do not lie within the 10 of "y/V"`},
		{everything, "update minimize adam", "update minimize sgd", "%19 (update, sdtp.bnet:5): sgd of l1.W has 0 states, not 2"},
		{everything, "update minimize adam", "update minimize adm", `%19 (update, sdtp.bnet:5): no optimizer "adm"`},
		{everything, "update minimize adam forward", "update minimize adam upward", `%19 (update, sdtp.bnet:5): group "upward" is none of [forward inverse evaluate]`},
		{everything, "a.l2, l1.W.m, l1.W.v", "a.l2, l1.W.m, y.V", "%19 (update, sdtp.bnet:5): y.V (param) of type [5, 4] is no state for l1.W of type [5, 4]"},
		{everything, "a.l2, l1.W.m, l1.W.v", "a.l2, l1.W.m, l1.W.m", "%19 (update, sdtp.bnet:5): l1.W.m is written twice in one list"},
		{everything, "update minimize adam forward l1.W, a.l2", "update minimize adam forward l1.W, %10", "it minimizes %10 of type [N, 4], which is not a number"},
		{everything, "update minimize adam forward l1.W, a.l2", "update adam forward l1.W, a.l2", "gradient a.l2 of type [N] for l1.W of type [5, 4]"},
		{everything, "update minimize adam forward l1.W, a.l2", "update minimize adam forward y.V, a.l2", "it writes y.V (param), which is no param that changes"},
		{everythingElse, "max_window r1 x", "max_window r1 b", "%4 (reduce): argument b of type [5]; the relation's are [N, 3, 5]"},
		{everythingElse, "to_max_window r1 x, %4, %5", "to_max_window r1 x, %4", "%6 (reduce): 2 arguments, to_max_window takes 3"},
		{everythingElse, "reduce sum_trailing %6 : [N, 5]", "reduce sum_trailing %6 : [N, 3]", "%7 (reduce): shape [3] is not what [N, 3, 5] of %6 ends in"},
		{everythingElse, "reduce sum_batch %7", "reduce sum_batch b", "%8 (reduce): sum_batch of b, which is the same for all samples: type [5]"},
		{everythingElse, "sgd inverse c, %10", "sgd inverse b, %10", "%13 (update): b is written twice in one list"},
	} {
		text := strings.Replace(c.text, c.old, c.new, 1)
		require.NotEqual(t, c.text, text, c.old)
		p, err := Parse(text)
		require.NoError(t, err, c.new)
		assert.ErrorContains(t, p.Verify(), c.want, c.new)
	}
	// With two lists, both groups may write.
	p, err := Parse(strings.Replace(strings.Replace(everythingElse, "sgd inverse c, %10", "sgd inverse b, %10", 1), "batch 2", "batch 2 alternating", 1))
	require.NoError(t, err)
	assert.NoError(t, p.Verify())
}

// What text cannot say.
func TestVerifyOrderAndFields(t *testing.T) {
	for want, spoil := range map[string]func(p *Program){
		"x (input) is numbered 3 at position 0": func(p *Program) { p.Nodes[0].ID = 3 },
		"node 2 is missing":                     func(p *Program) { p.Nodes[2] = nil },
		"%4 (linear, net.bnet:3): argument %9 (map, net.bnet:3) does not stand before": func(p *Program) { p.Nodes[4].Args[1] = p.Nodes[9] },
		"%4 (linear, net.bnet:3): argument 1 is missing":                               func(p *Program) { p.Nodes[4].Args[1] = nil },
		"a.c (map, net.bnet:3): argument c.b (param) does not stand before it": func(p *Program) {
			c := *p.Nodes[3]
			p.Nodes[5].Args[1] = &c // a copy that is not of the program
		},
		"a.c (map, net.bnet:3): it has a relation, which belongs to another operation": func(p *Program) { p.Nodes[5].Rel = p.Nodes[4].Rel },
		"a.c (map, net.bnet:3): no expression":                                         func(p *Program) { p.Nodes[5].Expr = &ir.Expr{Op: ir.OpAdd} },
		"c.W (param): nothing says how it starts":                                      func(p *Program) { p.Nodes[2].Param = nil },
		"%4 (linear, net.bnet:3): relation: in[0] has 0 coefficients for 9 axes":       func(p *Program) { p.Nodes[4].Rel.In[0].Coef = nil },
		"argument 1 is an update of c.W, which has no value": func(p *Program) {
			last := p.Nodes[len(p.Nodes)-1]
			for _, n := range p.Nodes {
				if n.Op == Update {
					last.Args[1] = n
					return
				}
			}
		},
	} {
		p := built()
		spoil(p)
		assert.ErrorContains(t, p.Verify(), want)
	}
}

func TestBuildersPanicOnNonsense(t *testing.T) {
	p := New("p", 2)
	a, b := p.Input("a", Type{Batch: true, Shape: []int{3}}), p.Input("b", Type{Batch: true, Shape: []int{4}})
	assert.PanicsWithValue(t, "bug: %2 (map): argument b of type [N, 4] does not broadcast with those before it", func() { p.Map(ir.In(0), a, b) })
	assert.Panics(t, func() { p.SumTo(a, []int{2}) })
	assert.Len(t, p.Nodes, 2)
}

func TestBroadcast(t *testing.T) {
	shape := func(batch bool, dims ...int) Type { return Type{Batch: batch, Shape: dims} }
	for _, c := range []struct{ a, b, want Type }{
		{shape(false), shape(true), shape(true)},
		{shape(true, 4, 1, 3), shape(false, 2, 1), shape(true, 4, 2, 3)},
		{shape(false, 3), shape(true, 5, 3), shape(true, 5, 3)},
		{shape(false, 1), shape(false, 7), shape(false, 7)},
	} {
		assert.True(t, c.want.Equal(Broadcast(c.a, c.b)), "%v with %v", c.a, c.b)
		assert.True(t, c.want.Equal(Broadcast(c.b, c.a)), "%v with %v", c.b, c.a)
	}
	assert.Panics(t, func() { Broadcast(shape(true, 2, 3), shape(true, 2)) })
}
