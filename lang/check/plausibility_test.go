package check_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/lang/check"
)

// found are the layers at which each column of a report shows something: "transport l1 l2; errors l1".
func found(r *check.Plausibility) string {
	var out []string
	for _, c := range []struct {
		name string
		of   func(check.LayerPlausibility) []check.Evidence
	}{
		{"transport", func(r check.LayerPlausibility) []check.Evidence { return r.WeightTransport }},
		{"errors", func(r check.LayerPlausibility) []check.Evidence { return r.TransportedError }},
		{"non-local", func(r check.LayerPlausibility) []check.Evidence { return r.NonLocal }},
		{"sharing", func(r check.LayerPlausibility) []check.Evidence { return r.WeightSharing }},
		{"gradient", func(r check.LayerPlausibility) []check.Evidence { return r.TaskGradient }},
	} {
		line := c.name
		for _, row := range r.Rows {
			if len(c.of(row)) > 0 {
				line += " " + row.Layer
			}
		}
		if line != c.name {
			out = append(out, line)
		}
	}
	return strings.Join(out, "; ")
}

const backpropagation = "transport l1 l2; errors l1 l2; gradient l1 l2"

// TestPlausibilityIsOfTheDataflow: rules under names that say nothing, written in ways that hide what they do.
func TestPlausibilityIsOfTheDataflow(t *testing.T) {
	const along = "  descend f[l] along outer(delta[l], h[l-1])   for every l\n"
	const inverses = "  inverse g[l] of f[l]   for l in 2..last\n  minimize |h[l-1] - g[l](f[l](h[l-1]))|^2   over g[l]   for l in 2..last\n"
	const toTargets = "  minimize |f[l](h[l-1]) - target[l]|^2   over f[l]   for hidden l\n  minimize loss   over f[last]\n"
	for _, c := range []struct{ name, rule, want string }{
		{"backpropagation", `
  delta[last] = gradient(loss, a[last])
  delta[l]    = transpose(f[l+1])(delta[l+1]) * derivative(f[l])   for hidden l` + "\n" + along, backpropagation},
		{"by way of names", `
  message[l]  = transpose(f[l+1])(delta[l+1])   for hidden l
  slope[l]    = derivative(f[l])                for hidden l
  delta[last] = gradient(loss, a[last])
  delta[l]    = slope[l] * message[l]           for hidden l` + "\n" + along, backpropagation},
		{"in the middle of an expression", `
  delta[last] = gradient(loss, a[last])
  delta[l]    = 2 * -(derivative(f[l]) * transpose(f[l+1])(0.5 * delta[l+1])) / 3   for hidden l` + "\n" + along, backpropagation},
		{"an error written out", `
  delta[last] = h[last] - label
  delta[l]    = transpose(f[l+1])(delta[l+1]) * derivative(f[l])   for hidden l` + "\n" + along, backpropagation},
		{"an error scaled and turned around", `
  delta[last] = -(0.25 * label + 0.75 * label - h[last])
  delta[l]    = transpose(f[l+1])(delta[l+1]) * derivative(f[l])   for hidden l` + "\n" + along, backpropagation},
		{"a difference of what came down", `
  is[last]     = h[last]
  should[last] = label
  is[l]        = transpose(f[l+1])(is[l+1])       for hidden l
  should[l]    = transpose(f[l+1])(should[l+1])   for hidden l
  delta[l]     = is[l] - should[l]                for every l` + "\n" + along, backpropagation},
		{"a loss through the layer above", `
  minimize |f[last](f[last-1](h[last-2])) - label|^2   over f[last-1]
  minimize loss   over f[last]
  descend f[1] along outer(h[1], h[0])`, "transport l2; errors l2; non-local l2; gradient l2"},
		{"signs alone", `
  delta[last] = gradient(loss, a[last])
  delta[l]    = transpose(sign(f[l+1]))(delta[l+1]) * derivative(f[l])   for hidden l` + "\n" + along, "transport l1 l2; errors l1 l2"},
		{"fixed feedback, layer by layer", `
  feedback R[l] like f[l]   for l in 2..last
  delta[last] = gradient(loss, a[last])
  delta[l]    = transpose(R[l+1])(delta[l+1]) * derivative(f[l])   for hidden l` + "\n" + along, "errors l1 l2"},
		{"signs of errors over fixed feedback", `
  feedback R[l] like f[l]   for l in 2..last
  delta[last] = gradient(loss, a[last])
  delta[l]    = transpose(R[l+1])(sign(delta[l+1])) * derivative(f[l])   for hidden l` + "\n" + along, "errors l1 l2"},
		{"two projections, and their difference here", `
  feedback R[l] from last to l   for hidden l
  delta[last] = gradient(loss, a[last])
  delta[l]    = (R[l](h[last]) - R[l](label)) * derivative(f[l])   for hidden l` + "\n" + along, "errors l1 l2"},
		{"the label itself, projected", `
  feedback R[l] from last to l   for hidden l
  delta[last] = gradient(loss, a[last])
  delta[l]    = R[l](label) * derivative(f[l])   for hidden l` + "\n" + along, ""},
		{"a projected label as target", `
  feedback R[l] from last to l   for hidden l
  target[l] = R[l](label)   for hidden l` + "\n" + toTargets, ""},
		{"difference targets", inverses + `
  target[last] = label
  target[l]    = h[l] - g[l+1](h[l+1]) + g[l+1](target[l+1])   for hidden l` + "\n" + toTargets, ""},
		{"an error through learned inverses", inverses + `
  delta[last] = gradient(loss, a[last])
  delta[l]    = g[l+1](delta[l+1])   for hidden l` + "\n" + along, "errors l1 l2"},
		{"the transpose of a learned inverse", inverses + `
  target[1] = h[1]
  target[l] = h[l] + transpose(g[l])(h[l-1])   for l in 2..last-1` + "\n" + toTargets, "transport l2"},
		{"a target that moves along the gradient", inverses + `
  target[last-1] = h[last-1] - 0.1 * gradient(loss, h[last-1])
  target[l]      = h[l] - g[l+1](h[l+1]) + g[l+1](target[l+1])   for l in 1..last-2` + "\n" + toTargets, "transport l2; errors l2; gradient l2"},
		{"a reward for all", `
  reward   = 1 - loss
  delta[l] = reward * h[l]   for every l` + "\n" + along, "non-local l1 l2 y"},
		{"a norm by way of a name", `
  size[l]  = |h[l]|^2        for every l
  delta[l] = h[l] / size[l]  for every l` + "\n" + along, "non-local l1 l2 y"},
		{"a loss scaled by another layer", `
  minimize |f[l](h[l-1]) - h[l]^2|^2 * |h[last]|^2   over f[l]   for hidden l
  minimize loss   over f[last]`, "non-local l1 l2"},
		{"a subspace, by the layer's own transpose", `
  descend f[l] along -outer(h[l], h[l-1] - transpose(f[l])(h[l]))   for every l`, "transport l1 l2 y"},
		{"Hebb's", `
  descend f[l] along outer(h[l] * h[l], 1) * weights(f[l]) - outer(h[l], h[l-1])   for every l`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, diagnostics := learned(c.rule, "layer l1 = all -> 5, tanh\n  layer l2 = all -> 4, tanh\n  output y = all -> 3, softmax")
			require.NotNil(t, p, diagnostics)
			require.Equal(t, c.want, found(p.Report), p.Report.String())
		})
	}
}

