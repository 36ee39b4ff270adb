package vulkan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
	"bnetc/compiler"
	"bnetc/ir/kernel"
)

// build puts a plan on the best device there is, with every call validated; what the layers say fails the test, up to the machine's end.
func build(t testing.TB, plan *kernel.Plan) *Machine {
	t.Helper()
	t.Setenv("BNETC_CACHE", t.TempDir())
	require.NoError(t, plan.Verify())
	m, err := (&Backend{Validate: true}).Build(context.Background(), plan)
	var missing *backend.Missing
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m.(*Machine)
}

func planFrom(t testing.TB, text string) *kernel.Plan {
	t.Helper()
	p, err := kernel.Parse(text)
	require.NoError(t, err)
	return p
}

// adding is a plan that adds what the host writes, again and again.
func adding(t testing.TB, n int) *kernel.Plan {
	return planFrom(t, strings.ReplaceAll(`plan adding batch 1
settings by

buffer settings setting [1]
buffer x input [N]
buffer sum metric [N]

kernel add(x, settings -> sum)
  parallel i in N
    store sum[i] += x[i] * settings[0]

list step
  0: add
`, "N", fmt.Sprint(n)))
}

// Kernels that differ in their buffers and names alone have one pipeline; what differs in its code has another.
func TestAlikeKernelsShareAPipeline(t *testing.T) {
	text := `plan alike batch 1

buffer x input [9]
buffer y weight [9]
buffer z weight [9]
buffer u weight [9]

kernel first(x -> y)
  parallel i in 9
    let twice = 2*x[i]
    store y[i] = twice

kernel second(y -> z)
  parallel j in 9
    let double = 2*y[j]
    store z[j] = double

kernel third(z -> u)
  parallel i in 9
    let thrice = 3*z[i]
    store u[i] = thrice

list step
  0: first
  1: second
  2: third
`
	m := build(t, planFrom(t, text))
	require.Len(t, m.kernels.list, 3)
	require.Len(t, m.kernels.pipelines, 2)
	require.NoError(t, m.Write(0, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8}))
	require.NoError(t, m.Run(context.Background(), "step"))
	u := make([]float32, 9)
	require.NoError(t, m.Read(3, u))
	require.Equal(t, []float32{0, 12, 24, 36, 48, 60, 72, 84, 96}, u)
}

// Writes and runs that the host does not wait for happen in order: more of them than there are flights, and of any size.
func TestWritesAndRunsKeepTheirOrder(t *testing.T) {
	m := build(t, adding(t, 3))
	want := make([]float32, 3)
	for step := range 500 {
		x := []float32{float32(step), 1, float32(step % 7)}
		require.NoError(t, m.Write(1, []float32{99, 99, 99})) // overwritten before it is read
		require.NoError(t, m.Write(1, x))
		require.NoError(t, m.Write(0, []float32{float32(1 + step%3)}))
		clear(x) // the machine has its own copy
		require.NoError(t, m.Run(context.Background(), "step"))
		by := float32(1 + step%3)
		want[0], want[1], want[2] = want[0]+by*float32(step), want[1]+by, want[2]+by*float32(step%7)
		if step%100 == 7 {
			got := make([]float32, 3)
			require.NoError(t, m.Read(2, got))
			require.Equal(t, want, got, "step %d", step)
			clear(want)
			require.NoError(t, m.Write(2, want))
		}
	}
	got := make([]float32, 3)
	require.NoError(t, m.Read(2, got))
	require.Equal(t, want, got)
}

func TestBuffersLargerThanWhatIsOnItsWay(t *testing.T) {
	n := leastStaging/4*5/2 + 3
	m := build(t, adding(t, n))
	x, got := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = float32(i % 1000)
	}
	require.NoError(t, m.Read(2, got))
	require.Equal(t, make([]float32, n), got, "memory begins as zero")
	require.NoError(t, m.Write(0, []float32{2}))
	for range 3 {
		require.NoError(t, m.Write(1, x))
		require.NoError(t, m.Run(context.Background(), "step"))
	}
	require.NoError(t, m.Read(2, got))
	for i := range x {
		require.Equal(t, 6*x[i], got[i])
	}
}

