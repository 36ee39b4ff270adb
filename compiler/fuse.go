package compiler

import (
	"fmt"
	"slices"
	"strings"

	"bnetc/ir"
	"bnetc/ir/tensor"
)

// fuse decides which nodes share a kernel, and writes the kernel's name on each:
//
//	%20 = linear apply l2.inverse h.l2, l2.V                 @ target.l1
//	%21 = linear apply l2.inverse target.l2, l2.V            @ target.l1     one pass over l2.V
//	target.l1 = map "$0 - tanh($1 + $3) + tanh($2 + $3)" …   @ target.l1     epilogue
//	%24 = map "…($0 - $1)…" h.l1, target.l1                  @ target.l1     derivative of the local loss
//	%31 = linear outer l1 %24, x                             @ learn_l1.W
//	update adam l1.W, %31                                    @ learn_l1.W    the gradient is never stored
//
// It starts with a kernel for each node and joins two whenever the result is still one loop nest and no third kernel would
// have to run between them; what it declines it says. Four rounds, in order of worth: optimizers into gradients, products that read the
// same weights, element-wise work into the product it reads, and the rest among itself; where a kernel costs more to start than small work takes, a fifth, of losses, biases and noise.
func fuse(p *tensor.Program, t *Target) []Remark {
	var remarks []Remark
	for _, l := range listsOf(p) {
		f := newFusion(p, l)
		f.learn()
		f.stack()
		f.epilogues(t.Join > 0)
		f.rows()
		if t.Wide {
			f.losses()
		}
		if t.Join > 0 {
			f.sums(t.Join)
			f.noise()
		}
		f.name(l)
		remarks = append(remarks, f.remarks...)
	}
	return remarks
}

// A group is the nodes of one kernel.
type group struct {
	nodes []*tensor.Node
	dead  bool
}

type fusion struct {
	list    *list
	of      map[*tensor.Node]*group
	groups  []*group
	readers map[*tensor.Node][]*tensor.Node
	remarks []Remark
}

func newFusion(p *tensor.Program, l *list) *fusion {
	f := &fusion{list: l, of: map[*tensor.Node]*group{}, readers: map[*tensor.Node][]*tensor.Node{}}
	for _, n := range l.nodes {
		g := &group{nodes: []*tensor.Node{n}}
		f.groups = append(f.groups, g)
		f.of[n] = g
		for _, a := range n.Args {
			f.readers[a] = append(f.readers[a], n)
		}
	}
	return f
}

