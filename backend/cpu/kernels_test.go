package cpu

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/backend"
	"bnetc/ir"
	"bnetc/ir/kernel"
)

func TestMain(m *testing.M) {
	if os.Getenv("BNETC_CACHE") == "" { // not the user's
		dir, err := os.MkdirTemp("", "bnetc-cpu-test")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		os.Setenv("BNETC_CACHE", dir)
	}
	m.Run()
}

const (
	serial   = kernel.Serial
	parallel = kernel.Parallel
	vector   = kernel.Vector
	unrolled = kernel.Unrolled
	matrix   = kernel.Matrix
	set      = kernel.Set
	sum      = kernel.Sum
	largest  = kernel.Largest
)

// ex is a value written as text over its operands $0, $1, ….
func ex(text string, operands ...kernel.Operand) kernel.Value {
	return kernel.Value{Expr: ir.MustParseExpr(text), Operands: operands}
}

func where(v, numerator string, div int, floor bool, extent int, body ...kernel.Stmt) kernel.Stmt {
	return &kernel.Where{Var: v, Num: ix(numerator), Div: div, Floor: floor, Extent: extent, Body: body}
}

func seek(v string, extent int, value kernel.Value) kernel.Stmt {
	return &kernel.Seek{Var: v, Extent: extent, Value: value}
}

var noiseSettings = []string{"seed0", "seed1", "seed2", "seed3", "step0", "step1", "noise"}