// Each step reads what all of the step before wrote; the temporaries share memory.
const chained = `plan chained batch 1

buffer a weight [64]
buffer b temp [64]
buffer c temp [64] at 64
buffer d temp [64]
buffer e weight [64]

kernel one(a -> b)
  parallel i in 64
    store b[i] = a[63-i] + 1

kernel aside(a -> e)
  parallel i in 64
    store e[i] = a[i] * 2

kernel two(b -> c)
  parallel i in 64
    store c[i] = b[63-i] * 2

kernel three(c -> d)
  parallel i in 64
    store d[i] = c[63-i] + 1

kernel four(d -> a)
  parallel i in 64
    store a[i] = d[63-i] - 1

list step
  0: one aside
  1: two
  2: three
  3: four
`

func TestWaitsAreExact(t *testing.T) {
	p := planFrom(t, chained)
	require.Equal(t, []need{nothing, nothing, sight, sight, sight}, waitsOf(t, p))
	// Without the chain in between, overwriting what was read is a matter of turn, and what was written stays to be seen.
	p.Lists[0].Steps = []kernel.Step{{Kernel: 1}, {Kernel: 4, Level: 1}, {Kernel: 0, Level: 2}}
	require.Equal(t, []need{nothing, turn, sight}, waitsOf(t, p))
	// b and d share their memory.
	p.Lists[0].Steps = []kernel.Step{{Kernel: 0}, {Kernel: 3, Level: 1}}
	require.Equal(t, []need{nothing, sight}, waitsOf(t, p))
}

func TestStepsSeeWhatStepsBeforeWrote(t *testing.T) {
	m := build(t, planFrom(t, chained))
	a := make([]float32, 64)
	for i := range a {
		a[i] = float32(i)
	}
	require.NoError(t, m.Write(0, a))
	for range 10 { // all of it exact in float32
		require.NoError(t, m.Run(context.Background(), "step"))
		for i := range a {
			a[i] = (a[i] + 1) * 2
		}
	}
	got := make([]float32, 64)
	require.NoError(t, m.Read(0, got))
	require.Equal(t, a, got)
	require.NoError(t, m.Read(4, got))
	for i := range a {
		require.Equal(t, 2*(a[i]/2-1), got[i])
	}
}

// What each run leaves is kept, whatever is written and read in between, and comes in order.
func TestWatching(t *testing.T) {
	m := build(t, adding(t, 3))
	require.NoError(t, m.Run(context.Background(), "step"), "not watched")
	require.NoError(t, m.Watch([]int{2, 0}))
	require.NoError(t, m.Write(1, []float32{1, 2, 3}))
	var got, want [][]float32
	for step := range 200 {
		by := float32(step % 5)
		require.NoError(t, m.Write(2, make([]float32, 3))) // overwrites what the run before left
		require.NoError(t, m.Write(0, []float32{by}))
		require.NoError(t, m.Run(context.Background(), "step"))
		want = append(want, []float32{by, 2 * by, 3 * by, by})
		if step%60 == 59 {
			require.NoError(t, m.Read(1, make([]float32, 3)))
		}
		some, err := m.Watched(false)
		require.NoError(t, err)
		got = append(got, some...)
		require.LessOrEqual(t, len(got), step+1)
	}
	rest, err := m.Watched(true)
	require.NoError(t, err)
	require.Equal(t, want, append(got, rest...))
	require.NoError(t, m.Watch(nil))
	require.NoError(t, m.Run(context.Background(), "step"))
	rest, err = m.Watched(true)
	require.NoError(t, err)
	require.Empty(t, rest)
}

// Rows that were stowed come back in any order, as often as asked for, by copies or by a kernel.
func TestResidentRows(t *testing.T) {
	for _, gathers := range []bool{false, true} {
		residentRows(t, gathers)
	}
}