// learned checks a network that learns by a rule of which the body is given.
func learned(body, layers string) (*check.Program, string) {
	learn := "learn mine { forward sgd(lr = 0.1) }\n"
	if strings.Contains(body, "inverse g") {
		learn = "learn mine { forward sgd(lr = 0.1)  inverse sgd(lr = 0.1) }\n"
	}
	return checked("mine.bnet", "rule mine {\n"+body+"\n}\n\nnetwork n {\n  input image 7x5x2\n  "+layers+"\n}\n\n"+learn)
}

// TestPlausibilityOfExactInverses: they carry differences by the transposed weights, whatever the rule calls them.
func TestPlausibilityOfExactInverses(t *testing.T) {
	p, diagnostics := learned(`
  inverse g[l] of f[l]   for l in 2..last
  target[last] = label
  target[l]    = h[l] - g[l+1](h[l+1]) + g[l+1](target[l+1])   for hidden l
  minimize |h[l-1] - g[l](f[l](h[l-1]))|^2   over g[l]   for l in 2..last
  minimize |f[l](h[l-1]) - target[l]|^2   over f[l]   for hidden l
  minimize loss   over f[last]`, "layer l1 = all -> 5, tanh\n  layer l2 = all -> 4, tanh, inverse exact\n  output y = all -> 3, softmax, inverse exact")
	require.NotNil(t, p, diagnostics)
	require.Equal(t, backpropagation, found(p.Report), p.Report.String())
}

// TestPlausibilityOfSharing: one weight for several locations, forward and back, and none for untied and dense layers.
func TestPlausibilityOfSharing(t *testing.T) {
	p, diagnostics := learned("  descend f[l] along outer(h[l], h[l-1])   for every l",
		"layer l1 = field 3x3 -> 4, untied, tanh\n  layer l2 = field 3x3 -> 4, shared, tanh\n  layer l3 = field 3x3 -> 4, share tile 2x2, tanh\n  output y = all -> 3, softmax")
	require.NotNil(t, p, diagnostics)
	require.Equal(t, "sharing l2 l3", found(p.Report))
	require.Contains(t, p.Report.String(), "one weight of f[l2] serves 35 locations")
	require.Contains(t, p.Report.String(), "one weight of f[l3] serves 4 locations")
}

// TestRequire: every column has a word that forbids it; local forbids all but sharing; what a measure reads is no update.
func TestRequire(t *testing.T) {
	const bp = `
  require %s
  delta[last] = gradient(loss, a[last])
  delta[l]    = transpose(f[l+1])(delta[l+1]) * derivative(f[l])   for hidden l
  descend f[l] along outer(delta[l], h[l-1])   for every l`
	const layers = "layer l1 = field 3x3 -> 5, shared, tanh\n  output y = all -> 3, softmax"
	for word, code := range map[string]string{"local": "weight-transport", "no_weight_transport": "weight-transport", "no_transported_errors": "transported-errors",
		"no_task_gradient": "task-gradient", "no_weight_sharing": "weight-sharing", "no_non_local": "", "single_phase": ""} {
		p, diagnostics := learned(strings.Replace(bp, "%s", word, 1), layers)
		require.Equal(t, code == "", p != nil, word)
		if code != "" {
			require.Contains(t, diagnostics, "error["+code+"]", word)
			require.Equal(t, 1, strings.Count(diagnostics, "error["), diagnostics)
		}
	}
	p, diagnostics := learned(`
  require local
  descend f[l] along outer(h[l], h[l-1])   for every l
}
measure back[l] = |transpose(f[l+1])(h[l+1])|^2   for hidden l
rule other {
  minimize loss   over f[last]`, layers)
	require.NotNil(t, p, diagnostics)
}