// plans has one plan for each statement, mark, kind of access and way of combining, at sizes that do not fit each other.
// The name of a buffer that is compared exactly ends in an exclamation mark.
var plans = map[string]*kernel.Plan{
	"a kernel without a parallel loop": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 7), buf("s", kernel.Metric, 1)},
		let("s", ex("0")), loop("i", 7, serial, assign("s", sum, ex("$0 * $0", elem(0, "i")))), store(1, "0", sum, ex("$0", theVar("s")))),
	"matrices, and memory of each worker's own": oneKernel([]kernel.Buffer{buf("w", kernel.Weight, 24), buf("z", kernel.Weight, 6, 20), buf("tile", kernel.Local, 4, 4), buf("h", kernel.Temp, 5, 4, 4)},
		loop("nb", 5, parallel,
			loop("m", 4, matrix, loop("n", 4, matrix, let("c", ex("0")), loop("i", 3, serial, loop("k", 2, matrix, assign("c", sum, ex("$0 * $1", elem(0, "6*m+2*i+k"), elem(1, "2*i+k, 4*nb+n"))))),
				store(2, "m, n", set, ex("$0", theVar("c"))))),
			loop("u", 4, serial, loop("lane", 4, vector, store(3, "nb, u, lane", set, ex("2*$0", elem(2, "u, lane"))))))),
	"nested parallel loops, remainders as a second nest": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 5, 19), buf("b", kernel.Weight, 5, 19)},
		loop("i", 5, parallel, loop("j", 2, parallel, loop("l", 8, vector, store(1, "i, 8*j+l", set, ex("2*$0 + 1", elem(0, "i, 8*j+l")))))),
		loop("i", 5, parallel, loop("j", 3, serial, store(1, "i, 16+j", set, ex("2*$0 + 1", elem(0, "i, 16+j")))))),
	"a parallel loop within a body that does more": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 5, 3), buf("b", kernel.Weight, 5, 3), buf("c", kernel.Weight, 5)},
		loop("i", 5, parallel, store(2, "i", set, ex("$0", pos("2*i-3"))), loop("j", 3, parallel, store(1, "i,j", set, ex("$0 - $1", elem(0, "i,j"), pos("i+j")))))),
	"a store beside parallel loops happens once": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 5), buf("s", kernel.Metric, 1)},
		let("two", ex("2")), store(1, "0", sum, ex("$0", theVar("two"))), loop("i", 5, parallel, store(0, "i", sum, ex("$0", theVar("two"))))),
	"lanes with stride 1, 0, and others": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 8, 3), buf("b", kernel.Weight, 3), buf("c", kernel.Weight, 3, 8), buf("d", kernel.Weight, 8, 5)},
		loop("i", 3, parallel, loop("l", 8, vector, let("x", ex("$0 + $1", elem(0, "l, i"), elem(1, "i"))), store(2, "i, l", set, ex("$0", theVar("x"))),
			store(3, "l, i+1", sum, ex("$0 * $1", theVar("x"), elem(2, "i, l"))), store(3, "7-l, 0", largest, ex("$0", theVar("x")))))),
	"lanes into one element": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 3, 8), buf("s", kernel.Metric, 3), buf("m", kernel.Metric, 3), buf("e", kernel.Metric, 3)},
		loop("i", 3, parallel, loop("l", 8, vector, store(1, "i", sum, ex("$0 * 3", elem(0, "i,l"))), store(2, "i", largest, ex("$0", elem(0, "i,l"))), store(3, "i", set, ex("$0", elem(0, "i,l")))))),
	"reductions over lanes": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 3, 37), buf("s", kernel.Metric, 3), buf("m", kernel.Metric, 3)},
		loop("i", 3, parallel, let("s", ex("0")), let("m", ex("-1000")),
			loop("l", 4, vector, loop("j", 9, serial, assign("s", sum, ex("$0", elem(0, "i, 4*j+l"))), assign("m", largest, ex("$0", elem(0, "i, 4*j+l"))))),
			assign("s", sum, ex("$0", elem(0, "i, 36"))), assign("m", largest, ex("$0", elem(0, "i, 36"))),
			store(1, "i", set, ex("$0", theVar("s"))), store(2, "i", set, ex("$0", theVar("m"))))),
	"a jammed product with serial loops within": oneKernel([]kernel.Buffer{buf("W", kernel.Weight, 9, 13), buf("x", kernel.Weight, 2, 13, 16), buf("y", kernel.Weight, 2, 9, 16)},
		loop("nb", 2, parallel, loop("ot", 3, parallel, loop("o", 3, unrolled, loop("c", 2, unrolled, loop("l", 8, vector,
			let("acc", ex("0")),
			loop("i", 13, serial, let("w", ex("$0", elem(0, "3*ot+o, i"))), assign("acc", sum, ex("$0 * $1", theVar("w"), elem(1, "nb, i, 8*c+l")))),
			store(2, "nb, 3*ot+o, 8*c+l", set, ex("tanh($0)", theVar("acc"))))))))),
	"an update in place": oneKernel([]kernel.Buffer{buf("W", kernel.Weight, 6, 8), buf("m", kernel.State, 6, 8), buf("g", kernel.Weight, 6, 8)},
		loop("o", 6, unrolled, loop("l", 8, vector, let("m", ex("0.9*$0 + 0.1*$1", elem(1, "o,l"), elem(2, "o,l"))), store(1, "o,l", set, ex("$0", theVar("m"))),
			store(0, "o,l", set, ex("$0 - 0.1*$1/(sqrt(abs($1)) + 1)", elem(0, "o,l"), theVar("m")))))),
	"an unrolled loop that reads what an instance before stored": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 9)},
		loop("i", 8, unrolled, store(0, "i+1", sum, ex("$0", elem(0, "i"))), store(0, "0", sum, ex("$0", elem(0, "i+1"))))),
	"a function of what another instance stored, and of a sum": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 9, 8), buf("b", kernel.Weight, 8)},
		loop("i", 8, unrolled, loop("l", 8, vector, store(0, "i+1, l", set, ex("tanh(2 * $0)", elem(0, "i, l"))))),
		loop("l", 8, vector, let("s", ex("1")), loop("j", 5, serial, assign("s", set, ex("0.1*tanh($0 + $1) + tanh($0 + $1)*0.2 + exp(-$0*$0) - exp(-$0*$0)*$1", theVar("s"), elem(1, "l"))), store(1, "l", sum, ex("0.1*$0 * $0 * $1", theVar("s"), elem(1, "l")))))),
	"positions: padding and stride, exact and rounded down": oneKernel([]kernel.Buffer{buf("in", kernel.Weight, 7, 8), buf("out", kernel.Weight, 4, 8), buf("back", kernel.Weight, 7, 8), buf("up", kernel.Weight, 14, 8)},
		loop("y", 4, parallel, loop("l", 8, vector, let("s", ex("0")),
			loop("k", 3, serial, where("iy", "2*y + k - 1", 1, false, 7, assign("s", sum, ex("$0 * $1", elem(0, "iy, l"), pos("iy+1"))))),
			store(1, "y, l", set, ex("$0", theVar("s"))))),
		loop("iy", 7, parallel, loop("l", 8, vector, let("s", ex("0")),
			loop("k", 3, serial, where("y", "iy - k + 1", 2, false, 4, assign("s", sum, ex("$0 * $1", elem(0, "y, l"), pos("k+1"))))),
			store(2, "iy, l", set, ex("$0", theVar("s"))))),
		loop("y", 14, parallel, where("iy", "y - 3", 2, true, 4, loop("l", 8, vector, store(3, "y, l", set, ex("$0", elem(0, "iy, l"))))))),
	"positions of unrolled loops, known or shared": oneKernel([]kernel.Buffer{buf("in", kernel.Weight, 7, 8), buf("out", kernel.Weight, 4, 8)},
		loop("n", 2, serial, loop("y", 4, unrolled, loop("k", 3, unrolled, where("iy", "n + y - k", 2, false, 2, store(1, "y, k", sum, ex("1 + $0", pos("iy"))))))),
		loop("y", 4, unrolled, loop("k", 3, unrolled, where("iy", "3*y - k", 3, false, 4, store(1, "iy, k", sum, ex("1")), where("z", "iy - 1", 1, false, 7, store(1, "z, k+4", sum, ex("$0", elem(0, "z, 0")))))))),
	"positions as numbers, in lanes too": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 3, 16)},
		loop("i", 3, parallel, loop("c", 2, unrolled, loop("l", 8, vector, store(0, "i, 8*c+l", set, ex("$0*100 + $1 + select(less($0, 12), 1000, 0)", pos("8*c + l"), pos("i"))))))),
	"positions that data gives, in and out of lanes, of one and several instances": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 3, 8), buf("at", kernel.Weight, 3, 16), buf("b", kernel.Weight, 3, 16), temp16("h", kernel.BF16, 0, 3, 8), buf("c", kernel.Weight, 3, 16)},
		loop("i", 3, parallel, seek("r", 3, ex("100 * $0", elem(1, "i, 0"))), loop("j", 8, serial, store(3, "i, j", set, ex("$0 - $1", elem(0, "r, 7-j"), pos("r + 2*j")))),
			loop("c", 2, unrolled, loop("l", 8, vector, seek("k", 8, ex("9*$0 + $1", elem(1, "i, 8*c+l"), pos("8*c+l-4"))), let("x", ex("$0", elem(0, "r, k"))),
				seek("m", 3, ex("$0 - 5", pos("k"))), store(2, "i, 8*c+l", set, ex("$0 * $1 + $2 + $3", theVar("x"), pos("2*k+m+i-l"), pos("k"), elem(3, "i, m"))),
				store(4, "i, 8*c+l", set, ex("$0 + $1", elem(3, "i, k"), elem(1, "m, k+l"))))))),
	"widths 1 and 2": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 3, 2), buf("b", kernel.Weight, 3, 2)},
		loop("i", 3, parallel, loop("l", 2, vector, store(1, "i,l", set, ex("tanh($0) + $0*$0 + sqrt(abs($0))", elem(0, "i,l")))), loop("o", 1, vector, store(0, "i,o", set, ex("exp($0)", elem(0, "i,o")))))),
	"wider than the machine": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 3, 16), buf("b", kernel.Weight, 3, 16)},
		loop("i", 3, parallel, loop("l", 16, vector, store(1, "i,l", set, ex("tanh($0) + $0*$0 - sqrt(abs($0)) + exp($0) + log(abs($0) + 1) + max($0, 0.1)", elem(0, "i,l")))))),
	"elements of 16 bits: rows, strides, one for all lanes, scalars": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 3, 8), temp16("h", kernel.BF16, 0, 3, 8), temp16("s", kernel.F16, 64, 8, 5), temp16("e", kernel.BF16, 128, 3, 2),
		buf("b", kernel.Weight, 3, 8), buf("c", kernel.Weight, 3, 8), buf("d", kernel.Weight, 3, 5)},
		loop("i", 3, parallel, loop("l", 8, vector, store(1, "i, l", set, ex("$0 + 1", elem(0, "i, l"))), store(2, "l, i+1", set, ex("3*$0", elem(0, "i, l"))), store(3, "i, 1", set, ex("$0", elem(0, "i, l")))),
			store(3, "i, 0", set, ex("$0 * 0.1", elem(1, "i, 6"))),
			loop("l", 8, vector, store(4, "i, l", set, ex("$0 * $1 + $2", elem(1, "i, l"), elem(3, "i, 0"), elem(3, "i, 1"))), store(5, "i, l", set, ex("$0", elem(2, "l, i+1")))),
			loop("j", 5, serial, store(6, "i, j", set, ex("$0 - $1", elem(2, "j, i+1"), elem(1, "i, j")))))),
	"loops of one turn": oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 3, 1)},
		loop("i", 3, parallel, loop("j", 1, serial, loop("k", 1, unrolled, loop("m", 1, parallel, store(0, "i, j", sum, ex("$0 + 1", pos("i+j+k+m")))))))),
	"names that C would not take": oneKernel([]kernel.Buffer{buf("l1.W", kernel.Weight, 3), buf("l1_W", kernel.Weight, 3), buf("float", kernel.Weight, 3), buf("3d", kernel.Weight, 3)},
		loop("int", 3, parallel, let("tid", ex("$0", elem(0, "int"))), let("l1_W", ex("$0 + 1", elem(1, "int"))), store(2, "int", set, ex("$0 * $1", theVar("tid"), theVar("l1_W"))), store(3, "int", set, ex("$0", pos("int"))))),
	"noise": {Name: "test", Settings: noiseSettings,
		Buffers: []kernel.Buffer{buf("settings", kernel.Setting, len(noiseSettings)), buf("a!", kernel.Weight, 2, 13, 8), buf("b!", kernel.Weight, 9, 24), buf("c!", kernel.Weight, 3, 4), buf("d", kernel.Weight, 2, 4, 8)},
		Kernels: []*kernel.Kernel{{Name: "noise", Body: []kernel.Stmt{
			loop("nb", 2, parallel, loop("u", 4, serial, loop("l", 8, vector,
				&kernel.Draw{Vars: [4]string{"e0", "e1", "e2", "e3"}, Stream: 123456789, Row: ix("8*nb + l"), Block: ix("u")},
				store(1, "nb, 3*u, l", set, ex("$0", theVar("e0"))), store(1, "nb, 3*u+1, l", set, ex("$0", theVar("e1"))), store(1, "nb, 3*u+2, l", set, ex("$0", theVar("e2"))),
				store(4, "nb, u, l", sum, ex("$1 * $0", theVar("e3"), elem(0, "6")))))),
			loop("n", 9, parallel, loop("ut", 2, serial, loop("l", 2, vector,
				&kernel.Draw{Vars: [4]string{"e0", "e1", "e2", "e3"}, Stream: 4, Row: ix("n"), Block: ix("2*ut + l")},
				store(2, "n, 8*ut+4*l", set, ex("$0", theVar("e0"))), store(2, "n, 8*ut+4*l+1", set, ex("$0", theVar("e1"))), store(2, "n, 8*ut+4*l+2", set, ex("$0", theVar("e2"))), store(2, "n, 8*ut+4*l+3", set, ex("$0", theVar("e3")))))),
			loop("n", 3, parallel, &kernel.Draw{Vars: [4]string{"e0", "e1", "e2", "e3"}, Stream: 4, Row: ix("n"), Block: ix("1000")},
				store(3, "n, 0", set, ex("$0", theVar("e0"))), store(3, "n, 1", set, ex("$0", theVar("e1"))), store(3, "n, 2", set, ex("$0", theVar("e2"))), store(3, "n, 3", set, ex("$0", theVar("e3")))),
		}}},
		Lists: []kernel.List{{Name: "step", Steps: []kernel.Step{{}}}}},
}