func residentRows(t *testing.T, gathers bool) {
	p := planFrom(t, `plan rows batch 3

buffer x input [3, 2]
buffer w input [3]
buffer sum metric [3, 2]

kernel add(x, w -> sum)
  parallel n in 3
    serial i in 2
      store sum[n, i] += x[n, i] * w[n]

list step
  0: add
`)
	m := build(t, p)
	m.gathers = gathers
	set, ok, err := m.Reserve(7, nil)
	require.NoError(t, err)
	require.True(t, ok)
	row := func(n int) (x []float32, w float32) { return []float32{float32(n), float32(10 * n)}, float32(1 + n%2) }
	for first := 0; first < 7; first += 3 {
		var x, w []float32
		for n := first; n < first+3; n++ {
			a, b := row(n)
			x, w = append(x, a...), append(w, b)
		}
		require.NoError(t, m.Write(0, x))
		require.NoError(t, m.Write(1, w))
		require.NoError(t, m.Stow(set, first, min(3, 7-first)))
	}
	want := make([]float32, 6)
	for k := range 100 {
		rows := []int{k % 7, (3 * k) % 7, 6 - k%7}
		rows = rows[:1+k%3] // zeros behind them
		require.NoError(t, m.Fetch(set, rows, nil))
		require.NoError(t, m.Run(context.Background(), "step"))
		for i, n := range rows {
			x, w := row(n)
			want[2*i] += x[0] * w
			want[2*i+1] += x[1] * w
		}
	}
	got := make([]float32, 6)
	require.NoError(t, m.Read(2, got))
	require.Equal(t, want, got)
	gather := m.sets[set].gather[staying]
	require.Equal(t, gathers, gather != nil)
	if gathers {
		require.NoError(t, gather.plan.Verify())
	}
	_, ok, err = m.Reserve(1<<40, nil)
	require.NoError(t, err)
	require.False(t, ok, "no room is no error")
}

// Rows are flipped and cropped on their way as the definition says, bit by bit, while others are fetched as they are.
func TestMovedRows(t *testing.T) {
	for i, c := range []struct {
		target  compiler.Target
		h, w, c int
	}{{class(t), 3, 44, 3}, {class(t), 5, 7, 1}, {class(t), 1, 1, 2}, {compiler.NVIDIA, 2, 33, 4}, {compiler.Subgroup64, 3, 9, 6}} {
		const batch, rows = 4, 9
		units := c.h * c.w * c.c
		m := build(t, planFrom(t, strings.ReplaceAll(`plan rows batch 4

buffer x input [4, UNITS]
buffer w input [4]
buffer y weight [4, UNITS]

kernel copy(x, w -> y)
  parallel n in 4
    serial i in UNITS
      store y[n, i] = x[n, i] * w[n]

list step
  0: copy
`, "UNITS", fmt.Sprint(units))))
		if m.gathers = i%2 == 0; i == 0 {
			m.device.Limits.Range = 4096 // less than the data set: it lies in several windows
		}
		set, ok, err := m.Reserve(rows, compiler.Moves(c.target, batch, []string{"x"}, c.h, c.w, c.c))
		require.NoError(t, err)
		require.True(t, ok)
		x := make([]float32, rows*units)
		for i := range x {
			x[i] = float32(i + 1)
		}
		require.NoError(t, m.Write(1, []float32{1, 1, 1, 1}))
		for first := 0; first < rows; first += batch {
			require.NoError(t, m.Write(0, slices.Concat(x[first*units:min(rows, first+batch)*units], make([]float32, batch*units))[:batch*units]))
			require.NoError(t, m.Stow(set, first, min(batch, rows-first)))
		}
		r, got := rand.New(rand.NewPCG(1, 2)), make([]float32, batch*units)
		for range 10 {
			which, moves, want := r.Perm(rows)[:batch], []float32(nil), []float32(nil)
			for _, n := range which {
				var sign, offset [2]int
				for axis, extent := range []int{c.h, c.w} {
					sign[axis], offset[axis] = 1, r.IntN(5)-2
					if r.IntN(2) == 0 {
						sign[axis], offset[axis] = -1, extent-1+r.IntN(5)-2
					}
					moves = append(moves, float32(sign[axis]), float32(offset[axis]))
				}
				for k := range c.c {
					moves = append(moves, -0.3*float32(k+1))
				}
				for i := range units {
					y, x0, k := sign[0]*(i/c.c/c.w)+offset[0], sign[1]*(i/c.c%c.w)+offset[1], i%c.c
					if y < 0 || y >= c.h || x0 < 0 || x0 >= c.w {
						want = append(want, -0.3*float32(k+1))
					} else {
						want = append(want, x[n*units+(y*c.w+x0)*c.c+k])
					}
				}
			}
			require.NoError(t, m.Fetch(set, which, moves))
			require.NoError(t, m.Run(context.Background(), "step"))
			require.NoError(t, m.Read(2, got))
			require.Equal(t, want, got)
			require.NoError(t, m.Fetch(set, which, nil))
			require.NoError(t, m.Run(context.Background(), "step"))
			require.NoError(t, m.Read(2, got))
			for i, n := range which {
				require.Equal(t, x[n*units:(n+1)*units], got[i*units:(i+1)*units])
			}
		}
		require.Equal(t, m.gathers, m.sets[set].gather[staying] != nil && m.sets[set].gather[moving] != nil)
		require.ErrorContains(t, m.Fetch(set, []int{0}, []float32{1}), "moves of a batch are")
	}
}

