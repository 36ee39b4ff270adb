package ir

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The vectors of the authors' own kat_vectors for philox4x32 10.
func TestPhiloxKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		key       [2]uint32
		ctr, want [4]uint32
	}{
		{[2]uint32{}, [4]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[2]uint32{^uint32(0), ^uint32(0)}, [4]uint32{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		assert.Equal(t, c.want, Philox(c.key, c.ctr))
	}
}

func TestStreamIsFNV1a(t *testing.T) {
	assert.Equal(t, uint32(0x811c9dc5), Stream(""))
	assert.Equal(t, uint32(0xe40c292c), Stream("a"))
	assert.Equal(t, uint32(0xbf9cf968), Stream("foobar"))
}

func TestUniformStaysBelowOne(t *testing.T) {
	assert.Equal(t, float32(0), Uniform(255))
	assert.Equal(t, float32(1-0x1p-24), Uniform(^uint32(0)))
}

// normalBits pins Normals: a backend may compare itself with these, and nobody may change them without noticing.
var normalBits = []struct {
	seed, step         uint64
	stream, row, block uint32
	want               [4]uint32
}{
	{0, 0, 0, 0, 0, [4]uint32{0x3d408847, 0xbfad6601, 0xbf471018, 0x3dc44891}},
	{1, 2, Stream("noise 1 l2"), 3, 4, [4]uint32{0x3e457722, 0x3f6a1d96, 0xbeae2e5a, 0x3f644642}},
	{0x123456789abcdef0, 0x100000001, 0xffffffff, 127, 63, [4]uint32{0xc00b9fce, 0x3f5dda68, 0xbd612f54, 0x3f8b49cd}},
}

func TestNormalsAreTheseBits(t *testing.T) {
	for _, c := range normalBits {
		var got [4]uint32
		for i, x := range Normals(c.seed, c.stream, c.step, c.row, c.block) {
			got[i] = math.Float32bits(x)
		}
		assert.Equal(t, c.want, got, "%#x", got)
	}
}

// The float32 formulation is Box and Muller's transform: compared with the same words in float64, corners included.
func TestNormalsAreBoxMuller(t *testing.T) {
	words := []uint32{0, 1, 255, 256, 1 << 22, 1<<23 - 1, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xb504f300, 0xb504f400, 0xbfffffff, 0xc0000000, 0xffffff00, 0xffffffff}
	for i := range uint32(2000) {
		w := Philox([2]uint32{7, 7}, [4]uint32{i})
		words = append(words, w[:]...)
	}
	worst := 0.0
	for i, a := range words {
		for _, b := range []uint32{words[(i+1)%len(words)], words[i%16]} {
			r := math.Sqrt(-2 * math.Log(float64(a>>8|1)/(1<<24)))
			angle := math.Pi / 2 * (float64(b>>30) + float64(b>>6&0xffffff)/(1<<24) - 0.5)
			x, y := normalPair(a, b)
			worst = max(worst, math.Abs(float64(x)-r*math.Cos(angle)), math.Abs(float64(y)-r*math.Sin(angle)))
		}
	}
	assert.Less(t, worst, 2e-6)
}

func TestNormalsAreNormal(t *testing.T) {
	const n = 1_000_000
	all := make([]float64, 0, n)
	var pair, neighbour, rows float64
	for i := range uint32(n / 4) {
		x := Normals(42, Stream("noise 1 l1"), uint64(i%10), i/1000, i%1000)
		y := Normals(42, Stream("noise 1 l1"), uint64(i%10), i/1000+1, i%1000)
		for _, v := range x {
			all = append(all, float64(v))
		}
		pair += float64(x[0])*float64(x[1]) + float64(x[2])*float64(x[3])
		neighbour += float64(x[1])*float64(x[2]) + float64(x[0])*float64(x[0])*float64(x[1]) // a parabola's correlation too
		rows += float64(x[0]) * float64(y[0])
	}
	moment := func(k float64) float64 {
		s := 0.0
		for _, v := range all {
			s += math.Pow(v, k)
		}
		return s / n
	}
	// Five standard errors each.
	assert.InDelta(t, 0, moment(1), 5/math.Sqrt(n), "mean")
	assert.InDelta(t, 1, moment(2), 5*math.Sqrt(2.0/n), "variance")
	assert.InDelta(t, 0, moment(3), 5*math.Sqrt(15.0/n), "skewness")
	assert.InDelta(t, 3, moment(4), 5*math.Sqrt(96.0/n), "kurtosis")
	assert.InDelta(t, 0, pair/(n/2), 5/math.Sqrt(n/2), "correlation of a pair")
	assert.InDelta(t, 0, neighbour/(n/4), 5*math.Sqrt(4.0/(n/4)), "correlation of neighbours")
	assert.InDelta(t, 0, rows/(n/4), 5/math.Sqrt(n/4), "correlation of samples")

	slices.Sort(all)
	ks, tail := 0.0, 0
	for i, v := range all {
		p := 0.5 * math.Erfc(-v/math.Sqrt2)
		ks = max(ks, math.Abs(p-float64(i)/n), math.Abs(p-float64(i+1)/n))
		if math.Abs(v) > 4 {
			tail++
		}
	}
	assert.Less(t, ks*math.Sqrt(n), 1.95, "Kolmogorov-Smirnov at 0.1 %%")
	want := n * math.Erfc(4/math.Sqrt2) // 63
	assert.InDelta(t, want, tail, 5*math.Sqrt(want), "beyond four deviations")
	assert.Less(t, all[n-1], 5.8)
}

func TestInitialRanges(t *testing.T) {
	for _, c := range []struct {
		kind string
		r    float64
	}{{"glorot", math.Sqrt(6.0 / 300)}, {"he", math.Sqrt(6.0 / 100)}, {"lecun", math.Sqrt(3.0 / 100)}} {
		x := make([]float32, 20000)
		require.NoError(t, FillInit(x, 1, Initial{Kind: c.kind, FanIn: 100, FanOut: 200, Stream: 9}))
		assert.InDelta(t, c.r, slices.Max(x), c.r*1e-3, c.kind)
		assert.InDelta(t, -c.r, slices.Min(x), c.r*1e-3, c.kind)
		sum, sq := 0.0, 0.0
		for _, v := range x {
			sum, sq = sum+float64(v), sq+float64(v)*float64(v)
		}
		assert.InDelta(t, 0, sum/20000/c.r, 0.02, c.kind)
		assert.InDelta(t, 1.0/3, sq/20000/c.r/c.r, 0.02, c.kind)
	}
	x := make([]float32, 20001)
	require.NoError(t, FillInit(x, 1, Initial{Kind: "normal", Scale: 0.5}))
	sq := 0.0
	for _, v := range x {
		sq += float64(v) * float64(v)
	}
	assert.InDelta(t, 0.25, sq/20001, 0.02)
	require.NoError(t, FillInit(x, 1, Initial{Kind: "one"}))
	assert.Equal(t, float32(1), x[20000])
	require.NoError(t, FillInit(x, 1, Initial{Kind: "zero"}))
	assert.Equal(t, float32(0), x[0])
	assert.Error(t, FillInit(x, 1, Initial{Kind: "glrot"}))
}

// A tensor cut into parts by columns has the numbers of the whole.
func TestPartsAreCutFromTheWhole(t *testing.T) {
	for _, kind := range []string{"glorot", "normal"} {
		i := Initial{Kind: kind, FanIn: 7, FanOut: 3, Stream: Stream("init y.V")}
		whole := make([]float32, 3*7)
		require.NoError(t, FillInit(whole, 5, i))
		for _, cut := range [][2]int{{0, 2}, {2, 5}} {
			part := make([]float32, 3*cut[1])
			i.Offset, i.Own, i.Columns = cut[0], cut[1], 7
			require.NoError(t, FillInit(part, 5, i))
			for k := range part {
				assert.Equal(t, whole[k/cut[1]*7+cut[0]+k%cut[1]], part[k], "%s %v %d", kind, cut, k)
			}
		}
	}
}
