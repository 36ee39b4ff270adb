package runtime

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"bnetc/ir/kernel"
	"bnetc/runtime/safetensors"
)

// rows reads metrics.jsonl.
func rows(t *testing.T, dir string) []map[string]any {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, MetricsFile))
	require.NoError(t, err)
	defer f.Close()
	var all []map[string]any
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var row map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
		all = append(all, row)
	}
	return all
}

func keys(row map[string]any) []string {
	var list []string
	for k := range row {
		list = append(list, k)
	}
	return list
}

// TestRows: the rows of metrics.jsonl, as docs/cli.md promises them.
func TestRows(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.prog.Epochs, r.prog.LogEvery = 2, 3
	r.train(t)
	all := rows(t, r.opts.Dir)
	var kinds []string
	for _, row := range all {
		kinds = append(kinds, row["kind"].(string))
	}
	require.Equal(t, strings.Fields("run step epoch step epoch"), kinds)

	run := all[0]
	require.ElementsMatch(t, strings.Fields("kind program hash target device seed batch epochs settings"), keys(run))
	require.Equal(t, map[string]any{"learn.noise": 0.5, "learn.forward": "sgd", "learn.forward.lr": 0.5, "learn.inverse": "sgd", "learn.inverse.lr": 0.25}, run["settings"])
	require.EqualValues(t, 7, run["seed"])

	require.ElementsMatch(t, strings.Fields("kind step train_loss inverse_loss forward_loss"), keys(all[1]))
	require.EqualValues(t, 3, all[1]["step"])

	epoch := all[4]
	require.ElementsMatch(t, strings.Fields(`kind epoch step train_loss train_error test_loss test_error train_top5_error test_top5_error inverse_loss forward_loss
		measures seconds samples_per_second`), keys(epoch))
	require.EqualValues(t, 2, epoch["epoch"])
	require.EqualValues(t, 8, epoch["step"])
	require.InDelta(t, 100*4.0/7, epoch["test_error"], 1e-9)
	require.InDelta(t, 50, epoch["train_error"], 1e-9)
	// The mean over the 16 samples of the second epoch's updates of what the machine added.
	sum := 0.0
	for _, column := range r.fed[4:] {
		for _, v := range column {
			sum += float64(v) + 1
		}
	}
	require.InDelta(t, sum/16, epoch["inverse_loss"].(map[string]any)["y"], 1e-5)
	require.InDelta(t, sum/16, epoch["forward_loss"].(map[string]any)["l1"], 1e-5)
}

// TestRowsOfAlternating: an epoch's row holds the losses of what it trained.
func TestRowsOfAlternating(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.prog.Alternating, r.prog.LogEvery, r.prog.Epochs = true, 4, 2
	r.train(t)
	all := rows(t, r.opts.Dir)
	for i, has := range map[int]string{1: "inverse_loss", 2: "inverse_loss", 3: "forward_loss", 4: "forward_loss"} {
		for _, name := range []string{"inverse_loss", "forward_loss"} {
			_, ok := all[i][name]
			require.Equal(t, name == has, ok, "row %d: %v", i, all[i])
		}
	}
	_, ok := all[1]["train_loss"]
	require.False(t, ok, "no step of an inverse epoch measures the task loss")
}

