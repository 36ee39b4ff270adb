package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/lang/check"
)

const settable = `network n {
  input image 8x8x1
  layer l1 = field 3x3 stride 2 -> 4, untied, tanh, inverse mirrored
  layer l2 = all -> 4, relu
  output y = all -> 10, softmax, aux 3 tanh
}

learn ao_sdtp(noise = 0.1) {
  forward adam(lr = 1e-4)
  inverse adam(lr = 1e-3)
}

train on npy("x.npy", "y.npy") { batch 8 }
`

// TestSet: every path of --set does what the same words in the program would.
func TestSet(t *testing.T) {
	for set, want := range map[string]string{
		"train.batch=3":                    "batch 3 ",
		"train.epochs=7":                   "epochs 7 ",
		"train.seed=18446744073709551615":  "seed 18446744073709551615 ",
		"train.log_every=5":                "log_every 5 ",
		"train.precision=bf16":             "precision bf16",
		"train.keep_last=true":             "keep_last ",
		"train.strict=true":                "strict ",
		"train.augment=flip, crop(2)":      "augment flip, crop(2)",
		"learn.noise=0":                    "learn ao_sdtp(noise = 0, ",
		"learn.schedule=alternating":       "schedule = alternating)",
		"learn.forward.lr=3e-4":            "forward adam(lr = 3e-4, ",
		"learn.inverse.beta2=0.95":         "beta2 = 0.95, ",
		"learn.forward.decay=cosine":       "decay = cosine)",
		"learn.forward=sgd(lr = 0.1)":      "forward sgd(lr = 0.1, weight_decay = 0, decay = constant)",
		"learn.inverse=sgd":                "inverse sgd(lr = 0.01, weight_decay = 0, decay = constant)",
		"l1.nonlinearity=leaky_relu(0.25)": "untied, leaky_relu(0.25), ",
		"l1.sharing=shared":                "-> 4,  shared, tanh, ",
		"l1.sharing=share tile 2x2":        "share tile 2x2, tanh, ",
		"l2.inverse=exact":                 "relu, inverse exact, ",
		"l2.init=normal(0.05)":             "init normal(0.05)",
		"l2.no_bias=true":                  "init glorot, no_bias",
		"y.aux=5 relu":                     "aux 5 relu, ",
		"y.aux=5":                          "aux 5 relu, ",
	} {
		p, diagnostics := checked("n.bnet", settable, set)
		require.NotNil(t, p, "%s\n%s", set, diagnostics)
		require.Contains(t, check.Source(p), want, set)
	}
}

// TestSetTakesAway: a setting that is said in the program is unsaid.
func TestSetTakesAway(t *testing.T) {
	const text = `network n {
  input image 8x8x1
  layer l1 = all -> 4, tanh, no_bias
  output y = all -> 64, sigmoid
}

learn bp { forward sgd(lr = 0.1) }

train on npy("x.npy", "y.npy") { keep_last  strict  target input  augment flip }
`
	for set, word := range map[string]string{
		"train.keep_last=false": "keep_last", "train.strict=false": "strict", "train.target=label": "target", "train.augment=none": "augment", "l1.no_bias=false": "no_bias",
	} {
		p, diagnostics := checked("n.bnet", text)
		require.Empty(t, diagnostics)
		require.Contains(t, check.Source(p), word)
		p, diagnostics = checked("n.bnet", text, set)
		require.Empty(t, diagnostics)
		require.NotContains(t, check.Source(p), word)
	}
}

// TestSetRefuses: a path that is none, and a value that does not fit, each say what would.
func TestSetRefuses(t *testing.T) {
	for set, want := range map[string]string{
		"noise":                         "--set takes PATH=VALUE",
		"learn.nois=1":                  "did you mean `learn.noise`?",
		"learn.lr=1":                    "there is `learn.forward.lr`, `learn.inverse.lr`",
		"l9.aux=1":                      "the program has no such setting",
		"l1.aux=1":                      "the program has no such setting",
		"l2.sharing=shared":             "the program has no such setting",
		"train.batch=0":                 "a whole number from 1 to ",
		"train.batch=x":                 "a whole number from 1 to ",
		"train.keep_last=maybe":         "true or false",
		"train.target=input":            "an autoencoder gives back its input",
		"l1.no_bias=2":                  "true or false",
		"train.target=output":           "input or label",
		"train.augment=flop":            "did you mean `flip`?",
		"train.augment=crop(":           "--set train.augment:1:",
		"train.precision=fp16":          "f32, f16, bf16",
		"learn.noise=inf":               "a number",
		"learn.forward.lr=nan":          "a number",
		"learn.noise=loud":              "a number",
		"learn.schedule=never":          "parallel or alternating",
		"learn.noise=-1":                "expected  a number of at least 0: the standard deviation of noise",
		"learn.forward.lr=-1":           "expected  a number of at least 0\n",
		"learn.forward.eps=0":           "expected  a number above 0\n",
		"learn.forward.beta1=1":         "expected  a number from 0 to below 1",
		"learn.forward.decay=linear":    "constant, step, exponential, cosine",
		"learn.forward=adamm":           "  1 │ adamm\n    │ ^^^^^\n  hint      did you mean `adam`?",
		"learn.forward=adam(lr = fast)": "`lr` is a number",
		"l1.nonlinearity=tahn":          "--set l1.nonlinearity:1:1: error[unknown-name]: no nonlinearity or layer option is named `tahn`\n  1 │ tahn\n    │ ^^^^\n  hint      did you mean `tanh`?",
		"l1.nonlinearity=softmax":       "only an output may",
		"l2.inverse=field 9x9 valid":    "the inverse of l2 is larger than its input",
		"l2.inverse=field 3x3":          "does not give back the shape of l1",
		"l1.inverse=none":               "`inverse` says which",
	} {
		p, diagnostics := checked("n.bnet", settable, set)
		require.Nil(t, p, set)
		require.Contains(t, diagnostics, want, set)
	}
}
