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
		{"what an inverse of the first layer leaves unexplained", `
  inverse g[1] of f[1]
  descend f[1] along outer(h[1], h[0] - g[1](h[1]))
  descend f[l] along outer(h[l], h[l-1])   for l in 2..last
  minimize |h[0] - g[1](h[1])|^2   over g[1]`, ""},
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

// Forms of the output's error and of targets. An error is one through fixed feedback and through a learned inverse without a nonlinearity, and stays one
// with a little activity beside it; behind a nonlinearity, points that an error has moved are points.
func TestPlausibilityKnowsErrors(t *testing.T) {
	const (
		clean = iota
		moved
		wrong
	)
	const inputs = "\n  delta[l] = R[l](e) * derivative(f[l])   for hidden l\n  feedback R[l] from last to l   for hidden l"
	const inverse = "\n  delta[2] = g[3](e) * derivative(f[2])\n  delta[1] = h[1]\n  inverse g[3] of f[3]\n  minimize |h[2] - g[3](h[3])|^2   over g[3]"
	for _, c := range []struct {
		form string
		want int
	}{
		{"h[last] - label", wrong},
		{"label - h[last]", wrong},
		{"-(0.25 * label + 0.75 * label - h[last])", wrong},
		{"h[last] - 0.999999 * label", wrong},
		{"0.999999 * h[last] - label", wrong},
		{"0.001 * h[last] - label", wrong},
		{"h[last] - 0.001 * label", moved},
		{"0.5 * (h[last] - label) + 0.25 * h[last] - 0.25 * label", wrong},
		{"2 * h[last] - label", moved},
		{"3 * h[last] - 2 * label", wrong},
		{"h[last] + (h[last] - label)", moved},
		{"a[last] - label", wrong},
		{"k * (h[last] - label)", wrong},
		{"(h[last] - label) * 0", wrong},
		{"label - h[last] + k * h[last]", wrong},
		{"h[last] - label + normal(0.1)", wrong},
		{"h[last] + log(0.5) * label", wrong},
		{"h[last] + tanh(-1) * label", wrong},
		{"(h[last] - label) / tanh(-1)", wrong},
		{"1 / h[last] + label", wrong},
		{"h[last] + h[last] * h[last] + label", wrong},
		{"0.3 * label - 0.1 * label - 0.2 * label + h[last] - h[last]", clean},
		{"h[last] * (1 - label / h[last])", wrong},
		{"h[last] - h[last] * label / h[last]", wrong},
		{"log(exp(h[last]) / exp(label))", wrong},
		{"log(exp(h[last]) * exp(-label))", wrong},
		{"log(exp(h[last])) - label", wrong},
		{"log(exp(h[last])) + log(exp(-label))", wrong},
		{"tanh(h[last] - label)", wrong},
		{"tanh(label + 0.1 * h[last]) - tanh(label)", wrong},
		{"tanh(label + h[last])", wrong},
		{"label + h[last] - 1 - sign(label + h[last] - 1)", wrong},
		{"(h[last] - label)^3", wrong},
		{"max(h[last], label)", wrong},
		{"h[last] * label", wrong},
		{"h[last] * h[last] - 2 * h[last] * label + label * label", wrong},
		{"h[last] - 0.1 * (h[last] - label) * h[last]", wrong},
		{"h[last] - 0.1 * h[last] * h[last] + 0.1 * label * h[last]", wrong},
		{"gradient(loss, a[last])", wrong},
		{"gradient(loss, a[last]) + 0.000001 * h[last]", wrong},
		{"gradient(loss, a[last]) + 0.6 * h[last]", wrong},
		{"gradient(loss, a[last]) + h[last]", moved},
		{"gradient(loss, a[last]) * h[last]", wrong},
		{"h[last] - gradient(loss, a[last]) * h[last]", wrong},
		{"h[last] - 0.1 * gradient(loss, a[last])", moved},
		{"h[last] - 2 * gradient(loss, a[last])", wrong},
		{"tanh(9) * h[last] - 0.1 * gradient(loss, a[last])", wrong},
		{"0 * gradient(loss, a[last])", wrong},
		{"label", clean},
		{"0.9 * label + 0.01", clean},
		{"label + normal(0.1)", clean},
		{"tanh(label)", clean},
		{"label * label", clean},
		{"label * (1 - label)", clean},
		{"label - tanh(label)", clean},
		{"h[last] * h[last]", clean},
		{"h[last] - h[last] * h[last]", clean},
		{"0.9 * h[last] + 0.1 * label", clean},
		{"-0.9 * h[last] - 0.1 * label", clean},
		{"h[last] - 0.1 * (h[last] - label)", clean},
		{"h[last] - (h[last] - label) / 10", clean},
		{"(9 * h[last] + label) / 10", clean},
		{"h[last] + k * label", clean},
		{"label + 0.3 * h[last] - 0.1 * h[last] - 0.2 * h[last]", clean},
		{"tanh(2) * (0.9 * h[last] + 0.1 * label)", clean},
		{"h[last] - (h[last] - label)", clean},
	} {
		t.Run(c.form, func(t *testing.T) {
			for _, way := range []struct {
				name, by, function, errors string
				from                       int
			}{
				{"fixed feedback", inputs, "tanh", "errors l1 l2", moved},
				{"a linear inverse", inverse, "identity", "errors l2", moved},
				{"a learned inverse", inverse, "tanh", "errors l2", wrong},
			} {
				for _, beside := range []string{"", " + 0.001 * h[last]"} {
					if beside != "" && c.want < way.from {
						continue
					}
					p, diagnostics := checked("mine.bnet", "rule mine(k = 0) {\n  delta[last] = gradient(loss, a[last])\n  e = "+c.form+beside+way.by+
						"\n  descend f[l] along outer(delta[l], h[l-1])   for every l\n}\n\nnetwork n {\n  input image 7x5x2\n  layer l1 = all -> 5, tanh\n  layer l2 = all -> 4, "+
						way.function+"\n  output y = all -> 3, softmax\n}\n\nlearn mine { forward sgd(lr = 0.1)  inverse sgd(lr = 0.1) }\n")
					require.NotNil(t, p, diagnostics)
					want := ""
					if c.want >= way.from {
						want = way.errors
					}
					require.Equal(t, want, found(p.Report), "by %s, %q\n%s", way.name, beside, p.Report)
				}
			}
		})
	}
}

