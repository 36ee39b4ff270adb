package programs

import (
	"fmt"
	"slices"
	"strings"
)

// Nonlinearities that hidden layers are tried with.
var nonlinearities = []string{"tanh", "relu", "leaky_relu(0.1)", "sigmoid", "softplus", "identity"}

// sizes and batches that no vector, tile or block divides, and some that they do.
var (
	sizes   = []int{7, 257, 10, 3, 1}
	batches = []int{7, 64, 1}
)

// optimizers of both groups, with decay of the weights.
var optimizers = []string{
	"momentum(lr = 0.005, momentum = 0.8, weight_decay = 0.1)", "rmsprop(lr = 0.001, rho = 0.8, eps = 1e-4, weight_decay = 0.1)",
	"adam(lr = 0.002, beta1 = 0.8, beta2 = 0.95, eps = 1e-4, weight_decay = 0.1)", "nesterov(lr = 0.005, momentum = 0.8)",
}

// Plain gradient descent, at rates that do not diverge.
const (
	sgd     = "sgd(lr = 0.01)"
	sgdWide = "sgd(lr = 0.001)" // of hundreds of units
)

// A Network is a network's text in pieces, for any rule and nonlinearity.
type Network struct {
	Name   string
	Input  string
	Layers []string // with σ for the nonlinearity
	Output string   // without the auxiliary part
	Train  string   // further settings of training
	// NoInverse says that a layer has no inverse, so that rules which learn inverses refuse it.
	NoInverse bool
}

// With writes the program that trains a network by a rule.
func (n Network) With(r Rule, nonlinearity, optimizer string, batch int) Program {
	method, _, _ := strings.Cut(optimizer, "(")
	name := strings.Join([]string{n.Name, r.Name + " " + r.Schedule, nonlinearity, method, fmt.Sprint(batch)}, "/")
	var b strings.Builder
	fmt.Fprintf(&b, "network n {\n  input %s\n", n.Input)
	for i, layer := range n.Layers {
		fmt.Fprintf(&b, "  layer l%d = %s\n", i+1, strings.ReplaceAll(layer, "σ", nonlinearity))
	}
	b.WriteString("  output y = " + strings.ReplaceAll(n.Output, "σ", nonlinearity))
	if r.Aux {
		b.WriteString(", aux 5")
	}
	settings := ""
	if r.Inverses {
		settings = "(schedule = " + r.Schedule + ")"
	}
	fmt.Fprintf(&b, "\n}\n\nlearn %s%s {\n  forward %s\n  inverse %s\n}\n\ntrain on npy(\"x.npy\", \"y.npy\") { batch %d  %s }\n", r.Name, settings, optimizer, optimizer, batch, n.Train)
	return Program{Name: name, Text: b.String()}
}

// dense is a fully connected network with the sizes from the k-th on.
func dense(k int) Network {
	at := func(i int) int { return sizes[(k+i)%len(sizes)] }
	output := "softmax"
	if at(3) == 1 {
		output = "sigmoid" // the soft-max of one unit is 1, and every gradient a rounding error
	}
	return Network{
		Name: fmt.Sprintf("dense %d-%d-%d-%d", at(0), at(1), at(2), at(3)), Input: fmt.Sprint(at(0)),
		Layers: []string{fmt.Sprintf("all -> %d, σ", at(1)), fmt.Sprintf("all -> %d, σ", at(2))}, Output: fmt.Sprintf("all -> %d, %s", at(3), output),
	}
}

