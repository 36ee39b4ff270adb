package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bnetc/backend/vulkan"
	"bnetc/runtime/safetensors"
)

// The commands as users type them: testdata/script/*.txtar, exit statuses and standard error included.

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bnetc": main})
}

func TestScripts(t *testing.T) {
	bnetc, err := exec.LookPath("bnetc")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	devices, _ := vulkan.Devices()
	cache := t.TempDir() // scripts compile the same networks
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("BNETC_CACHE", cache)
			e.Setenv("BIN", filepath.Dir(bnetc))
			e.Setenv("EXAMPLES", examples)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "points": points, "fields": fields, "tensors": tensors, "replace": replaceText, "flip": flip, "seal": seal,
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Getuid() == 0, nil
			case "race":
				return racing, nil
			case "vulkan":
				return len(devices) > 0, nil
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
	})
}

// racing says that the race detector watches; it takes more addresses than a small machine has.
var racing bool

// exits STATUS COMMAND…: the command ends with exactly that status.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// points X.npy Y.npy N UNITS CLASSES: N samples that a network can learn: unit k is large where the class is k.
func points(ts *testscript.TestScript, _ bool, args []string) {
	var size [3]int
	for i := range size {
		n, err := strconv.Atoi(args[2+i])
		ts.Check(err)
		size[i] = n
	}
	ts.Check(writePoints(ts.MkAbs(args[0]), ts.MkAbs(args[1]), size[0], size[1], size[2]))
}

func writePoints(xFile, yFile string, n, units, classes int) error {
	x, y := make([]byte, n*units), make([]byte, n)
	for i := range n {
		class := i * 7 % classes
		y[i] = byte(class)
		for k := range units {
			x[i*units+k] = byte((i*31 + k*17) % 64)
			if k%classes == class {
				x[i*units+k] += 190
			}
		}
	}
	return errors.Join(writeArray(xFile, "|u1", []int{n, units}, x), writeArray(yFile, "|u1", []int{n}, y))
}

// writeArray writes numbers as NumPy does.
func writeArray(path, dtype string, shape []int, data any) error {
	dims := strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", ", ") + ","
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", dtype, dims)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	out := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	out, err := binary.Append(append(out, header...), binary.LittleEndian, data)
	return errors.Join(err, os.WriteFile(path, out, 0o644))
}

// fields FILE NAME…: the file's last line is a JSON object that has these fields. NAME=VALUE compares, too.
func fields(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(lines[len(lines)-1]), &object))
	for _, want := range args[1:] {
		name, value, compare := strings.Cut(want, "=")
		got, ok := object[name]
		if !ok {
			ts.Fatalf("no field %s in %s", name, lines[len(lines)-1])
		}
		if text, _ := json.Marshal(got); compare && string(text) != value && got != value {
			ts.Fatalf("field %s is %s, not %s", name, text, value)
		}
	}
}

// tensors FILE NAME[SHAPE]…: the file holds exactly these, in any order.
func tensors(ts *testscript.TestScript, _ bool, args []string) {
	f, err := safetensors.Read(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, t := range f.Tensors {
		got = append(got, strings.ReplaceAll(t.Name+fmt.Sprint(t.Shape), " ", ","))
	}
	want := slices.Sorted(slices.Values(args[1:]))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		ts.Fatalf("%s holds %v, not %v", args[0], got, want)
	}
}

// replace FILE OLD NEW: changes a text once; it must be there.
func replaceText(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o644))
}

// seal DIR: makes a changed bundle one that was compiled so.
func seal(ts *testscript.TestScript, _ bool, args []string) {
	b, err := openBundle(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(b.seal())
}

// flip FILE: changes the byte in its middle.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	data := bytes.Clone([]byte(ts.ReadFile(args[0])))
	data[len(data)/2] ^= 0xff
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}