// A number that tells how good the network is makes an error of what it multiplies, and is not at a synapse on either side of a map.
func TestPlausibilityOfRewards(t *testing.T) {
	for _, reward := range []string{"loss", "(1 - loss)", "|h[last] - label|^2", "dot(h[last], label)", "|label|^2"} {
		for _, form := range []string{"h[last] * %s", "%s * h[last] + h[last]", "%s * h[last] - label * %s", "tanh(h[last] * %s)"} {
			e := strings.ReplaceAll(form, "%s", reward)
			p, diagnostics := learned("  feedback R[l] from last to l   for hidden l\n  e = "+e+"\n  delta[last] = gradient(loss, a[last])\n  delta[l] = R[l](e)   for hidden l\n"+
				"  descend f[l] along outer(delta[l], h[l-1])   for every l", hidden("tanh", "tanh"))
			require.NotNil(t, p, diagnostics)
			require.Equal(t, "errors l1 l2; non-local y", found(p.Report), "%s\n%s", e, p.Report)
		}
	}
	p, diagnostics := learned("  feedback R[1] from 0 to 1\n  descend f[1] along outer(R[1](loss * h[0]), h[0])\n  minimize |f[2](h[1]) - h[2]|^2   over f[2]\n  minimize loss   over f[3]", hidden("tanh", "tanh"))
	require.NotNil(t, p, diagnostics)
	require.Equal(t, "errors l1; non-local l1", found(p.Report), p.Report.String())
}