// fields are networks of every connectivity, small.
var fields = []Network{
	{Name: "untied", Input: "image 6x5x2", Layers: []string{"field 3x3 -> 3, untied, σ", "field 2x3 stride 2 -> 4, untied, σ"}, Output: "all -> 3, softmax"},
	{Name: "shared", Input: "image 6x5x2", Layers: []string{"field 3x3 -> 3, shared, σ", "field 2x3 stride 2 -> 4, shared, σ"}, Output: "all -> 3, softmax"},
	{Name: "tiled", Input: "image 7x5x2", Layers: []string{"field 3x3 -> 3, share tile 2x3, σ", "field 3x2 stride 2x1 -> 4, share tile 3x2, σ"}, Output: "all -> 3, softmax"},
	{Name: "groups", Input: "image 5x6x4", Layers: []string{"field 3x3 groups 2 -> 6, untied, σ", "field 3x1 groups 3 -> 3, shared, σ"}, Output: "all -> 3, softmax"},
	{Name: "dilation", Input: "image 7x9x2", Layers: []string{"field 3x2 dilation 2x3 -> 3, untied, σ", "field 3x3 dilation 2 stride 2 -> 2, shared, σ"}, Output: "all -> 3, softmax"},
	{Name: "padding", Input: "image 5x7x2", Layers: []string{"field 3x4 stride 2x3 pad 2x0x1x3 -> 3, untied, σ", "field 2x2 pad 1 -> 2, shared, σ"}, Output: "all -> 3, softmax"},
	{Name: "strides that do not divide", Input: "image 9x8x1", Layers: []string{"field 2x3 stride 3x2 valid -> 4, untied, σ", "field 1x2 stride 2x3 valid -> 5, shared, σ"}, Output: "all -> 3, softmax"},
	{Name: "1x1", Input: "image 4x3x3", Layers: []string{"field 1x1 -> 5, untied, σ", "field 1x1 stride 2 -> 4, shared, σ"}, Output: "all -> 3, softmax"},
	{Name: "over the border", Input: "image 2x3x2", Layers: []string{"field 5x5 -> 3, untied, σ", "field 7x4 stride 2 -> 3, share tile 1x2, σ"}, Output: "all -> 3, softmax"},
	{Name: "dense below a field", Input: "image 3x4x2", Layers: []string{"all -> 12, σ", "field 3x3 -> 4, untied, σ"}, Output: "all -> 3, softmax"},
	{Name: "dense between fields", Input: "image 4x4x1", Layers: []string{"field 3x3 -> 2, shared, σ", "all -> 7, σ", "field 1x1 -> 3, shared, σ"}, Output: "all -> 3, softmax"},
	{Name: "field at the output", Input: "image 5x4x2", Layers: []string{"all -> 6, σ", "field 1x1 -> 8, σ"}, Output: "field 1x1 -> 4, softmax"},
	{Name: "locations at the output", Input: "image 5x4x2", Layers: []string{"field 3x3 stride 2 -> 3, shared, σ"}, Output: "field 2x2 -> 2, untied, sigmoid"},
	{Name: "17 channels", Input: "image 4x4x3", Layers: []string{"field 3x3 stride 2 -> 17, untied, σ", "field 2x2 -> 16, shared, σ"}, Output: "all -> 10, softmax"},
	{Name: "inverse all", Input: "image 5x4x2", Layers: []string{"field 3x3 -> 2, untied, σ", "field 3x3 stride 2 -> 3, untied, inverse all, σ", "field 2x2 -> 3, shared, inverse all, σ"}, Output: "all -> 3, softmax"},
	{Name: "inverse field", Input: "image 6x5x2", Layers: []string{"field 3x3 -> 2, untied, σ", "field 3x3 stride 2 -> 3, untied, inverse field 5x4 stride 2, σ", "field 2x2 -> 3, shared, inverse field 3x3, σ"},
		Output: "all -> 3, softmax"},
	{Name: "inverse exact", Input: "image 5x4x2", Layers: []string{"field 3x3 -> 2, untied, σ", "field 3x3 stride 2 -> 3, shared, inverse exact, σ", "all -> 6, inverse exact, σ"}, Output: "all -> 3, softmax, inverse exact"},
	{Name: "inverses mixed", Input: "image 5x4x2", Layers: []string{"field 3x3 -> 2, untied, σ", "field 3x3 stride 2 -> 3, untied, inverse exact, σ", "field 2x2 -> 3, untied, inverse all, σ"}, Output: "all -> 3, softmax"},
	{Name: "pooling", Input: "image 6x7x2", Layers: []string{"field 3x3 -> 3, shared, σ", "pool max 2x2", "field 2x2 -> 4, untied, σ", "pool average 2x3 stride 1x2 same"}, Output: "all -> 3, softmax", NoInverse: true},
	{Name: "overlapping maxima", Input: "image 7x6x2", Layers: []string{"pool max 3x2 stride 2x1", "field 2x2 -> 3, σ", "pool average 2x2"}, Output: "all -> 3, softmax", NoInverse: true},
	{Name: "flatten and dropout", Input: "image 4x5x2", Layers: []string{"field 3x3 -> 3, untied, σ", "flatten", "dropout 0.3", "all -> 7, σ", "dropout 0.5"}, Output: "all -> 3, softmax"},
	{Name: "one location", Input: "image 3x4x2", Layers: []string{"field 3x4 valid -> 5, shared, σ", "field 1x1 -> 7, untied, σ", "field 3x2 -> 6, share tile 2x2, σ"}, Output: "all -> 3, softmax"},
	{Name: "16 and more", Input: "24", Layers: []string{"all -> 33, σ", "all -> 17, σ"}, Output: "all -> 9, softmax"},
	{Name: "no bias", Input: "image 4x4x2", Layers: []string{"field 3x3 -> 3, untied, no_bias, σ", "all -> 5, no_bias, σ"}, Output: "all -> 3, softmax, no_bias"},
	{Name: "8 channels and more", Input: "image 4x5x8", Layers: []string{"field 3x3 -> 17, shared, σ", "field 2x2 stride 2 -> 16, untied, σ", "field 2x2 groups 2 -> 16, share tile 2x1, σ"}, Output: "all -> 10, softmax"},
	{Name: "squared error", Input: "9", Layers: []string{"all -> 8, σ", "all -> 7, σ"}, Output: "all -> 4, identity"},
	{Name: "autoencoder", Input: "12", Layers: []string{"all -> 8, σ", "all -> 3, σ", "all -> 8, σ"}, Output: "all -> 12, sigmoid", Train: "target input"},
	{Name: "autoencoder of fields", Input: "image 4x3x2", Layers: []string{"field 3x3 stride 2 -> 4, untied, σ", "all -> 3, σ", "all -> 8, σ"}, Output: "all -> 24, identity", Train: "target input"},
	{Name: "one layer", Input: "image 3x3x2", Output: "field 3x3 valid -> 5, softmax"},
	{Name: "one hidden layer", Input: "10", Layers: []string{"all -> 33, σ"}, Output: "all -> 12, softmax"},
	{Name: "five hidden layers", Input: "10", Layers: []string{"all -> 9, σ", "all -> 8, σ", "all -> 20, σ", "all -> 6, σ", "all -> 5, σ"}, Output: "all -> 4, softmax"},
}

