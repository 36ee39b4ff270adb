package vulkan

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