func TestReadsSeeWritesBefore(t *testing.T) {
	m := build(t, adding(t, 3))
	got := make([]float32, 3)
	require.NoError(t, m.Write(1, []float32{1, 2, 3}))
	require.NoError(t, m.Read(1, got))
	require.Equal(t, []float32{1, 2, 3}, got)
}

func TestMistakesOfTheCaller(t *testing.T) {
	m := build(t, adding(t, 4))
	require.EqualError(t, m.Write(1, make([]float32, 5)), "buffer x holds 4 numbers, not 5")
	require.EqualError(t, m.Read(7, make([]float32, 5)), "plan adding has 3 buffers, no number 7")
	require.EqualError(t, m.Run(context.Background(), "forward"), `plan adding has no list "forward"`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, m.Run(ctx, "step"), context.Canceled)
	require.NoError(t, m.Run(context.Background(), "step"), "none of them ends the machine's work")
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
	require.ErrorContains(t, m.Run(context.Background(), "step"), "closed")
	require.ErrorContains(t, m.Write(1, make([]float32, 4)), "closed")
}

// The layers do speak: a test that trusts their silence needs to know.
func TestValidationIsHeard(t *testing.T) {
	m := build(t, adding(t, 4))
	m.device.bind(m.device.device, m.kernels.list[0].set, 0, m.pieces[0].buffer, 1, 4) // no device allows a binding at byte 1
	err := m.Run(context.Background(), "step")
	if err == nil {
		err = m.Read(2, make([]float32, 4))
	}
	require.ErrorContains(t, err, "the validation layers say")
}

func TestWhatIsMissing(t *testing.T) {
	missing := func(t *testing.T, err error, says string) {
		t.Helper()
		var m *backend.Missing
		require.ErrorAs(t, err, &m)
		require.Contains(t, err.Error(), says)
		require.Contains(t, err.Error(), "--target cpu")
	}
	_, err := open("libnowhere.so.1", false)
	missing(t, err, "no Vulkan loader was found")
	build(t, adding(t, 4)) // skips where there is no device
	for _, c := range []struct{ name, device, says string }{
		{"a number", "17", `there is no Vulkan device "17"; there are: 0 `}, {"a name", "Voodoo", `there is no Vulkan device "Voodoo"; there are: 0 `},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := (&Backend{Device: c.device}).Build(context.Background(), adding(t, 4))
			var m *backend.Missing
			require.ErrorAs(t, err, &m)
			require.Contains(t, err.Error(), c.says)
		})
	}
	t.Run("memory", func(t *testing.T) {
		p := adding(t, 4)
		p.Buffers = append(p.Buffers, kernel.Buffer{Name: "W", Kind: kernel.Weight, Shape: []int{1 << 20, 1 << 22}})
		_, err := (&Backend{}).Build(context.Background(), p)
		missing(t, err, "the plan adding needs 16384.00 GiB of the device's memory (parameters 16384.00 GiB, optimizer state 0.0 MiB, activities 0.0 MiB)")
	})
	t.Run("memory at once", func(t *testing.T) {
		p := adding(t, 4)
		for i := range 3 { // no one of them is too long
			p.Buffers = append(p.Buffers, kernel.Buffer{Name: fmt.Sprint("h", i), Shape: []int{1 << 28}, Offset: i << 28})
		}
		missing(t, enough(p, &Device{Name: "Voodoo", Memory: 8 << 30, allocation: 2 << 30}), "the activities of plan adding hold 3.00 GiB, and Voodoo allocates at most 2.00 GiB at once; use a smaller batch (--batch)")
	})
	t.Run("no driver", func(t *testing.T) {
		t.Setenv("VK_ICD_FILENAMES", filepath.Join(t.TempDir(), "none.json"))
		t.Setenv("VK_DRIVER_FILES", os.Getenv("VK_ICD_FILENAMES"))
		_, err := (&Backend{}).Build(context.Background(), adding(t, 4))
		missing(t, err, "no Vulkan driver was found")
	})
	t.Run("no device", func(t *testing.T) {
		drivers, err := filepath.Glob("/usr/share/vulkan/icd.d/*.json")
		require.NoError(t, err)
		tried := 0
		for _, driver := range drivers {
			t.Setenv("VK_ICD_FILENAMES", driver)
			t.Setenv("VK_DRIVER_FILES", driver)
			if _, err := (&Backend{}).Build(context.Background(), adding(t, 4)); err != nil {
				missing(t, err, "no Vulkan device was found")
				tried++
			}
		}
		if tried == 0 {
			t.Skip("every driver here has a device")
		}
	})
	t.Run("no memory left", func(t *testing.T) {
		d, err := (&Backend{}).open(adding(t, 4))
		require.NoError(t, err)
		defer d.close()
		_, err = d.allocate(1<<46, ofDevice, 0, "a test")
		var m *backend.Missing
		require.ErrorAs(t, err, &m)
		require.Contains(t, err.Error(), " a test: the device has no memory left; use a smaller batch")
	})
}

