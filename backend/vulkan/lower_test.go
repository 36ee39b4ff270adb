package vulkan

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bnetc/compiler"
	"bnetc/ir/kernel"
)

// least are the limits of the smallest device that Vulkan allows.
var least = Limits{Buffers: 4, Range: 128 << 20, Align: 256, Groups: 65535, Local: 128, Shared: 16384}

// withMatrices are those of a device with cooperative matrices, as lavapipe's are.
var withMatrices = Limits{Unroll: 4, Subgroup: 8, Turns: 65000, Local: 1024, Shared: 32768, Matrices: []kernel.MatrixProduct{{Rows: 8, Columns: 8, Depth: 8, Of: kernel.F16}}}

// tool finds a program of SPIRV-Tools; without it there is nothing to hold a module against.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s: install spirv-tools", name)
	}
	return path
}

// needTools skips a test of shaders with matrices where the installed SPIRV-Tools are older than those.
func needTools(t testing.TB, s *Shader) {
	t.Helper()
	for line := range strings.Lines(s.Text) {
		if capability := strings.TrimSpace(line); strings.HasPrefix(line, "OpCapability ") {
			assemble := exec.Command(tool(t, "spirv-as"), "-o", os.DevNull, "-")
			assemble.Stdin = strings.NewReader(line)
			if out, err := assemble.CombinedOutput(); err != nil {
				t.Skipf("spirv-as takes no %s: install newer spirv-tools (%s)", capability, out)
			}
		}
	}
}

// valid holds a shader against the validator, and its text against the assembler.
func valid(t testing.TB, s *Shader) {
	t.Helper()
	validator, assembler, dir := tool(t, "spirv-val"), tool(t, "spirv-as"), t.TempDir()
	binaryFile, textFile, againFile := filepath.Join(dir, "a.spv"), filepath.Join(dir, "a.spvasm"), filepath.Join(dir, "b.spv")
	var words bytes.Buffer
	require.NoError(t, binary.Write(&words, binary.LittleEndian, s.Words))
	require.NoError(t, os.WriteFile(binaryFile, words.Bytes(), 0o666))
	require.NoError(t, os.WriteFile(textFile, []byte(s.Text), 0o666))
	out, err := exec.Command(validator, "--target-env", "vulkan1.1", binaryFile).CombinedOutput()
	require.NoError(t, err, "%s: %s\n%s", s.Name, out, s.Text)
	out, err = exec.Command(assembler, "--target-env", "spv1.3", "-o", againFile, textFile).CombinedOutput()
	require.NoError(t, err, "%s: %s\n%s", s.Name, out, s.Text)
	again, err := os.ReadFile(againFile)
	require.NoError(t, err)
	copy(again[8:12], words.Bytes()[8:12]) // who made it
	require.Equal(t, words.Bytes(), again, "%s: the text does not assemble to the module\n%s", s.Name, s.Text)
}

// Lanes work together only in workgroups that are whole subgroups, and only where the device is known to have those.
func TestLanesWorkTogetherInWholeSubgroups(t *testing.T) {
	for _, d := range devices {
		together := 0
		for _, program := range []string{"mnist_fc_sdtp_parallel.bnet", "mnist_lc_bp.bnet"} {
			plan := planOf(t, program, 128, d.target)
			shaders, err := encode(plan, place(plan), d.limits)
			require.NoError(t, err)
			for _, s := range shaders {
				uses := strings.Contains(s.Text, "OpGroupNonUniform")
				require.Equal(t, uses, s.Whole, "%s of %s", s.Name, program)
				if uses {
					require.Equal(t, d.limits.Subgroup, s.Local, s.Name)
					together++
				}
			}
		}
		require.Equal(t, d.limits.Subgroup > 0, together > 0)
	}
}

// A workgroup that is larger than the device's, or shares more than it has, is refused.
func TestWorkgroupsWithinTheDevice(t *testing.T) {
	plan := planOf(t, "mnist_fc_bp.bnet", 128, compiler.Subgroup32)
	limits := least
	_, err := encode(plan, place(plan), limits)
	require.NoError(t, err)
	limits.Shared = 127 // 32 lanes are added up in 128 bytes
	_, err = encode(plan, place(plan), limits)
	require.ErrorContains(t, err, "128 bytes that a workgroup shares, and the device 127")
	limits = least
	limits.Local = 31
	_, err = encode(plan, place(plan), limits)
	require.ErrorContains(t, err, "workgroups of 32, and the device of 31 at most")
}

// A flight has as many runs as fit the time, at least one and not too many.
func TestRunsOfAFlight(t *testing.T) {
	for _, c := range []struct {
		took time.Duration
		runs int
		want int
	}{{time.Second, 1, 1}, {time.Minute, 16, 1}, {100 * time.Millisecond, 1, 2}, {100 * time.Millisecond, 4, 8}, {time.Millisecond, 1, mostRuns}, {0, 1, mostRuns}} {
		require.Equal(t, c.want, runsWithin(200*time.Millisecond, c.took, c.runs), "%v", c)
	}
}