// equals are networks whose layers are alike, so that kernels share their code.
var equals = []Network{
	{Name: "equal layers", Input: "8", Layers: slices.Repeat([]string{"all -> 8, σ"}, 4), Output: "all -> 8, softmax"},
	{Name: "equal fields", Input: "image 4x4x3", Layers: slices.Repeat([]string{"field 3x3 -> 3, untied, σ"}, 3), Output: "all -> 3, softmax"},
}

// own are programs with rules of their own, for what the library's never write.
var own = []Program{
	{"feedback from the input", `network n {
  input image 5x4x2
  layer l1 = field 3x3 stride 2 -> 3, untied, tanh
  layer l2 = all -> 7, tanh
  output y = all -> 3, softmax
}

rule from_input {
  feedback B[l] from 0 to l   for hidden l
  delta[last] = gradient(loss, a[last])
  delta[l]    = (h[l] - B[l](h[0])) * derivative(f[l])   for hidden l
  descend f[l] along outer(delta[l], h[l-1])   for every l
}

learn from_input { forward sgd(lr = 0.01) }

train on npy("x.npy", "y.npy") { batch 7 }
`},
	{"feedback to the layer itself", `network n {
  input 6
  layer l1 = all -> 8, tanh
  layer l2 = all -> 17, tanh
  output y = all -> 5, softmax
}

rule from_itself {
  feedback B[l] from l to l   for hidden l
  target[l] = tanh(B[l](h[l])) - h[l]   for hidden l
  minimize |f[l](h[l-1]) - target[l]|^2   over f[l]   for hidden l
  minimize loss                           over f[last]
}

learn from_itself { forward sgd(lr = 0.01) }

train on npy("x.npy", "y.npy") { batch 9 }
`},
	{"maps that learn alike", `network n {
  input image 5x4x2
  layer l1 = field 3x3 -> 3, shared, tanh
  layer l2 = field 3x2 -> 4, shared, tanh
  layer l3 = field 2x2 -> 3, untied, tanh
  layer l4 = all -> 6, tanh
  output y = all -> 3, softmax
}

rule alike {
  inverse g[l] of f[l]   for l in 2..last
  delta[last] = gradient(loss, a[last])
  delta[l]    = g[l+1](delta[l+1])   for hidden l
  descend f[l] along outer(delta[l], h[l-1])   for every l
  descend g[l] along outer(h[l-1], delta[l])   for l in 2..3
  descend g[l] along outer(delta[l-1], h[l])   for l in 4..last
}

learn alike {
  forward sgd(lr = 0.01)
  inverse momentum(lr = 0.01)
}

train on npy("x.npy", "y.npy") { batch 7 }
`},
	{"a loss behind maxima sent back", `network n {
  input image 4x5x2
  layer l1 = field 3x3 -> 3, shared, tanh
  layer p1 = pool max 2x3 stride 2x1 same
  layer l2 = all -> 6, tanh
  output y = all -> 5, softmax
}

rule sent_back {
  inverse g[l] of f[l]   for l in 3..last
  minimize |transpose(f[2])(g[3](h[3])) - h[1]|^2   over g[3]
  minimize |h[3] - g[4](h[4])|^2                    over g[4]
  minimize |transpose(f[2])(f[2](f[1](h[0])))|^2    over f[1]
  minimize loss                                     over f[last]
}

learn sent_back {
  forward sgd(lr = 0.01)
  inverse sgd(lr = 0.01)
}

train on npy("x.npy", "y.npy") { batch 8 }
`},
}

