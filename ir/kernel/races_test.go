package kernel

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Turns of loops that go in any order, on a buffer t: each row is a kernel's body, with a bar for a new line, and what is said of it.
func TestTurnsApart(t *testing.T) {
	const one = "in different turns of loop "
	for body, want := range map[string]string{
		"parallel i in 4|  store t[i] = 0":                                                                                          "",
		"parallel i in 4|  store t[3 - i] = t[3 - i]":                                                                               "",
		"parallel i in 4|  store t[0] = 0":                                                                                          one + "i",
		"parallel i in 4|  store t[i - i] = 0":                                                                                      one + "i",
		"staggered i in 4|  store t[0] += 1":                                                                                        one + "i",
		"parallel i in 4|  parallel j in 4|    store t[i + j] = 0":                                                                  one + "i",
		"parallel i in 4|  parallel j in 4|    store t[4*i + j] = 0":                                                                "",
		"parallel i in 4|  parallel j in 4|    store t[3*i + j] = 0":                                                                one + "i",
		"parallel i in 4|  serial j in 5|    store t[4*i + j] = 0":                                                                  one + "i",
		"parallel i in 4|  serial j in 4|    store t[i + 4*j] = 0":                                                                  "",
		"parallel i in 3|  serial j in 4|    where y = 4*i + j - 1 in 10|      store t[y] = 0":                                      "",
		"parallel i in 3|  serial j in 5|    where y = 4*i + j - 1 in 10|      store t[y] = 0":                                      one + "i",
		"parallel i in 4|  where y = floor (i) / 2 in 4|    store t[y] = 0":                                                         one + "i",
		"parallel i in 4|  where y = (i) / 2 in 4|    store t[y] = 0":                                                               "",
		"parallel i in 8|  where y = floor (i) / 2 in 4|    where x = i - 2*y in 2|      store t[4*x + y] = 0":                      "",
		"parallel i in 4|  store t[i] = 0|  store t[i + 1] = 0":                                                                     one + "i",
		"parallel i in 4|  store t[2*i] = 0|  store t[2*i + 1] = 0":                                                                 "",
		"parallel i in 4|  store t[i] = t[i + 1]":                                                                                   one + "i",
		"parallel i in 4|  store t[i] = t[i + 4]":                                                                                   "",
		"parallel i in 4|  store t[3*i] = t[3*i + 2]":                                                                               "",
		"parallel i in 4|  store t[i] = 0|  serial j in 4|    store t[4 + j] = 0":                                                   one + "i",
		"parallel i in 4|  store t[i] = 0|parallel i in 4|  store t[i] = 0":                                                         "different loops",
		"parallel i in 4|  store t[i] = 0|parallel i in 4|  store t[i + 4] = t[i + 4]":                                              "",
		"parallel i in 4|  store t[i] = 0|parallel j in 4|  let a = t[j]":                                                           "different loops",
		"parallel i in 2|  serial j in 2|    serial k in 3|      store t[7*i + 2*k + j] = 0|parallel i in 2|  store t[7*i + 6] = 0": "",
		"parallel i in 2|  serial j in 2|    serial k in 3|      store t[7*i + 2*k + j] = 0|parallel i in 2|  store t[7*i + 5] = 0": "different loops",
		"store t[0] = 0|parallel i in 4|  store t[i] = 0":                                                                           "different loops",
		"store t[0] = 0|store t[0] = t[0]":                                                                                          "",
		"parallel i in 4|  store own[0] = 0|  store t[i] = own[0]":                                                                  "",
		"parallel i in 4|  seek x in 4 = u[i]|  store t[i] = u[x]":                                                                  "",
		"parallel i in 4|  seek x in 4 = u[i]|  store t[i] = t[x]":                                                                  one + "i",
	} {
		lines := strings.ReplaceAll("  "+body, "|", "\n  ")
		p := parse(t, "plan p batch 8\nbuffer t temp [32]\nbuffer u temp [32] at 64\nbuffer own local [1]\nkernel k\n"+lines+"\nlist step\n  0: k\n")
		if err := p.Verify(); want == "" {
			assert.NoError(t, err, lines)
		} else {
			assert.ErrorContains(t, err, want, lines)
		}
	}
}

