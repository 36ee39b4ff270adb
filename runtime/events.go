package runtime

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// eventsFile is events.out.tfevents.*: the scalars of each epoch for TensorBoard. A record is its length, a checksum of that, the
// event, and a checksum of it; an event is a protocol buffer, of which only the fields used here are written.
type eventsFile struct{ file *os.File }

func openEvents(dir string) (*eventsFile, error) {
	host, _ := os.Hostname()
	name := fmt.Sprintf("events.out.tfevents.%d.%s", time.Now().UnixNano()/1e3, host)
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("opening the event file: %w", err)
	}
	e := &eventsFile{f}
	version := protoBytes(nil, 3, []byte("brain.Event:2"))
	return e, e.record(protoDouble(version, 1, now()))
}

func now() float64 { return float64(time.Now().UnixMicro()) / 1e6 }

// epoch writes an epoch's losses and errors as scalars at its step.
func (e *eventsFile) epoch(r *EpochRow) error {
	type scalar struct {
		tag   string
		value float64
	}
	list := []scalar{{"loss/train", r.TrainLoss}, {"loss/test", r.TestLoss}, {"samples_per_second", r.SamplesPerSecond}}
	if r.TrainError != nil {
		list = append(list, scalar{"error/train", *r.TrainError}, scalar{"error/test", *r.TestError})
	}
	for prefix, m := range map[string]map[string]float64{"inverse_loss/": r.InverseLoss, "forward_loss/": r.ForwardLoss, "measure/": r.Measures} {
		for layer, v := range m {
			list = append(list, scalar{prefix + layer, v})
		}
	}
	slices.SortFunc(list, func(a, b scalar) int {
		if a.tag < b.tag {
			return -1
		}
		return 1
	})
	var summary []byte
	for _, s := range list {
		value := protoBytes(nil, 1, []byte(s.tag))
		value = append(value, 2<<3|5)
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(s.value)))
		summary = protoBytes(summary, 1, value)
	}
	event := protoDouble(nil, 1, now())
	event = append(event, 2<<3)
	event = binary.AppendUvarint(event, r.Step)
	return e.record(protoBytes(event, 5, summary))
}

func protoBytes(b []byte, field byte, data []byte) []byte {
	b = append(b, field<<3|2)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

func protoDouble(b []byte, field byte, v float64) []byte {
	b = append(b, field<<3|1)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func masked(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

func (e *eventsFile) record(data []byte) error {
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out := binary.LittleEndian.AppendUint32(head, masked(head))
	out = append(out, data...)
	out = binary.LittleEndian.AppendUint32(out, masked(data))
	_, err := e.file.Write(out)
	return err
}

func (e *eventsFile) close() { e.file.Close() }