// TestEvents reads the event file as TensorBoard does: framing, checksums, and the scalars of every epoch at its step.
func TestEvents(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.prog.Epochs = 2
	r.train(t)
	files, err := filepath.Glob(filepath.Join(r.opts.Dir, "events.out.tfevents.*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	data, err := os.ReadFile(files[0])
	require.NoError(t, err)
	events := records(t, data)
	require.Len(t, events, 3)
	require.Equal(t, "brain.Event:2", string(fields(t, events[0])[3][0].bytes))
	for i, event := range events[1:] {
		f := fields(t, event)
		require.EqualValues(t, 4*(i+1), f[2][0].number, "step")
		require.Greater(t, math.Float64frombits(f[1][0].number), 1e9, "wall time")
		got := map[string]float32{}
		for _, value := range fields(t, f[5][0].bytes)[1] {
			v := fields(t, value.bytes)
			got[string(v[1][0].bytes)] = math.Float32frombits(uint32(v[2][0].number))
		}
		row := rows(t, r.opts.Dir)[i+1]
		for tag, key := range map[string]string{"loss/train": "train_loss", "error/test": "test_error", "top5_error/train": "train_top5_error", "samples_per_second": "samples_per_second"} {
			require.InEpsilon(t, row[key], got[tag], 1e-6, tag)
		}
		require.InEpsilon(t, row["inverse_loss"].(map[string]any)["y"], got["inverse_loss/y"], 1e-6)
		require.Contains(t, got, "forward_loss/l1")
		require.Contains(t, got, "measure/size.l1")
	}
}

// records splits an event file and checks every checksum.
func records(t *testing.T, data []byte) [][]byte {
	t.Helper()
	mask := func(b []byte) uint32 {
		c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
		return c>>15 + c<<17 + 0xa282ead8
	}
	var all [][]byte
	for len(data) > 0 {
		n := int(binary.LittleEndian.Uint64(data))
		require.Equal(t, mask(data[:8]), binary.LittleEndian.Uint32(data[8:]), "checksum of a length")
		body := data[12 : 12+n]
		require.Equal(t, mask(body), binary.LittleEndian.Uint32(data[12+n:]), "checksum of an event")
		all, data = append(all, body), data[16+n:]
	}
	return all
}

type field struct {
	number uint64
	bytes  []byte
}

// fields reads a protocol buffer.
func fields(t *testing.T, b []byte) map[uint64][]field {
	t.Helper()
	all := map[uint64][]field{}
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		b = b[n:]
		var f field
		switch key & 7 {
		case 0:
			f.number, n = binary.Uvarint(b)
		case 1:
			f.number, n = binary.LittleEndian.Uint64(b), 8
		case 2:
			size, k := binary.Uvarint(b)
			f.bytes, n = b[k:k+int(size)], k+int(size)
		case 5:
			f.number, n = uint64(binary.LittleEndian.Uint32(b)), 4
		default:
			t.Fatalf("wire type %d", key&7)
		}
		all[key>>3], b = append(all[key>>3], f), b[n:]
	}
	return all
}

// TestFreshRunInOldFolder: nothing of an earlier run is left, and nothing else is touched.
func TestFreshRunInOldFolder(t *testing.T) {
	dir := t.TempDir()
	first := newTrial(t, dir)
	first.train(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mine"), []byte("kept"), 0o644))
	second := newTrial(t, dir)
	second.prog.Epochs = 1
	second.train(t)
	require.Len(t, rows(t, dir), 2)
	files, err := filepath.Glob(filepath.Join(dir, eventsPrefix+"*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.FileExists(t, filepath.Join(dir, "mine"))
	third := newTrial(t, dir)
	third.opts.Steps = 1
	third.train(t)
	require.NoFileExists(t, checkpointPath(dir, best), "no epoch was finished")
}

// TestFolderOfOthers: a new run takes no folder that holds anything but a run; not one with a folder of other checkpoints either.
func TestFolderOfOthers(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, SourceFile)
	require.NoError(t, os.WriteFile(mine, []byte("// mine\n"), 0o644))
	for _, more := range []string{"", checkpoints, filepath.Join(checkpoints, "epoch=3.ckpt")} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, more), 0o755))
		for _, resume := range []bool{false, true} {
			r := newTrial(t, dir)
			r.opts.Resume = resume
			_, err := r.run()
			require.ErrorContains(t, err, dir+" is no run folder")
			text, err := os.ReadFile(mine)
			require.NoError(t, err)
			require.Equal(t, "// mine\n", string(text))
		}
	}
	require.Error(t, Vacant(mine), "a file")
	require.NoError(t, Vacant(filepath.Join(dir, "new")))
}