// Loops over the batch's blocks give a worker the same ones, in a kernel and in the next of its level.
func TestBlocksApart(t *testing.T) {
	plan := func(first, second string) error {
		return parse(t, "plan p batch 8\nbuffer t temp [2, 4]\nkernel a by batch\n"+first+"kernel b by batch\n"+second+"list step\n  0: a b\n").Verify()
	}
	write := "  parallel nb in 2\n    serial i in 4\n      store t[nb, i] = 0\n"
	require.NoError(t, plan(write, "  parallel n in 2\n    store t[n, 0] = t[n, 3]\n"))
	require.NoError(t, plan(write+"  parallel n in 2\n    store t[n, 0] = t[n, 3]\n", write))
	require.ErrorContains(t, plan(write, "  parallel n in 2\n    let x = t[-n+1, 3]\n"), "a and b: t: [nb, i] and [-n+1, 3] may be one place in different turns of loop nb")
	require.ErrorContains(t, plan(write+"  parallel n in 2\n    let x = t[0, 3]\n", write), "kernel a: t: [nb, i] and [0, 3] may be one place in different turns of loop nb")
}

// Buffers share memory while one of them is not needed.
func TestMemoryApart(t *testing.T) {
	plan := func(at, levels string) error {
		return parse(t, "plan p batch 1\nbuffer a temp [65]\nbuffer b temp [4] at "+at+"\nbuffer w weight [1]\nkernel ka\n  store a[0] = 1\nkernel kb\n  store b[0] = 2\n"+
			"kernel read\n  store w[0] = a[0]\nlist step\n"+levels).Verify()
	}
	const apart, meet = "  0: ka\n  1: read\n  2: kb\n", "  0: ka\n  1: kb\n  2: read\n"
	require.NoError(t, plan("0", apart))
	require.NoError(t, plan("128", meet))
	for _, at := range []string{"0", "64"} {
		require.EqualError(t, plan(at, meet), "plan p: buffers a and b share memory, and are needed at once")
	}
}

// Whatever passes is so: random positions of two accesses in two parallel loops, a serial one and a bound, against every pair of turns.
func TestTurnsApartIsSound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	type affine [5]int // over i, j, k, y, and a constant
	random := func(vars int) (x affine) {
		for v := range vars {
			x[v] = []int{0, 0, 1, 1, 2, 3, 4, 6, 9, -1, -2}[r.IntN(11)]
		}
		x[4] = r.IntN(7)
		return x
	}
	index := func(x affine) Index {
		out := Index{Const: x[4]}
		for v, name := range []string{"i", "j", "k", "y"} {
			if x[v] != 0 {
				out.Terms = append(out.Terms, Term{name, x[v]})
			}
		}
		return out
	}
	at := func(x affine, i, j, k, y int) int { return x[0]*i + x[1]*j + x[2]*k + x[3]*y + x[4] }
	passed, refused := 0, 0
	for range 20000 {
		a, b, num, div, floor := random(4), random(4), random(3), 1+r.IntN(3), r.IntN(2) == 0
		if r.IntN(2) == 0 {
			b = a
			b[4] = r.IntN(7)
		}
		p := parse(t, "plan p batch 8\nbuffer t temp [400]\nkernel k\n  parallel i in 3\n    parallel j in 2\n      serial k in 2\n        where y = k in 4\n          store t[0] = t[0]\nlist step\n  0: k\n")
		Walk(p.Kernels[0].Body, func(s Stmt) {
			switch s := s.(type) {
			case *Where:
				s.Num, s.Div, s.Floor = index(num), div, floor
			case *Store:
				s.Index[0], s.Value.Operands[0].Index[0] = index(a), index(b)
				s.Index[0].Const += 100
				s.Value.Operands[0].Index[0].Const += 100
			}
		})
		body := p.String()
		if err := p.Verify(); err != nil {
			require.Contains(t, err.Error(), "may be one place", body)
			refused++
			continue
		}
		passed++
		stored, turns := map[int]int{}, [][2]int{} // who stores, and what each turn touches
		for turn := range 12 {
			i, j, k := turn/4, turn/2%2, turn%2
			n := at(num, i, j, k, 0)
			if n < 0 || n >= 4*div || !floor && n%div != 0 {
				continue
			}
			s, l := at(a, i, j, k, n/div), at(b, i, j, k, n/div)
			turns = append(turns, [2]int{s, turn / 2}, [2]int{l, turn / 2})
			if by, again := stored[s]; again {
				require.Equal(t, by, turn/2, body)
			}
			stored[s] = turn / 2
		}
		for _, touch := range turns {
			if by, ok := stored[touch[0]]; ok {
				require.Equal(t, by, touch[1], body)
			}
		}
	}
	require.Greater(t, passed, 1000)
	require.Greater(t, refused, 1000)
}
