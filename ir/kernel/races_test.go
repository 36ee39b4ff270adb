package kernel

import (
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