// A device that is lost ends the machine's work, with what to do; what is asked of the machine later says the same, and it closes as any other.
func TestALostDevice(t *testing.T) {
	m := build(t, adding(t, 4))
	require.NoError(t, m.Run(context.Background(), "step"))
	m.line.hand = func([]vk.CommandBuffer, vk.Fence) vk.Result { return vk.ErrorDeviceLost }
	lost := m.Read(2, make([]float32, 4))
	var missing *backend.Missing
	require.ErrorAs(t, lost, &missing)
	require.ErrorContains(t, lost, "the device was lost")
	require.ErrorContains(t, lost, "the last checkpoint stands")
	require.ErrorContains(t, lost, "--resume")
	require.Equal(t, lost, m.Run(context.Background(), "step"))
	require.Equal(t, lost, m.Write(1, make([]float32, 4)))
	require.Equal(t, lost, m.Wait())
	_, _, err := m.Reserve(1, nil)
	require.Equal(t, lost, err)
	require.Equal(t, lost, m.Fetch(0, []int{0}, nil))
	_, err = m.Profile("step")
	require.Equal(t, lost, err)
}

func TestChoosing(t *testing.T) {
	list := []Device{{Name: "NVIDIA H100"}, {Name: "AMD Radeon"}, {Name: "llvmpipe", Kind: "software"}}
	for wanted, name := range map[string]string{"": "NVIDIA H100", "1": "AMD Radeon", "radeon": "AMD Radeon", "LLVM": "llvmpipe", "H100": "NVIDIA H100", "100": "NVIDIA H100"} {
		d, err := choose(list, wanted)
		require.NoError(t, err)
		require.Equal(t, name, d.Name, wanted)
	}
	_, err := choose(list, "3")
	require.ErrorContains(t, err, "0 NVIDIA H100, 1 AMD Radeon, 2 llvmpipe (software)")
}

// A missing barrier is heard, too.
func TestSynchronizationIsValidated(t *testing.T) {
	m := build(t, planFrom(t, chained))
	err := m.line.between(func(c vk.CommandBuffer) {
		m.kernels.list[0].dispatch(c)
		m.kernels.list[2].dispatch(c)
	})
	require.NoError(t, err)
	require.ErrorContains(t, m.complaint(), "SYNC-HAZARD-READ-AFTER-WRITE")
	require.NoError(t, m.line.submit())
}

