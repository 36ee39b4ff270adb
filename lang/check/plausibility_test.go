package check_test

import (
	"fmt"
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
		{"errors with a little activity", `
  delta[last] = gradient(loss, a[last]) + 0.001 * a[last]
  delta[l]    = transpose(f[l+1])(delta[l+1]) * derivative(f[l]) + 0.001 * h[l]   for hidden l` + "\n" + along, backpropagation},
		{"a difference of what came down over signs", `
  is[last]     = h[last]
  should[last] = label
  is[l]        = transpose(sign(f[l+1]))(is[l+1])       for hidden l
  should[l]    = transpose(sign(f[l+1]))(should[l+1])   for hidden l
  delta[l]     = is[l] - should[l]                      for every l` + "\n" + along, "transport l1 l2; errors l1 l2"},
		{"the transpose of an inverse that nobody learns", `
  fixed inverse g[l] of f[l]   for l in 2..last
  target[1] = h[1]
  target[l] = h[l] + transpose(g[l])(h[l-1])   for l in 2..last-1` + "\n" + toTargets, ""},
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

// Forms of the output's error, all of which direct feedback brings to the layers below, and of targets, which are none.
func TestPlausibilityKnowsErrors(t *testing.T) {
	const all = "errors l1 l2"
	for form, want := range map[string]string{
		"h[last] - label":            all,
		"label - h[last]":            all,
		"h[last] - 0.999999 * label": all,
		"0.5 * (h[last] - label) + 0.25 * h[last] - 0.25 * label": all,
		"h[last] * (1 - label / h[last])":                         all,
		"log(exp(h[last]) / exp(label))":                          all,
		"log(exp(h[last]) * exp(-label))":                         all,
		"tanh(h[last] - label)":                                   all,
		"(h[last] - label)^3":                                     all,
		"max(h[last], label)":                                     all,
		"h[last] * h[last] - 2 * h[last] * label + label * label": all,
		"gradient(loss, a[last]) + 0.000001 * h[last]":            all,
		"gradient(loss, a[last]) * h[last]":                       all,
		"k * (h[last] - label)":                                   all,
		"h[last] - label + k * h[last]":                           all,
		"h[last] * loss":                                          all + "; non-local y",
		"h[last] * |h[last] - label|^2":                           all + "; non-local y",
		"tanh(label + 0.1 * h[last]) - tanh(label)":               all,
		"label - tanh(label)":                                     "",
		"h[last] - 0.1 * (h[last] - label) * h[last]":             "",
		"h[last] - (h[last] - label) / 10":                        "",
		"label * label":                                           "",
		"label * (1 - label)":                                     "",
		"label":                                                   "",
		"tanh(label)":                                             "",
		"label + normal(0.1)":                                     "",
		"0.9 * h[last] + 0.1 * label":                             "",
		"h[last] - 0.1 * (h[last] - label)":                       "",
		"h[last] - 0.1 * gradient(loss, a[last])":                 "",
		"h[last] * h[last]":                                       "",
	} {
		t.Run(form, func(t *testing.T) {
			p, diagnostics := checked("mine.bnet", "rule mine(k = 0) {\n  feedback R[l] from last to l   for hidden l\n  delta[last] = gradient(loss, a[last])\n  e = "+form+
				"\n  delta[l] = R[l](e) * derivative(f[l])   for hidden l\n  descend f[l] along outer(delta[l], h[l-1])   for every l\n}\n\n"+
				"network n {\n  input image 7x5x2\n  layer l1 = all -> 5, tanh\n  layer l2 = all -> 4, tanh\n  output y = all -> 3, softmax\n}\n\nlearn mine { forward sgd(lr = 0.1) }\n")
			require.NotNil(t, p, diagnostics)
			require.Equal(t, want, found(p.Report), p.Report.String())
		})
	}
}

// Halves of a difference that are divided, or that come through maps behind which no nonlinearity stands, are a difference all the same.
func TestPlausibilityOfLinearMaps(t *testing.T) {
	const targets = `
  inverse g[l] of f[l]   for l in 2..last
  target[last] = label
  target[l]    = h[l] - g[l+1](h[l+1]) + g[l+1](target[l+1])   for hidden l
  minimize |h[l-1] - g[l](f[l](h[l-1]))|^2   over g[l]   for l in 2..last
  minimize |f[l](h[l-1]) - target[l]|^2   over f[l]   for hidden l
  minimize loss   over f[last]`
	const upwards = `
  feedback R[1] from last to 1
  delta[1]    = h[1]
  delta[2]    = f[2](h[1]) - f[2](R[1](label))
  delta[last] = gradient(loss, a[last])
  descend f[l] along outer(delta[l], h[l-1])   for every l`
	for _, c := range []struct{ rule, l1, l2, want string }{
		{targets, "tanh", "tanh", ""},
		{targets, "identity", "tanh", "errors l1"},
		{targets, "tanh", "identity", "errors l2"},
		{targets, "identity", "identity", "errors l1 l2"},
		{`
  feedback R[l] from last to l   for hidden l
  delta[last] = gradient(loss, a[last])
  delta[l]    = R[l](h[last]) / 2 - 0.5 * R[l](label)   for hidden l
  descend f[l] along outer(delta[l], h[l-1])   for every l`, "tanh", "tanh", "errors l1 l2"},
		{upwards, "tanh", "identity", "errors l2"},
		{upwards, "tanh", "tanh", ""},
	} {
		p, diagnostics := learned(c.rule, "layer l1 = all -> 5, "+c.l1+"\n  layer l2 = all -> 4, "+c.l2+"\n  output y = all -> 3, softmax")
		require.NotNil(t, p, diagnostics)
		require.Equal(t, c.want, found(p.Report), p.Report.String())
	}
}

// Equations that name each other twice are looked at once each: forty of them have a million million ways through.
func TestPlausibilityLooksOnce(t *testing.T) {
	rule := "  feedback R[l] from last to l   for hidden l\n  x0 = h[last] - label\n  k0 = 0.5\n"
	for i := range 40 {
		rule += fmt.Sprintf("  x%d = x%d * 0.5 + x%d\n  k%d = k%d * 0.5 + k%d * k%d\n", i+1, i, i, i+1, i, i, i)
	}
	p, diagnostics := learned(rule+"  delta[last] = gradient(loss, a[last])\n  delta[l] = R[l](k40 * x40)   for hidden l\n  descend f[l] along outer(delta[l], h[l-1])   for every l",
		"layer l1 = all -> 5, tanh\n  layer l2 = all -> 4, tanh\n  output y = all -> 3, softmax")
	require.NotNil(t, p, diagnostics)
	require.Equal(t, "errors l1 l2", found(p.Report), p.Report.String())
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