// What linear maps bring is weighed together where it arrives: halves of a difference are a difference, in whatever form they meet.
func TestPlausibilityOfArrivals(t *testing.T) {
	const all = "errors l1 l2"
	for _, c := range []struct{ delta, want string }{
		{"R[l](h[last]) - R[l](label)", all},
		{"R[l](h[last]) / 2 - 0.5 * R[l](label)", all},
		{"R[l](h[last]) - 0.001 * R[l](label) + h[l]", all},
		{"-(-R[l](h[last]) + R[l](label)) * derivative(f[l])", all},
		{"R[l](h[last]) * derivative(f[l]) - R[l](label) * derivative(f[l])", all},
		{"R[l](h[last]) * -derivative(f[l]) + R[l](label) * derivative(f[l])", all},
		{"h[l] * R[l](h[last]) - h[l] * R[l](label)", all},
		{"R[l](h[last]) + tanh(-1) * R[l](label)", all},
		{"R[l](h[last]) * R[l](label)", all},
		{"R[l](h[last]) / R[l](label)", all},
		{"max(R[l](h[last]), R[l](label))", all},
		{"log(exp(R[l](h[last])) / exp(R[l](label)))", all},
		{"tanh(R[l](h[last]) - R[l](label))", all},
		{"R[l](h[last])^2 - R[l](label)^2", all},
		{"h[l] / R[l](h[last]) + h[l] / R[l](label)", all},
		{"(R[l](h[last]) - R[l](label))^3", all},
		{"R[l](tanh(h[last])) + R[l](tanh(-label))", all},
		{"R[l](h[last]) - S[l](label)", all},
		{"R[l](h[last]) - R[l](label) - S[l](h[last])", all},
		{"S[l](h[last]) - R[l](h[last]) + R[l](label)", all},
		{"S[l](h[last]) + R[l](label) - R[l](h[last])", all},
		{"R[l](h[last]) - sign(R[l])(h[last]) + sign(R[l])(label)", all},
		{"S[l](label) - R[l](label) + R[l](h[last])", all},
		{"R[l](label) + S[l](h[last]) - (0.5 * R[l](h[last]) + 0.5 * S[l](h[last]))", all},
		{"sign(R[l])(h[last]) - sign(R[l])(label)", all},
		{"R[l](0.9 * h[last] + 0.1 * label) - R[l](h[last])", all},
		{"R[l](0.9 * h[last] + 0.1 * label) * derivative(f[l]) + 0.001 * h[l]", ""},
		{"R[l](0.9 * h[last] + 0.1 * label) - 0.9 * R[l](h[last])", ""},
		{"0.9 * R[l](h[last]) + 0.1 * R[l](label)", ""},
		{"(0.9 * R[l](h[last]) + 0.1 * R[l](label)) * h[l]", ""},
		{"0.9 * R[l](h[last]) * slope[l] + 0.1 * R[l](label) * slope[l]", ""},
		{"0.9 * R[l](h[last]) * derivative(f[l]) + 0.1 * R[l](label) * derivative(f[l])", ""},
		{"tanh(R[l](0.9 * h[last] + 0.1 * label))", ""},
		{"h[l] - R[l](label)", ""},
		{"h[l] * R[l](label)", ""},
		{"R[l](h[last]) - S[l](h[last])", ""},
		{"R[l](label) - S[l](label)", ""},
		{"R[l](label) + S[l](h[last])", ""},
	} {
		p, diagnostics := learned("  feedback R[l] from last to l   for hidden l\n  feedback S[l] from last to l   for hidden l\n  slope[l] = derivative(f[l])   for hidden l\n"+
			"  delta[last] = gradient(loss, a[last])\n  delta[l] = "+c.delta+"   for hidden l\n  descend f[l] along outer(delta[l], h[l-1])   for every l",
			hidden("tanh", "tanh"))
		require.NotNil(t, p, "%s\n%s", c.delta, diagnostics)
		require.Equal(t, c.want, found(p.Report), "%s\n%s", c.delta, p.Report)
		require.NotContains(t, p.Report.String(), "R[l](h[last]) brings", "which does not depend on the label")
	}
	for _, c := range []struct{ goal, want string }{
		{"descend f[l] along outer(R[l](h[last]), h[l-1]) - outer(R[l](label), h[l-1])", all},
		{"descend f[l] along outer(R[l](h[last]), -h[l-1]) + outer(R[l](label), h[l-1])", all},
		{"descend f[l] along outer(R[l](h[last]), h[l-1]) + outer(R[l](label), h[l-1])", ""},
		{"minimize dot(f[l](h[l-1]), R[l](h[last])) - dot(f[l](h[l-1]), R[l](label))   over f[l]", all},
		{"minimize |f[l](h[l-1]) - R[l](h[last])|^2 - |R[l](label) - f[l](h[l-1])|^2   over f[l]", all},
		{"minimize |f[l](h[l-1]) + R[l](h[last])|^2 + |f[l](h[l-1]) - R[l](label)|^2   over f[l]", all},
		{"minimize |-f[l](h[l-1]) - R[l](h[last])|^2 + |f[l](h[l-1]) - R[l](label)|^2   over f[l]", all},
		{"minimize |f[l](h[l-1]) - R[l](h[last])|^2 + |R[l](label) - f[l](h[l-1])|^2   over f[l]", ""},
		{"minimize |f[l](h[l-1]) - R[l](label)|^2   over f[l]", ""},
	} {
		for _, function := range []string{"tanh", "identity"} {
			p, diagnostics := learned("  feedback R[l] from last to l   for hidden l\n  "+c.goal+"   for hidden l\n  minimize loss   over f[last]", hidden(function, function))
			require.NotNil(t, p, "%s\n%s", c.goal, diagnostics)
			require.Equal(t, c.want, found(p.Report), "%s\n%s", c.goal, p.Report)
		}
	}
}