func TestBundle(t *testing.T) {
	plan := planFrom(t, chained)
	build(t, plan) // skips where there is no device
	dir := t.TempDir()
	b := &Backend{Validate: true}
	require.NoError(t, b.Save(context.Background(), plan, dir))
	run := func() error {
		m, again, err := b.Open(context.Background(), dir)
		if err != nil {
			return err
		}
		require.Equal(t, plan.String(), again.String())
		require.NoError(t, m.Write(0, make([]float32, 64)))
		require.NoError(t, m.Run(context.Background(), "step"))
		got := make([]float32, 64)
		require.NoError(t, m.Read(0, got))
		require.Equal(t, float32(2), got[5])
		return m.Close()
	}
	require.NoError(t, run())
	for _, name := range []string{"02-two.spv", "plan.kernel"} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, damaged := range [][]byte{append(append([]byte{}, whole[:len(whole)-4]...), 1, 2, 3, 4), whole[:len(whole)/2], nil} {
			require.NoError(t, os.WriteFile(path, damaged, 0o666))
			err := run()
			require.ErrorContains(t, err, name+" is damaged or was changed since it was compiled")
			var missing *backend.Missing
			require.False(t, errors.As(err, &missing), "the bundle is at fault, not the computer")
		}
		require.NoError(t, os.Remove(path))
		require.ErrorContains(t, run(), name)
		require.NoError(t, os.WriteFile(path, whole, 0o666))
	}
	facts := filepath.Join(dir, manifestFile)
	text, err := os.ReadFile(facts)
	require.NoError(t, err)
	for _, c := range []struct{ from, to, says string }{
		{`"kernel": "two"`, `"kernel": "too"`, "module 2 is of kernel too, not two"}, {`"modules": [`, `"modules": [{},`, "it lists 6 modules and 5 buffers, the plan has 5 and 5"}, {`{`, ``, manifestFile},
	} {
		require.NoError(t, os.WriteFile(facts, []byte(strings.Replace(string(text), c.from, c.to, 1)), 0o666))
		require.ErrorContains(t, run(), c.says)
	}
	// Modules that want more than the device has are made anew: were these used, they would be found out.
	wanting := strings.ReplaceAll(strings.Replace(string(text), `"local": 1024`, `"local": 4096`, 1), `"groups": [`, `"groups": [ 100000,`)
	require.NoError(t, os.WriteFile(facts, []byte(wanting), 0o666))
	require.NoError(t, run())
}

// What is made on a machine without a device runs on any.
func TestBundleWithoutADevice(t *testing.T) {
	plan := planFrom(t, chained)
	dir := t.TempDir()
	t.Run("compile", func(t *testing.T) {
		t.Setenv("VK_ICD_FILENAMES", "none.json")
		t.Setenv("VK_DRIVER_FILES", "none.json")
		require.NoError(t, (&Backend{}).Save(context.Background(), plan, dir))
	})
	build(t, plan)
	m, _, err := (&Backend{Validate: true}).Open(context.Background(), dir)
	require.NoError(t, err)
	require.NoError(t, m.Run(context.Background(), "step"))
	require.NoError(t, m.Close())
}

func TestLimitsWithin(t *testing.T) {
	require.True(t, Portable.within(Portable))
	large := Limits{Buffers: 1 << 20, Range: 4 << 30, Align: 16, Groups: 1 << 30, Local: 1024, Shared: 65536, Subgroup: 32}
	require.True(t, Portable.within(large))
	require.False(t, large.within(Portable))
	other := large
	other.Subgroup = 64
	require.False(t, large.within(other))
	other = large
	other.Matrices = []kernel.MatrixProduct{{Rows: 16, Columns: 16, Depth: 16}, {Rows: 8, Columns: 8, Depth: 8, Of: kernel.F16}}
	require.True(t, large.within(other))
	large.Matrices = other.Matrices[1:]
	require.True(t, large.within(other))
	large.Matrices = []kernel.MatrixProduct{{Rows: 8, Columns: 8, Depth: 8, Of: kernel.BF16}}
	require.False(t, large.within(other))
}

