package runtime

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"bnetc/runtime/replace"
)

// metricsFile is metrics.jsonl, with the number of bytes that are whole rows.
type metricsFile struct {
	file *os.File
	size int64
}

// openMetrics opens the file with what lies behind size cut off: rows of steps that a resumed run makes again, or half a row of a run that was
// killed. It gives the epochs that are left. A file that is shorter, or gone, is gone on with as it is.
func openMetrics(path string, size int64) (*metricsFile, []EpochRow, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the metrics: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		size = min(size, info.Size())
		err = f.Truncate(size)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("repairing %s: %w", path, err)
	}
	var rows []EpochRow
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var r EpochRow
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Kind == "epoch" {
			rows = append(rows, r)
		}
	}
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return &metricsFile{f, size}, rows, nil
}

// append writes one row whole.
func (m *metricsFile) append(row any) error {
	text, err := json.Marshal(row)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if _, err := m.file.Write(text); err != nil {
		return fmt.Errorf("writing the metrics: %w", err)
	}
	m.size += int64(len(text))
	return nil
}

// sync makes the rows last through a power failure, as the checkpoint does that counts them.
func (m *metricsFile) sync() error {
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("writing the metrics: %w", err)
	}
	return nil
}

func (m *metricsFile) close() {
	if m != nil {
		m.file.Close()
	}
}

// writeText replaces a file whole.
func writeText(path, text string) error {
	return replace.File(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}