// contents gives every buffer of a plan numbers, the same at every call.
func contents(plan *kernel.Plan) [][]float32 {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([][]float32, len(plan.Buffers))
	for i, b := range plan.Buffers {
		all[i] = make([]float32, b.Elements())
		for j := range all[i] {
			all[i][j] = r.Float32()*2 - 1
			if b.Kind == kernel.Setting {
				all[i][j] = float32(r.IntN(1 << 16))
			}
		}
	}
	return all
}

// run builds a plan and runs a list of it on the given contents, which it overwrites.
func run(t testing.TB, plan *kernel.Plan, threads int, list string, buffers [][]float32) {
	m, err := (&Backend{Threads: threads}).Build(context.Background(), plan)
	require.NoError(t, err)
	execute(t, m, list, buffers)
	require.NoError(t, m.Close())
}

func execute(t testing.TB, m backend.Machine, list string, buffers [][]float32) {
	seen := func(i int) bool {
		b := &m.(*Machine).plan.Buffers[i]
		return b.Type == kernel.F32 && b.Kind != kernel.Local
	}
	for i, b := range buffers {
		if seen(i) {
			require.NoError(t, m.Write(i, b))
		}
	}
	require.NoError(t, m.Run(context.Background(), list))
	for i, b := range buffers {
		if seen(i) {
			require.NoError(t, m.Read(i, b))
		}
	}
}