// Auxiliary units that keep their value are part of a target, and of an error what carries one.
func TestPlausibilityOfAuxiliaryUnits(t *testing.T) {
	for target, want := range map[string]string{
		"[label, aux]":                             "",
		"[label, 2 * aux]":                         "",
		"[label, aux * |label|^2]":                 "errors l2; non-local y",
		"[gradient(loss, a[last]), aux]":           "errors l2",
		"h[last] - 0.1 * (h[last] - [label, aux])": "",
		"h[last] - [label, aux]":                   "errors l2",
	} {
		p, diagnostics := learned(`
  inverse g[3] of f[3]
  minimize |h[2] - g[3](h[3])|^2   over g[3]
  target[3] = `+target+`
  minimize |f[2](h[1]) - g[3](target[3])|^2   over f[2]
  minimize |f[1](h[0]) - h[1]|^2   over f[1]
  minimize loss   over f[3]`, hidden("tanh", "tanh")+", aux 2 tanh")
		require.NotNil(t, p, diagnostics)
		require.Equal(t, want, found(p.Report), "%s\n%s", target, p.Report)
	}
}

// The library's ways down, by learned inverses with a nonlinearity and without, and by inverses that nobody learns.
func TestPlausibilityOfLinearMaps(t *testing.T) {
	const (
		inverses = "\n  inverse g[l] of f[l]   for l in 2..last\n  minimize |h[l-1] - g[l](f[l](h[l-1]))|^2   over g[l]   for l in 2..last"
		fixed    = "\n  fixed inverse g[l] of f[l]   for l in 2..last"
		goals    = "\n  minimize |f[l](h[l-1]) - target[l]|^2   over f[l]   for hidden l\n  minimize loss   over f[last]"
		plain    = "\n  target[last] = label\n  target[l] = g[l+1](target[l+1])   for hidden l" + goals
		targets  = "\n  target[last] = label\n  target[l] = h[l] - g[l+1](h[l+1]) + g[l+1](target[l+1])   for hidden l" + goals
		smoothed = "\n  target[last] = 0.9 * label + 0.01\n  target[l] = h[l] - g[l+1](h[l+1]) + g[l+1](target[l+1])   for hidden l" + goals
		steps    = "\n  target[last] = label\n  target[l] = h[l] - 0.1 * (g[l+1](h[l+1]) - g[l+1](target[l+1]))   for hidden l" + goals
		leaps    = "\n  target[last] = label\n  target[l] = h[l] - 9 * g[l+1](h[l+1]) + 9 * g[l+1](target[l+1])   for hidden l" + goals
		bare     = "\n  target[last] = label\n  target[l] = g[l+1](target[l+1]) - g[l+1](h[l+1])   for hidden l" + goals
		filled   = "\n  target[last] = label\n  target[l] = g[l+1](target[l+1]) - g[l+1](h[l+1]) + g[l+1](0.001 * h[l+1])   for hidden l" + goals
		brought  = "\n  feedback R[l] from last to l   for hidden l\n  target[last] = label\n  target[l] = g[l+1](target[l+1]) - g[l+1](h[l+1]) + R[l](h[last])   for hidden l" + goals
		product  = "\n  target[last] = label\n  target[l] = g[l+1](target[l+1]) - g[l+1](h[l+1]) + g[l+1](h[l+1] * h[l+1])   for hidden l" + goals
		weighty  = "\n  target[last] = label\n  target[l] = g[l+1](target[l+1]) - g[l+1](h[l+1]) + transpose(f[l+1])(h[l+1])   for hidden l" + goals
		own      = "\n  target[last] = label\n  target[l] = f[l](h[l-1]) - g[l+1](h[l+1]) + g[l+1](target[l+1])   for hidden l" + goals
		half     = "\n  inverse g[2] of f[2]\n  fixed inverse g[3] of f[3]\n  minimize |h[1] - g[2](f[2](h[1]))|^2   over g[2]"
		sent     = "\n  feedback R[2] from last to 2\n  feedback S[1] from 2 to 1\n  target[1] = S[1](target[2])" + goals
		two      = "\n  target[last] = label\n  other[last] = 0.5 * h[last] + 0.5 * label\n  other[l] = h[l]   for hidden l" +
			"\n  target[l] = 0.001 * h[l] + g[l+1](target[l+1]) - g[l+1](other[l+1])   for hidden l" + goals
		relayed = "\n  feedback R[1] from 2 to 1\n  target[last] = label\n  target[2] = h[2] - g[3](h[3]) + g[3](label)\n  target[1] = R[1](target[2] - h[2])" + goals
		onwards = "\n  feedback R[1] from 2 to 1\n  target[last] = label\n  target[2] = h[2] - g[3](h[3]) + g[3](label)\n  target[1] = R[1](target[2])" + goals
		upwards = `
  feedback R[1] from last to 1
  delta[1]    = h[1]
  delta[2]    = f[2](h[1]) - f[2](R[1](label))
  delta[last] = gradient(loss, a[last])
  descend f[l] along outer(delta[l], h[l-1])   for every l`
	)
	for _, c := range []struct{ name, rule, l1, l2, want string }{
		{"targets", inverses + plain, "tanh", "tanh", ""},
		{"targets", inverses + plain, "identity", "identity", ""},
		{"targets", fixed + plain, "tanh", "tanh", ""},
		{"difference targets", inverses + targets, "tanh", "tanh", ""},
		{"difference targets", inverses + targets, "identity", "tanh", "errors l1"},
		{"difference targets", inverses + targets, "tanh", "identity", "errors l2"},
		{"difference targets", inverses + targets, "identity", "identity", "errors l1 l2"},
		{"difference targets", fixed + targets, "tanh", "tanh", "errors l1 l2"},
		{"smoothed labels", inverses + smoothed, "tanh", "tanh", ""},
		{"small steps", inverses + steps, "tanh", "tanh", ""},
		{"steps beyond the target", inverses + leaps, "tanh", "tanh", "errors l1"},
		{"differences alone", inverses + bare, "tanh", "tanh", "errors l1"},
		{"differences beside next to nothing", inverses + filled, "tanh", "tanh", "errors l1"},
		{"differences beside what comes in a unit of its own", inverses + brought, "tanh", "tanh", "errors l1"},
		{"a difference of targets", inverses + two, "tanh", "tanh", "errors l1"},
		{"a local difference sent on", inverses + relayed, "tanh", "tanh", "errors l1"},
		{"differences beside a function of a product", inverses + product, "tanh", "tanh", "errors l1"},
		{"differences beside what comes by transposed weights", inverses + weighty, "tanh", "tanh", "transport l1 l2; errors l1"},
		{"own activities by the map", inverses + own, "tanh", "identity", "errors l2"},
		{"difference targets, half of them fixed", half + targets, "tanh", "tanh", "errors l1 l2"},
		{"a mix of what one map brings, sent on", sent + "\n  target[2] = 0.9 * R[2](h[3]) + 0.1 * R[2](label)", "tanh", "tanh", ""},
		{"a mix of functions, sent on", sent + "\n  target[2] = R[2](tanh(h[3])) + R[2](tanh(label))", "tanh", "tanh", "errors l1 l2"},
		{"a label by a derivative, sent on", sent + "\n  target[2] = R[2](label) * derivative(f[2])", "tanh", "tanh", "errors l1"},
		{"labels alone, sent on", inverses + sent + "\n  target[2] = R[2](label) - g[3](label)", "tanh", "tanh", ""},
		{"labels alone, by two ways", inverses + strings.Replace(sent, "S[1](target[2])", "S[1](target[2]) - S[1](R[2](label))", 1) + "\n  target[2] = g[3](label)", "tanh", "tanh", ""},
		{"a target sent on", inverses + onwards, "tanh", "tanh", ""},
		{"up", upwards, "tanh", "identity", "errors l2"},
		{"up", upwards, "tanh", "tanh", ""},
	} {
		p, diagnostics := learned(c.rule, hidden(c.l1, c.l2))
		require.NotNil(t, p, "%s\n%s", c.name, diagnostics)
		require.Equal(t, c.want, found(p.Report), "%s, %s, %s\n%s", c.name, c.l1, c.l2, p.Report)
	}
}