// before lists the groups that must have run before g: those it reads, and, where g updates a parameter, those that read its old value.
func (f *fusion) before(g *group) []*group {
	var out []*group
	add := func(n *tensor.Node) {
		if b := f.of[n]; b != nil && b != g && !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	for _, n := range g.nodes {
		for _, a := range n.Args {
			add(a)
		}
		if n.Op == tensor.Update {
			for _, r := range f.readers[n.Args[0]] {
				if r != n {
					add(r)
				}
			}
		}
	}
	return out
}

// reaches tells whether a must run before b by way of a third group; direct says whether an immediate edge counts too.
func (f *fusion) reaches(a, b *group, direct bool) bool {
	seen := map[*group]bool{}
	var up func(g *group) bool
	up = func(g *group) bool {
		for _, p := range f.before(g) {
			if p == a {
				if g != b || direct {
					return true
				}
				continue
			}
			if !seen[p] {
				seen[p] = true
				if up(p) {
					return true
				}
			}
		}
		return false
	}
	return up(b)
}

// join merges b into a unless a third group would have to run in between, or one has a product of all that the other computes.
func (f *fusion) join(a, b *group) bool {
	if a == b {
		return true
	}
	if f.reaches(a, b, false) || f.reaches(b, a, false) || f.multiplies(a, b) || f.multiplies(b, a) {
		return false
	}
	a.nodes = append(a.nodes, b.nodes...)
	slices.SortFunc(a.nodes, func(x, y *tensor.Node) int { return x.ID - y.ID })
	for _, n := range b.nodes {
		f.of[n] = a
	}
	b.nodes, b.dead = nil, true
	return true
}

// multiplies tells whether a product of b reads what a computes: each sum needs all of it, which no loop over its elements has.
func (f *fusion) multiplies(a, b *group) bool {
	return slices.ContainsFunc(b.nodes, func(n *tensor.Node) bool {
		return isProduct(n) && slices.ContainsFunc(n.Args, func(x *tensor.Node) bool { return f.of[x] == a })
	})
}

func (f *fusion) remark(subject, text string) {
	f.remarks = append(f.remarks, Remark{Subject: subject, Text: text})
}

// learn joins each Update with the gradient it consumes: products over the batch, sums over the batch, and arithmetic on them.
// All metric sums of a list make one kernel.
func (f *fusion) learn() {
	var metrics *group
	for _, u := range f.list.updates {
		if u.Args[0].Param.Kind != tensor.Metric {
			f.absorb(f.of[u], u, u.Args[0].Name)
			if len(f.of[u].nodes) > 1 {
				f.remark(u.Args[0].Name, u.Optimizer+" into the gradient, which is never stored")
			}
		} else if metrics == nil {
			metrics = f.of[u]
		} else {
			f.join(metrics, f.of[u])
		}
	}
	if metrics != nil {
		for _, u := range slices.Clone(metrics.nodes) {
			f.absorb(metrics, u, u.Args[0].Name)
		}
	}
}

// absorb joins into the group of an Update of a param what n, which is in it, reads and nothing else does.
func (f *fusion) absorb(g *group, n *tensor.Node, param string) {
	for _, a := range n.Args {
		if f.of[a] == nil || f.of[a] == g || !overBatch(a) {
			continue
		}
		only := true
		for _, r := range f.readers[a] {
			only = only && f.of[r] == g
		}
		if !only {
			f.remark(param, a.Label()+" of its gradient is stored: it has other readers")
			continue
		}
		if f.join(g, f.of[a]) {
			f.absorb(g, a, param)
		}
	}
}

// overBatch tells whether a node belongs to a gradient's kernel rather than to the samples: it has no batch, or sums locations for one that has not.
func overBatch(n *tensor.Node) bool {
	return !n.Type.Batch || n.Op == tensor.Reduce && n.Kind == tensor.SumTrailing
}

// stack joins products that read the same weights in the same role, so that each weight is read once for all of them.
func (f *fusion) stack() {
	byWeights := map[string][]*tensor.Node{}
	var order []string
	for _, n := range f.list.nodes {
		if isProduct(n) {
			k := fmt.Sprint(n.Args[0].ID, n.Role, *n.Rel)
			if byWeights[k] == nil {
				order = append(order, k)
			}
			byWeights[k] = append(byWeights[k], n)
		}
	}
	for _, k := range order {
		nodes := byWeights[k]
		for i, n := range nodes[1:] {
			if f.of[n] == f.of[nodes[0]] {
				continue
			}
			weights := n.Args[0].Name
			if f.reaches(f.of[nodes[0]], f.of[n], true) || f.reaches(f.of[n], f.of[nodes[0]], true) {
				f.remark(weights, "read again: one product over it needs the result of another")
			} else if f.join(f.of[nodes[0]], f.of[n]) {
				f.remark(weights, fmt.Sprintf("%d products in one pass over it", i+2))
			}
		}
	}
}

func isProduct(n *tensor.Node) bool { return n.Op == tensor.Linear && n.Role != ir.Outer }

// epilogues joins element-wise work into the product whose result it reads; work on noise only where that is drawn ahead.
func (f *fusion) epilogues(noise bool) {
	for _, n := range f.list.nodes {
		if n.Op != tensor.Map || !n.Type.Batch || len(n.Type.Shape) == 0 {
			continue
		}
		if !noise && slices.ContainsFunc(n.Args, func(a *tensor.Node) bool { return a.Op == tensor.Random }) {
			continue
		}
		for _, a := range n.Args {
			g := f.of[a]
			if g == nil || g == f.of[n] || !slices.ContainsFunc(g.nodes, isProduct) || !slices.Equal(a.Type.Shape, n.Type.Shape) {
				continue
			}
			if mixed(f.of[n], g) {
				continue
			}
			if !f.join(g, f.of[n]) {
				f.remark(n.Label(), "kept out of "+a.Label()+"'s product: it needs a later value too")
			}
		}
	}
}

// mixed tells whether joining would put two different loop structures of products into one kernel.
func mixed(a, b *group) bool {
	for _, x := range a.nodes {
		for _, y := range b.nodes {
			if isProduct(x) && isProduct(y) && !sameLoops(x, y) {
				return true
			}
		}
	}
	return false
}

// isRow tells whether a group is over samples, without a product.
func isRow(g *group) bool {
	return g != nil && !slices.ContainsFunc(g.nodes, func(n *tensor.Node) bool {
		return n.Op == tensor.Linear || n.Op == tensor.Update || overBatch(n)
	})
}

// losses joins what nothing but the metrics read, whatever layers it belongs to.
func (f *fusion) losses() {
	var first *group
	for _, n := range f.list.nodes {
		g := f.of[n]
		if !isRow(g) || slices.ContainsFunc(g.nodes, func(n *tensor.Node) bool {
			return slices.ContainsFunc(f.readers[n], func(r *tensor.Node) bool { return f.of[r] != g && !isMetrics(f.of[r]) })
		}) {
			continue
		}
		if first == nil {
			first = g
		}
		f.join(first, g)
	}
}

// sums joins the updates of parameters whose gradients are sums over the batch (biases), as many as touch so many buffers.
func (f *fusion) sums(buffers int) {
	var into *group
	for _, u := range f.list.updates {
		g := f.of[u]
		if isMetrics(g) || slices.ContainsFunc(g.nodes, func(n *tensor.Node) bool { return n.Op == tensor.Linear }) {
			continue
		}
		if into != nil && g != into && touched(into)+touched(g) <= buffers && f.join(into, g) {
			f.remark(u.Args[0].Name, "updated in one kernel with other sums over the batch")
		} else {
			into = g
		}
	}
}

// noise joins what products want drawn, whatever layers it is for.
func (f *fusion) noise() {
	var first *group
	for _, n := range f.list.nodes {
		if g := f.of[n]; drawn(g) {
			if first == nil {
				first = g
			}
			f.join(first, g)
		}
	}
}

// drawn tells whether a group is random numbers alone.
func drawn(g *group) bool {
	return !slices.ContainsFunc(g.nodes, func(n *tensor.Node) bool { return n.Op != tensor.Random })
}

// touched is how many buffers the kernel of a group of updates touches besides the settings.
func touched(g *group) int {
	var all []*tensor.Node
	for _, n := range g.nodes {
		for _, a := range n.Args {
			if (a.Op != tensor.Input || a.Type.Batch) && !slices.Contains(g.nodes, a) && !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return len(all)
}

// isMetrics tells whether a group adds to running sums.
func isMetrics(g *group) bool {
	return slices.ContainsFunc(g.nodes, func(n *tensor.Node) bool { return n.Op == tensor.Update && n.Args[0].Param.Kind == tensor.Metric })
}

// rows joins what is left over the same samples: soft-max, losses, noise.
func (f *fusion) rows() {
	for _, n := range f.list.nodes {
		if !isRow(f.of[n]) {
			continue
		}
		for _, a := range n.Args {
			if isRow(f.of[a]) {
				f.join(f.of[a], f.of[n])
			}
		}
	}
}

// name names each kernel after what it computes: the first named value, or learn_PARAMETER.
func (f *fusion) name(l *list) {
	taken := map[string]bool{}
	for _, g := range f.groups {
		if g.dead {
			continue
		}
		name := unlike(groupName(g), "_", taken)
		taken[name] = true
		for _, n := range g.nodes {
			n.Fuse = strings.ReplaceAll(l.name, " ", "_") + ":" + name
		}
	}
}

func groupName(g *group) string {
	switch {
	case isMetrics(g):
		return "metrics"
	case drawn(g):
		return "noise"
	}
	if u := updates(g); len(u) > 1 {
		return "learn_sums"
	} else if len(u) == 1 {
		return "learn_" + u[0].Args[0].Name
	}
	var best *tensor.Node
	for _, n := range g.nodes {
		if n.Name != "" && (best == nil || best.Op != n.Op || strings.HasPrefix(best.Name, "a.")) {
			best = n
		}
	}
	if best != nil {
		return best.Name
	}
	for _, n := range g.nodes {
		if isProduct(n) {
			return "with_" + n.Args[0].Name
		}
	}
	for _, n := range g.nodes {
		if n.Op == tensor.Reduce && n.Args[0].Name != "" {
			return n.Args[0].Name + "_loss"
		}
	}
	return "each_" + fmt.Sprint(g.nodes[0].ID)
}

// updates are the updates of a group.
func updates(g *group) (list []*tensor.Node) {
	for _, n := range g.nodes {
		if n.Op == tensor.Update {
			list = append(list, n)
		}
	}
	return list
}