// compare holds results against the interpreter's.
func compare(t *testing.T, plan *kernel.Plan, want [][]float64, got [][]float32) {
	t.Helper()
	for b := range got {
		name := plan.Buffers[b].Name
		if plan.Buffers[b].Type != kernel.F32 || plan.Buffers[b].Kind == kernel.Local {
			continue // what is read of it is compared
		}
		for i := range got[b] {
			x, y := float64(got[b][i]), want[b][i]
			if strings.HasSuffix(name, "!") && x != y || math.Abs(x-y) > 1e-5*(1+math.Abs(y)) {
				t.Fatalf("%s[%d] is %v, not %v\n%s", name, i, x, y, PrintKernels(plan))
			}
		}
	}
}

func TestKernelsComputeWhatTheirTextSays(t *testing.T) {
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := interpret(plan, contents(plan), "step")
			var first [][]float32
			for threads := 1; threads <= 4; threads++ {
				got := contents(plan)
				run(t, plan, threads, "step", got)
				if threads == 1 {
					first = got
				}
				compare(t, plan, want, got)
				require.Equal(t, first, got, "%d threads", threads)
			}
		})
	}
}

// Every scalar operation that a kernel may hold, alone, in scalars and in lanes, on numbers that include the odd ones.
func TestOperations(t *testing.T) {
	odd := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -0.5, 3, -7, 1e-40, -1e-40, 1e30, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 2, -2}
	var body []kernel.Stmt
	var ops []ir.ScalarOp
	for op := ir.OpAdd; int(op) < ir.ScalarOps; op++ {
		if op == ir.OpPow {
			continue
		}
		var args []*ir.Expr
		for i := range op.Arity() {
			args = append(args, ir.In(i))
		}
		value := val(ir.Call(op, args...), elem(0, "n, i"), elem(0, "n, j"), elem(0, "n, 7"))
		scalars := val(value.Expr, elem(0, "n, 16*0 + l"), elem(0, "n, 0"), elem(0, "n, 7"))
		o := fmt.Sprint(len(ops))
		body = append(body, loop("n", 1, serial, loop("i", 16, serial, loop("j", 16, serial, store(1, o+", i, j", set, value))), loop("l", 16, vector, store(2, o+", l", set, scalars)),
			loop("i", 16, serial, loop("j", 2, serial, loop("l", 8, vector, store(3, o+", i, 8*j+l", set, val(value.Expr, elem(0, "n, i"), elem(0, "n, 8*j+l"), elem(0, "n, 7"))))))))
		ops = append(ops, op)
	}
	plan := oneKernel([]kernel.Buffer{buf("x", kernel.Weight, 1, 16), buf("y", kernel.Weight, len(ops), 16, 16), buf("z", kernel.Weight, len(ops), 16), buf("u", kernel.Weight, len(ops), 16, 16)}, body...)
	got := contents(plan)
	copy(got[0], odd)
	want := interpret(plan, got, "step")
	run(t, plan, 1, "step", got)
	for b := 1; b < 4; b++ {
		for i := range got[b] {
			x, y := float64(got[b][i]), want[b][i]
			per := 256
			if b == 2 {
				per = 16
			}
			if math.Abs(y) > math.MaxFloat32 {
				y = math.Inf(int(math.Copysign(1, y)))
			}
			if op := ops[i/per]; math.IsNaN(x) && math.IsInf(y, 0) && (op == ir.OpMax || op == ir.OpMin) {
				continue // Go's Max of infinity and NaN is infinity, ours is NaN: it shall be seen
			}
			if x == y || math.IsNaN(x) && math.IsNaN(y) || math.Abs(x-y) <= 4e-7*math.Abs(y)+6e-45 {
				continue
			}
			t.Errorf("%v of %v and %v is %v, not %v (%s)", ops[i/per], odd[i%per/16], odd[i%16], x, y, plan.Buffers[b].Name)
		}
	}
}

func TestEveryOperationHasARow(t *testing.T) {
	for op := ir.OpAdd; int(op) < ir.ScalarOps; op++ {
		_, table := operations[op]
		_, comparison := comparisons[op]
		if !table && !comparison && op != ir.OpNeg && op != ir.OpSelect && op != ir.OpPow {
			t.Errorf("%v has no C form", op)
		}
	}
	_, err := (&Backend{}).Build(context.Background(), oneKernel([]kernel.Buffer{buf("a", kernel.Weight, 1)}, store(0, "0", set, ex("pow($0, 2)", elem(0, "0")))))
	require.ErrorContains(t, err, "kernel test of plan test: a power is for settings")
}