// Pooling takes points to points, and, but for the largest of a window, differences to differences, in both directions.
func TestPlausibilityOfPooling(t *testing.T) {
	const difference = `
  feedback R[1] from last to 1
  seen[2] = f[2](R[1](label)) - f[2](h[1])
  descend f[3] along outer(label, seen[2])
  descend f[1] along outer(h[1], h[0])`
	const targets = `
  inverse g[l] of f[l]   for l in 2..last
  target[last] = label
  target[l] = h[l] - g[l+1](h[l+1]) + g[l+1](target[l+1])   for hidden l
  minimize |h[l-1] - g[l](f[l](h[l-1]))|^2   over g[l]   for l in 2..last
  minimize |f[l](h[l-1]) - target[l]|^2   over f[l]   for hidden l
  minimize loss   over f[last]`
	const down = `
  delta[last] = gradient(loss, a[last])
  delta[l] = transpose(f[l+1])(delta[l+1])   for hidden l
  descend f[l] along outer(delta[l], h[l-1])   for every l`
	const first, second = "layer l1 = field 3x3 -> 2, untied, tanh\n  ", "layer l2 = field 3x3 -> 2, untied, tanh\n  "
	const pool, output = "layer p = pool average 2x2\n  ", "output y = all -> 3, softmax"
	for _, c := range []struct{ rule, layers, want string }{
		{difference, first + pool + output, "errors y"},
		{difference, first + strings.Replace(pool, "average", "max", 1) + output, ""},
		{targets, first + second + pool + output, "errors l2 p"},
		{down, first + second + pool + output, "transport l1 p; errors l1 l2 p; gradient l1 l2 p"},
	} {
		p, diagnostics := learned(c.rule, c.layers)
		require.NotNil(t, p, "%s\n%s", c.layers, diagnostics)
		require.Equal(t, c.want, found(p.Report), "%s\n%s", c.layers, p.Report)
	}
}

