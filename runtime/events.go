package runtime

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"
)

// eventsFile is events.out.tfevents.*: the scalars of each epoch for TensorBoard. A record is its length, a checksum of that, the
// event, and a checksum of it; an event is a protocol buffer, of which only the fields used here are written.
type eventsFile struct{ file *os.File }

const eventsPrefix = "events.out.tfevents."

func openEvents(dir string) (*eventsFile, error) {
	host, _ := os.Hostname()
	name := fmt.Sprintf("%s%d.%s", eventsPrefix, time.Now().UnixMicro(), host)
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("opening the event file: %w", err)
	}
	e := &eventsFile{f}
	version := protoBytes(nil, 3, []byte("brain.Event:2"))
	return e, e.record(protoDouble(version, 1, now()))
}

func now() float64 { return float64(time.Now().UnixMicro()) / 1e6 }

// write writes scalars at a step.
func (e *eventsFile) write(step uint64, list []scalar) error {
	var summary []byte
	for _, s := range list {
		value := protoBytes(nil, 1, []byte(s.tag))
		value = append(value, 2<<3|5)
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(s.value)))
		summary = protoBytes(summary, 1, value)
	}
	event := protoDouble(nil, 1, now())
	event = append(event, 2<<3)
	event = binary.AppendUvarint(event, step)
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
	if _, err := e.file.Write(out); err != nil {
		return fmt.Errorf("writing the event file: %w", err)
	}
	return nil
}

func (e *eventsFile) close() {
	if e != nil {
		e.file.Close()
	}
}