// TestUnknownCheckpoint: a checkpoint that may be there is not taken for none, after which the run would begin anew over it.
func TestUnknownCheckpoint(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.train(t)
	path := checkpointPath(r.opts.Dir, latest)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Symlink(filepath.Base(path), path)) // that nobody can follow to an end
	rest := newTrial(t, r.opts.Dir)
	rest.opts.Resume = true
	_, err := rest.run()
	require.ErrorIs(t, err, syscall.ELOOP)
	require.Len(t, rows(t, r.opts.Dir), 5, "what the run left is still there")
}

// TestTwoRunsInOneFolder: the second is refused, and the first ends as if there had been no other.
func TestTwoRunsInOneFolder(t *testing.T) {
	whole := newTrial(t, t.TempDir())
	whole.train(t)
	r := newTrial(t, t.TempDir())
	r.spoil = func(int, map[string][]float32) {
		for _, resume := range []bool{false, true} {
			other := newTrial(t, r.opts.Dir)
			other.opts.Resume = resume
			_, err := other.run()
			require.ErrorContains(t, err, "another run is writing the folder "+r.opts.Dir)
		}
	}
	r.train(t)
	require.Equal(t, outcome(t, whole.opts.Dir), outcome(t, r.opts.Dir))
}

// TestLeftovers: what a killed process was writing is cleared away by the next, and no file of anybody else.
func TestLeftovers(t *testing.T) {
	for _, resume := range []bool{false, true} {
		r := newTrial(t, t.TempDir())
		r.opts.Steps = 6
		r.train(t)
		half := filepath.Join(r.opts.Dir, checkpoints, ".latest.safetensors.1234567")
		mine := filepath.Join(r.opts.Dir, checkpoints, ".latest.safetensors.bak")
		for _, path := range []string{half, mine} {
			require.NoError(t, os.WriteFile(path, nil, 0o600))
		}
		rest := newTrial(t, r.opts.Dir)
		rest.opts.Resume = resume
		rest.train(t)
		require.NoFileExists(t, half)
		require.FileExists(t, mine)
	}
}

// TestResumeEarly: a run that was killed before its first checkpoint begins anew; a folder that is none of a run is refused and left alone.
func TestResumeEarly(t *testing.T) {
	whole := newTrial(t, t.TempDir())
	whole.train(t)
	empty, begun := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(begun, checkpoints), 0o755))
	for _, dir := range []string{empty, begun} {
		r := newTrial(t, dir)
		r.opts.Resume = true
		r.train(t)
		require.Equal(t, outcome(t, whole.opts.Dir), outcome(t, dir))
		require.Contains(t, r.log.lines, "the run was stopped before its first checkpoint: it begins anew")
	}
	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "mine"), nil, 0o644))
	r := newTrial(t, other)
	r.opts.Resume = true
	_, err := r.run()
	require.ErrorContains(t, err, "is no run folder")
	left, err := os.ReadDir(other)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// TestMetricsBehindCheckpoint: half a row, and rows of steps that are made again, are cut off; a file that was lost is begun again.
func TestMetricsBehindCheckpoint(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.opts.Steps = 6
	r.train(t)
	path := filepath.Join(r.opts.Dir, MetricsFile)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"kind":"step","step":7}` + "\n" + `{"kind":"st`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	rest := newTrial(t, r.opts.Dir)
	rest.opts.Resume = true
	rest.train(t)
	whole := newTrial(t, t.TempDir())
	whole.train(t)
	require.Equal(t, outcome(t, whole.opts.Dir), outcome(t, r.opts.Dir))

	require.NoError(t, os.Remove(path))
	more := newTrial(t, r.opts.Dir)
	more.opts.Resume, more.prog.Epochs = true, 5
	more.train(t)
	require.Len(t, rows(t, r.opts.Dir), 1)
}