// precisions of 16 bits.
var precisions = []string{"f16", "bf16"}

// In is the network with what travels between its kernels in a precision.
func (n Network) In(precision string) Network {
	n.Name += " in " + precision
	n.Train += "  precision " + precision
	return n
}

// Takes tells whether a rule can train a network: auxiliary outputs serve hidden layers.
func (n Network) Takes(r Rule) bool {
	return !(n.NoInverse && r.Inverses || len(n.Layers) == 0 && r.Aux)
}

// All is a selection that runs in about a minute: every rule and schedule meets every nonlinearity, every batch, every connectivity, every
// optimizer and every precision, though not all of them at once.
func All() []Program {
	var out []Program
	rules := Rules()
	for i, r := range rules {
		for j, f := range nonlinearities {
			out = append(out, dense((i+j)%len(sizes)).With(r, f, sgdWide, batches[(i+2*j)%len(batches)]))
		}
		out = append(out, dense(i%len(sizes)).With(r, nonlinearities[0], optimizers[i%len(optimizers)], 7))
		out = append(out, equals[i%len(equals)].With(r, nonlinearities[i%len(nonlinearities)], sgd, batches[i%len(batches)]))
		out = append(out, dense((i+1)%len(sizes)).In(precisions[i%len(precisions)]).With(r, nonlinearities[0], sgdWide, batches[i%len(batches)]))
	}
	for i, n := range fields {
		for k := range 3 {
			// Three of the rules, from another one on for each network.
			for j := range rules {
				if r := rules[(5*i+4*k+j)%len(rules)]; n.Takes(r) {
					out = append(out, n.With(r, nonlinearities[(i+k)%len(nonlinearities)], sgd, batches[(i+k)%len(batches)]))
					break
				}
			}
		}
		r := rules[(3*i+1)%len(rules)]
		if n.Takes(r) {
			out = append(out, n.With(r, nonlinearities[0], optimizers[i%len(optimizers)], 7))
			out = append(out, n.In(precisions[i%len(precisions)]).With(r, nonlinearities[0], sgd, batches[i%len(batches)]))
		}
	}
	return append(out, own...)
}

// Full is the whole product, of hours: rules and schedules, nonlinearities, batches, and both all sizes in all places and all connectivities; the optimizers in turn.
func Full() []Program {
	var out []Program
	for i, n := range Networks() {
		descent := sgd
		if i >= len(fields)+len(equals) {
			descent = sgdWide
		}
		for _, r := range Rules() {
			if !n.Takes(r) {
				continue
			}
			for _, f := range nonlinearities {
				for _, batch := range batches {
					out = append(out, n.With(r, f, descent, batch))
				}
			}
			for _, o := range optimizers {
				out = append(out, n.With(r, nonlinearities[0], o, 7))
			}
			for _, p := range precisions {
				for _, batch := range batches {
					out = append(out, n.In(p).With(r, nonlinearities[0], descent, batch))
				}
			}
		}
	}
	return append(out, own...)
}

// Networks are the table's networks: fully connected of every size, and of every connectivity.
func Networks() []Network {
	out := slices.Concat(fields, equals)
	for k := range sizes {
		out = append(out, dense(k))
	}
	return out
}