func TestProfile(t *testing.T) {
	m := build(t, planFrom(t, chained))
	times, err := m.Profile("step")
	require.NoError(t, err)
	require.Len(t, times, 5)
	for i, name := range []string{"one", "aside", "two", "three", "four"} {
		require.Equal(t, name, times[i].Kernel)
		require.Greater(t, times[i].Seconds, 0.0)
		require.Less(t, times[i].Seconds, 1.0)
	}
	_, err = m.Profile("forward")
	require.ErrorContains(t, err, "no list")
}

// A machine leaves nothing behind, whatever it was used for: no memory, no file, no thread.
func TestAHundredMachines(t *testing.T) {
	plan := planFrom(t, `plan pictures batch 4

buffer x input [4, 300]
buffer sum metric [4, 300]

kernel add(x -> sum)
  parallel n in 4
    serial i in 300
      store sum[n, i] += x[n, i]

list step
  0: add
`)
	moves := compiler.Moves(class(t), 4, []string{"x"}, 10, 10, 3)
	build(t, plan)
	once := func() {
		b, err := (&Backend{}).Build(context.Background(), plan)
		require.NoError(t, err)
		m := b.(*Machine)
		m.gathers = true
		require.NoError(t, m.Watch([]int{1}))
		set, ok, err := m.Reserve(50, moves)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, m.Write(0, make([]float32, 1200)))
		require.NoError(t, m.Stow(set, 0, 4))
		for range 5 {
			require.NoError(t, m.Write(0, make([]float32, 1200)))
			require.NoError(t, m.Run(context.Background(), "step"))
			require.NoError(t, m.Fetch(set, []int{3, 1, 0, 2}, make([]float32, 4*7)))
			require.NoError(t, m.Run(context.Background(), "step"))
		}
		watched, err := m.Watched(true)
		require.NoError(t, err)
		require.Len(t, watched, 10)
		_, err = m.Profile("step")
		require.NoError(t, err)
		require.NoError(t, m.Read(1, make([]float32, 1200)))
		require.NoError(t, m.Close())
	}
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	for range 20 {
		once()
	}
	files, threads, least := count("/proc/self/fd"), count("/proc/self/task"), math.MaxInt
	for range 4 { // a leak grows in all of them, the allocators' own memory in one or the other
		memory := resident(t)
		for range 25 {
			once()
		}
		t.Log("bytes more:", resident(t)-memory)
		least = min(least, resident(t)-memory)
	}
	require.LessOrEqual(t, count("/proc/self/fd"), files)
	require.LessOrEqual(t, count("/proc/self/task"), threads+2) // Go's own come and go
	require.Less(t, least, 25*64<<10, "bytes of memory in 25 machines")
}

// resident gives the bytes of memory that the process occupies.
func resident(t *testing.T) int {
	debug.FreeOSMemory() // collects first
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var size, pages int
	_, err = fmt.Sscan(string(text), &size, &pages)
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

// waitsOf tells what the steps of a plan's first list wait for.
func waitsOf(t *testing.T, p *kernel.Plan) []need {
	t.Helper()
	shaders, err := encode(p, place(p), Limits{Shared: 16384})
	require.NoError(t, err)
	return place(p).waits(&p.Lists[0], func(k int) []Binding { return shaders[k].Bindings })
}

// A tensor beyond the range that a binding may have is as good as any other.
func TestATensorBeyondTheRange(t *testing.T) {
	needDevice(t)
	d, err := Find("")
	require.NoError(t, err)
	if d.Limits.Range > 1<<28 {
		t.Skip("the device's range is larger than what a test should fill")
	}
	rows := int(d.Limits.Range/4/4096) + 100
	m := build(t, planFrom(t, strings.ReplaceAll(`plan large batch 1

buffer W weight [ROWS, 4096]
buffer sums metric [ROWS]

kernel double(-> W)
  parallel i in ROWS
    serial j in 512
      vector lane in 8
        store W[i, 8*j+lane] = 3

kernel add(W -> sums)
  parallel i in ROWS
    let s = 0
    serial j in 4096
      s += W[i, j]
    store sums[i] = s + #(i)

list step
  0: double
  1: add
`, "ROWS", fmt.Sprint(rows))))
	require.NoError(t, m.Run(context.Background(), "step"))
	got := make([]float32, rows)
	require.NoError(t, m.Read(1, got))
	for i := range got {
		require.Equal(t, float32(3*4096+i), got[i])
	}
}