// hidden are two layers below an output, with their functions.
func hidden(l1, l2 string) string {
	return "layer l1 = all -> 5, " + l1 + "\n  layer l2 = all -> 4, " + l2 + "\n  output y = all -> 3, softmax"
}

// Equations that name each other twice are looked at once each: eighty of them have more ways through than could be walked, and twice the work of forty.
func TestPlausibilityLooksOnce(t *testing.T) {
	for _, c := range []struct{ first, next, delta, want string }{
		{"h[last] - label", "X * 0.5 + X", "R[2](%s)", "errors l2"},
		{"h[last]", "X + X * X", "R[2](%s)", ""},
		{"h[last]", "max(X, X) / X - label", "R[2](%s)", "errors l2"},
		{"0.5", "X * 0.5 + X * X", "R[2](%s * (h[last] - label))", "errors l2"},
		{"R[2](h[last]) - R[2](label)", "X + X * X", "%s", "errors l2"},
		{"h[2] - h[2] + derivative(f[2])", "X + X * X", "R[2](gradient(loss, a[last])) + 0 * %s", "errors l2"},
		{"gradient(loss, a[last])", "X + X * X", "transpose(f[3])(%s)", "transport l2; errors l2; gradient l2"},
		{"|h[2]|^2", "X + X * X", "%s * h[2]", "non-local l2"},
	} {
		visits := func(n int) int {
			rule := "  feedback R[2] from last to 2\n  x0 = " + c.first + "\n"
			for i := range n {
				rule += fmt.Sprintf("  x%d = %s\n", i+1, strings.ReplaceAll(c.next, "X", fmt.Sprintf("x%d", i)))
			}
			p, diagnostics := learned(rule+"  delta[1] = h[1]\n  delta[2] = "+fmt.Sprintf(c.delta, fmt.Sprintf("x%d", n))+"\n  delta[last] = gradient(loss, a[last])\n"+
				"  descend f[l] along outer(delta[l], h[l-1])   for every l", hidden("tanh", "tanh"))
			require.NotNil(t, p, diagnostics)
			require.Equal(t, c.want, found(p.Report), "%s\n%s", c.next, p.Report)
			return check.Visits(p)
		}
		first, twice := visits(40), visits(80)
		require.Less(t, first, 40*60, c.next)
		require.Less(t, twice, 3*first, c.next)
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
