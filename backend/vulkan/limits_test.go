package vulkan

import (
	"context"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/internal/programs"
	"bnetc/ir/kernel"
)

// narrow is a backend on a device that is taken to offer less than it does.
type narrow struct {
	reduce func(*Limits)
	most   map[string]int // of the bindings of a kernel, as encoded
}

func (b *narrow) Build(_ context.Context, p *kernel.Plan) (backend.Machine, error) {
	d, err := (&Backend{Validate: true}).open(p)
	if err != nil {
		return nil, err
	}
	b.reduce(&d.Limits)
	where := place(p)
	shaders, err := encode(p, where, d.Limits)
	if err != nil {
		d.close()
		return nil, err
	}
	for _, s := range shaders {
		b.most["bindings"] = max(b.most["bindings"], len(s.Bindings))
		for _, x := range s.Bindings {
			b.most["bytes"] = max(b.most["bytes"], 4*x.Count)
		}
	}
	return start(p, d, where, shaders)
}

// Kernels of seven buffers run on four, and buffers are reached that are longer than a binding may be.
func TestLimitsAreKept(t *testing.T) {
	needDevice(t)
	for name, limits := range map[string]Limits{"few buffers": {Buffers: 4, Range: 1 << 20}, "short ones": {Buffers: 32, Range: 1024}, "both": {Buffers: 4, Range: 8192}} {
		t.Run(name, func(t *testing.T) {
			b := &narrow{most: map[string]int{}, reduce: func(l *Limits) { l.Buffers, l.Range, l.Texels = limits.Buffers, limits.Range, 0 }}
			all := programs.All()
			for _, wanted := range []string{"dense 10-3-1-7/.*/adam", "dense 10-3-1-7 in bf16/"} {
				i := slices.IndexFunc(all, func(p programs.Program) bool { return regexp.MustCompile(wanted).MatchString(p.Name) })
				require.GreaterOrEqual(t, i, 0, wanted)
				t.Run("agree", func(t *testing.T) { programs.Agree(t, b, class(t), all[i:i+1]) })
			}
			require.LessOrEqual(t, b.most["bindings"], limits.Buffers)
			require.LessOrEqual(t, int64(b.most["bytes"]), limits.Range)
		})
	}
}

// A sum of more terms than the driver takes turns of a loop is whole.
func TestLongLoops(t *testing.T) {
	needDevice(t)
	plan := planFrom(t, `plan long batch 1

buffer sum metric [1]

kernel add(-> sum)
  let s = 0
  serial i in 700
    serial j in 300
      s += 1
  store sum[0] = s

list step
  0: add
`)
	m := build(t, plan)
	require.NoError(t, m.Run(context.Background(), "step"))
	got := make([]float32, 1)
	require.NoError(t, m.Read(0, got))
	require.Equal(t, float32(210000), got[0])

	d, err := Find("")
	require.NoError(t, err)
	if d.Limits.Turns == 0 {
		t.Skip("this device takes any number of turns")
	}
	plan.Kernels[0].Body[1].(*kernel.Loop).Extent = 1 << 20
	_, err = (&Backend{}).Build(context.Background(), plan)
	require.ErrorContains(t, err, "turns")
}