// TestResumeElsewhere: what does not fit the checkpoint is refused.
func TestResumeElsewhere(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.opts.Steps = 6
	r.train(t)
	other := newTrial(t, r.opts.Dir)
	other.opts.Resume, other.plan = true, fakePlan(3)
	_, err := other.run()
	require.ErrorContains(t, err, "in the middle of an epoch of batches of 4; go on with --batch 4")
	other = newTrial(t, r.opts.Dir)
	other.opts.Resume = true
	other.plan.Buffers[0].Shape = []int{3, 3}
	_, err = other.run()
	require.ErrorContains(t, err, "the checkpoint is of another program: l1.W should have shape [3 3]")
	require.NoError(t, os.WriteFile(checkpointPath(r.opts.Dir, latest), []byte("rubbish"), 0o644))
	other = newTrial(t, r.opts.Dir)
	other.opts.Resume = true
	_, err = other.run()
	require.ErrorContains(t, err, "latest.safetensors: byte 7: expected")
}

// TestResumeWithOtherData: the order of samples and how many there are belong to a run.
func TestResumeWithOtherData(t *testing.T) {
	for _, steps := range []int{4, 6} { // between two epochs, and within one
		for _, n := range []int{5, 17, 19} {
			r := newTrial(t, t.TempDir())
			r.opts.Steps = steps
			r.train(t)
			other := newTrial(t, r.opts.Dir)
			other.opts.Resume, other.opts.Train = true, points(n)
			_, err := other.run()
			require.ErrorContains(t, err, fmt.Sprintf("trains on 18 samples of 3 values, and here are %d samples of 3 values", n))
		}
	}
}

// TestDamagedPosition: no field of a position is believed that no run can have; one of before the data was kept still is gone on with.
func TestDamagedPosition(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.opts.Steps = 6
	r.train(t)
	path := checkpointPath(r.opts.Dir, latest)
	whole, err := safetensors.Read(path)
	require.NoError(t, err)
	resume := func(field string, value any) error {
		var at map[string]any
		require.NoError(t, json.Unmarshal([]byte(whole.Metadata[positionKey]), &at))
		require.Contains(t, at, field)
		if at[field] = value; value == gone {
			delete(at, field)
		}
		text, err := json.Marshal(at)
		require.NoError(t, err)
		require.NoError(t, safetensors.Write(path, whole.Tensors, map[string]string{positionKey: string(text)}))
		rest := newTrial(t, r.opts.Dir)
		rest.opts.Resume = true
		_, err = rest.run()
		return err
	}
	for _, bad := range []struct {
		field string
		value any
		says  string
	}{
		{"epoch", -3, "epoch -3 behind step 6"}, {"epoch", 7, "epoch 7"}, {"in_epoch", -1, "in_epoch -1"}, {"in_epoch", 7, "in_epoch 7"}, {"in_epoch", 5, "behind 5 updates of an epoch, which has 4"},
		{"updates", nil, "no updates"}, {"updates", gone, "no updates"}, {"updates", map[string]int{"forward": -1}, "updates -1 of forward"}, {"updates", map[string]int{"inverse": 7}, "updates 7 of inverse"},
		{"batch", 0, "batch 0"}, {"samples", -1, "samples -1"}, {"samples", 9, "samples 9 of 2 batches of 4"}, {"seconds", -1, "seconds -1"}, {"metrics", -1, "metrics -1"}, {"step", -1, "position"},
		{"data", "2 samples of 3 values", "trains on 2 samples"},
	} {
		require.ErrorContains(t, resume(bad.field, bad.value), bad.says, "%s: %v", bad.field, bad.value)
	}
	require.NoError(t, resume("data", gone))
	whole2 := newTrial(t, t.TempDir())
	whole2.train(t)
	require.Equal(t, outcome(t, whole2.opts.Dir), outcome(t, r.opts.Dir))
}

// gone is the value of a field that is left out.
const gone = "gone"

