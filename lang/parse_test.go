package lang

import (
	"os"
	"strings"
	"testing"

	"bnetc/lang/diag"
)

const all = `
use "common.bnet"
network mnist_fc {
  input image 28x28x1          # or: input 784
  layer l1 = all -> 256, tanh
  layer l2 = field 5x5 stride 2 same dilation 2 groups 4 -> 64, untied, leaky_relu(0.1), inverse field 3x3 stride 2
  layer l3 = field 3x3 pad 1x0 -> 64, share tile 4x4, init normal(0.05), no_bias, inverse exact
  layer p1 = pool max 2x2 stride 2
  layer d1 = dropout 0.5
  layer fl = flatten
  output y = all -> 10, softmax, aux 512 tanh
}
learn sdtp(noise = 0.1, schedule = alternating) {
  forward adam(lr = 1e-4, beta2 = 0.99, decay = cosine)
  inverse adam(lr = 1e-3)
  require local
}
train on images("train", "val") { batch 128  epochs 10  seed 1  keep_last  target input  augment flip, crop(4), normalize(0.5, 0.25)  log_every 100  strict }
rule ao_sdtp(noise = 0.1) {
  require no_weight_transport
  inverse g[l] of f[l]   for l in 2..last
  fixed inverse g[last] of f[last]
  feedback B[l] like f[l]   for l in 2..last
  feedback D[l] from last to l   for hidden l
  noisy[l] = h[l] + normal(noise)   for l in 1..last-1
  target[last] = [label, aux]
  target[l] = h[l] - g[l+1](h[l+1])
            + g[l+1](target[l+1])   for hidden l
  delta[l] = transpose(sign(f[l+1]))(delta[l+1]) * derivative(f[l])   for hidden l
  minimize |h[l-1] - g[l](f[l](noisy[l-1]))|^2   over g[l]   for l in 2..last
  minimize loss   over f[last]
  descend f[l] along outer(delta[l], h[l-1]) - -2^2   for every l
}
measure recon[l] = |h[l-1] - g[l](h[l])|^2   for l in 2..last
`

func TestAll(t *testing.T) {
	var l diag.List
	f := Parse(&diag.File{Name: "all.bnet", Text: all}, &l)
	var b strings.Builder
	l.Render(&b)
	if b.Len() > 0 {
		t.Fatal(b.String())
	}
	if len(f.Networks) != 1 || len(f.Networks[0].Layers) != 7 || len(f.Rules[0].Statements) != 12 || len(f.Measures) != 1 || len(f.Trains[0].Settings) != 8 {
		t.Fatalf("%+v %+v", f, f.Rules[0].Statements)
	}
}

func TestBad(t *testing.T) {
	var l diag.List
	Parse(&diag.File{Name: "bad.bnet", Text: `network n {
  input image 28x28
  layer l1 = field 5x5 stride 2, 64, untied, tanh
  layr l2 = all -> 3
  layer l3 = all -> , tanh
  output y = all -> 10 softmax
}
lern x {}
rule r {
  target[l] = h[l] + for hidden l
  minimize |h[l] over f[l]
  descend f[l] outer(a, b)
`}, &l)
	l.Render(os.Stderr)
}