// TestParametersOfCheckpoint: a checkpoint gives its parameters to any program that has them, in the form of before it named them, too; other files are taken at their word.
func TestParametersOfCheckpoint(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.prog.Epochs, r.opts.Save = 1, filepath.Join(t.TempDir(), "saved")
	r.train(t)
	path, saved := checkpointPath(r.opts.Dir, latest), filepath.Join(t.TempDir(), "again")
	begin := func(init string, plan *kernel.Plan) error {
		next := newTrial(t, t.TempDir())
		next.plan, next.prog.Epochs, next.prog.Seed, next.opts.Init, next.opts.Save = plan, 0, 9, init, saved
		_, err := next.run()
		return err
	}
	want, err := safetensors.Read(r.opts.Save)
	require.NoError(t, err)
	same := func() {
		t.Helper()
		got, err := safetensors.Read(saved)
		require.NoError(t, err)
		require.Equal(t, want.Tensors, got.Tensors)
	}
	require.NoError(t, begin(path, fakePlan(4)))
	same()
	stateless := fakePlan(4)
	stateless.Buffers = slices.DeleteFunc(stateless.Buffers, func(b kernel.Buffer) bool { return b.Kind == kernel.State })
	require.NoError(t, begin(path, stateless), "the states of another optimizer")
	same()

	whole, err := safetensors.Read(path)
	require.NoError(t, err)
	old, other := filepath.Join(t.TempDir(), "old"), filepath.Join(t.TempDir(), "other")
	require.NoError(t, safetensors.Write(old, whole.Tensors, map[string]string{positionKey: whole.Metadata[positionKey]}))
	require.NoError(t, begin(old, fakePlan(4)))
	same()
	require.ErrorContains(t, begin(old, stateless), "no parameter is named l1.W.m")
	require.NoError(t, safetensors.Write(other, whole.Tensors, nil))
	require.ErrorContains(t, begin(other, fakePlan(4)), "no parameter is named errors")
	narrow := fakePlan(4)
	narrow.Buffers[1].Name = "z.V"
	require.ErrorContains(t, begin(path, narrow), "no parameter is named y.V")
}

// TestTooLargeBatch is refused before a folder is made.
func TestTooLargeBatch(t *testing.T) {
	r := newTrial(t, filepath.Join(t.TempDir(), "run"))
	r.opts.Train = points(3)
	_, err := r.run()
	require.EqualError(t, err, "a batch of 4 is larger than the 3 training samples; set --batch or keep_last")
	require.NoDirExists(t, r.opts.Dir)
	r.keepLast()
	r.train(t)
}

// TestReport: the page needs nothing else, and says what was run.
func TestReport(t *testing.T) {
	r := newTrial(t, t.TempDir())
	r.prog.Name, r.prog.Notes = "a<b", []Note{{"Biological plausibility", "l1 <yes>"}}
	r.train(t)
	text, err := os.ReadFile(filepath.Join(r.opts.Dir, ReportFile))
	require.NoError(t, err)
	page := string(text)
	require.NotRegexp(t, `(src|href)=|url\(|@import|<script|https?:`, page)
	for _, part := range []string{"a&lt;b", "l1 &lt;yes&gt;", "network fake", "<svg", "polyline", "learn.forward.lr", "0.25", "a diary", "test error", "samples a second"} {
		require.Contains(t, page, part)
	}
	require.NotContains(t, page, "NaN")
}

// TestFresh: runs that begin at once, and name no folder, have each their own.
func TestFresh(t *testing.T) {
	name := filepath.Join(t.TempDir(), "runs", "tiny-20260102-030405")
	for _, want := range []string{name, name + "-2", name + "-3"} {
		got, err := Fresh(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.DirExists(t, got)
		require.NoError(t, Vacant(got))
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	_, err := Fresh(filepath.Join(file, "run"))
	require.ErrorContains(t, err, "--out DIR")
}
