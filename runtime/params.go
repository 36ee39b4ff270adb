package runtime

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"

	"bnetc/backend"
	"bnetc/ir"
	"bnetc/ir/kernel"
	"bnetc/runtime/safetensors"
)

// A fileTensor is a tensor of a parameter file: one buffer, or several side by side (the parts of a composite inverse).
type fileTensor struct {
	name   string
	shape  []int
	pieces []piece
}

type piece struct{ buffer, offset, columns int }

// fileTensors lists the tensors of a plan's buffers of one kind, in the plan's order.
func fileTensors(p *kernel.Plan, kind kernel.BufferKind) []*fileTensor {
	var list []*fileTensor
	byName := map[string]*fileTensor{}
	for i, b := range p.Buffers {
		if b.Kind != kind {
			continue
		}
		if b.Init == nil || b.Init.Of == "" {
			shape := b.Shape
			if b.Init != nil && b.Init.Shape != nil {
				shape = b.Init.Shape
			}
			list = append(list, &fileTensor{name: b.Name, shape: shape, pieces: []piece{{buffer: i, columns: shape[len(shape)-1]}}})
			continue
		}
		t := byName[b.Init.Of]
		if t == nil {
			shape := slices.Clone(b.Init.Shape)
			shape[len(shape)-1] = b.Init.Columns
			t = &fileTensor{name: b.Init.Of, shape: shape}
			byName[b.Init.Of] = t
			list = append(list, t)
		}
		t.pieces = append(t.pieces, piece{i, b.Init.Offset, b.Init.Shape[len(b.Init.Shape)-1]})
	}
	return list
}

func (t *fileTensor) elements() int {
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	return n
}

// Parameters pass between machines and files through one slice, tensor by tensor: what a run holds beside its machine is as large as the largest, not
// as all of them. The slice waits here for its next use, out of the collector's reach: while that has not come by, a new one would lie beside the old.
var passage = make(chan []float32, 1)

// borrow lends memory for any one buffer or tensor of a plan, until it is given back.
func borrow(p *kernel.Plan) (room []float32, giveBack func()) {
	n := 0
	for i := range p.Buffers {
		n = max(n, p.Buffers[i].Elements())
		if init := p.Buffers[i].Init; init != nil && init.Of != "" {
			n = max(n, p.Buffers[i].Elements()/init.Shape[len(init.Shape)-1]*init.Columns)
		}
	}
	select {
	case room = <-passage:
	default:
	}
	if cap(room) < n {
		room = make([]float32, n)
	}
	room = room[:n]
	return room, func() {
		select {
		case passage <- room:
		default: // another waits already
		}
	}
}

// read collects a tensor from a machine, in room.
func (t *fileTensor) read(m backend.Machine, room []float32) ([]float32, error) {
	out := room[:t.elements()]
	if len(t.pieces) == 1 {
		return out, m.Read(t.pieces[0].buffer, out)
	}
	width := t.shape[len(t.shape)-1]
	for _, p := range t.pieces {
		part := make([]float32, len(out)/width*p.columns)
		if err := m.Read(p.buffer, part); err != nil {
			return nil, err
		}
		for row := range len(out) / width {
			copy(out[row*width+p.offset:][:p.columns], part[row*p.columns:])
		}
	}
	return out, nil
}

// write spreads a tensor over a machine's buffers.
func (t *fileTensor) write(m backend.Machine, data []float32) error {
	if len(t.pieces) == 1 {
		return m.Write(t.pieces[0].buffer, data)
	}
	width := t.shape[len(t.shape)-1]
	for _, p := range t.pieces {
		part := make([]float32, len(data)/width*p.columns)
		for row := range len(data) / width {
			copy(part[row*p.columns:][:p.columns], data[row*width+p.offset:])
		}
		if err := m.Write(p.buffer, part); err != nil {
			return err
		}
	}
	return nil
}

// initialize draws every parameter from the generator and clears the rest.
func initialize(ctx context.Context, p *kernel.Plan, m backend.Machine, seed uint64) error {
	room, giveBack := borrow(p)
	defer giveBack()
	for i, b := range p.Buffers {
		if !slices.Contains(kept, b.Kind) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		d := room[:b.Elements()]
		clear(d)
		if b.Init != nil && (b.Kind == kernel.Weight || b.Kind == kernel.Constant) {
			in := ir.Initial{Kind: b.Init.Kind, Scale: b.Init.Scale, FanIn: b.Init.FanIn, FanOut: b.Init.FanOut, Stream: b.Init.Stream}
			if b.Init.Of != "" {
				in.Own, in.Columns, in.Offset = b.Init.Shape[len(b.Init.Shape)-1], b.Init.Columns, b.Init.Offset
			}
			if err := ir.FillInit(d, seed, in); err != nil {
				return err
			}
		}
		if err := m.Write(i, d); err != nil {
			return err
		}
	}
	return nil
}

// A ParamError is a parameter file that does not fit the program.
type ParamError struct{ Text string }

func (e *ParamError) Error() string { return e.Text }

// LoadParams writes the tensors of a file into a machine; the file may hold any subset of the parameters. Of a checkpoint the parameters are taken.
func LoadParams(path string, p *kernel.Plan, m backend.Machine) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return &ParamError{fmt.Sprintf("%s is a folder; the parameters of a run lie in %s", path, checkpointPath(path, best))}
	}
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	known := map[string]*fileTensor{}
	var expected []string
	for _, t := range fileTensors(p, kernel.Weight) {
		known[t.name] = t
		expected = append(expected, fmt.Sprintf("%s %v", t.name, t.shape))
	}
	skip, err := passedOver(&f.File, p)
	if err != nil {
		return &ParamError{fmt.Sprintf("%s: not a checkpoint: its metadata names no parameters (%v)", path, err)}
	}
	var wrong []string
	for _, t := range f.Tensors {
		k := known[t.Name]
		switch {
		case skip(t.Name):
		case k == nil:
			wrong = append(wrong, fmt.Sprintf("no parameter is named %s", t.Name))
		case !sameShape(k.shape, t.Shape):
			wrong = append(wrong, fmt.Sprintf("%s has shape %v, not %v", t.Name, k.shape, t.Shape))
		}
	}
	if len(wrong) > 0 {
		sort.Strings(wrong)
		return &ParamError{fmt.Sprintf("%s does not fit this program: %s\nexpected: %s", path, strings.Join(wrong, "; "), strings.Join(expected, ", "))}
	}
	room, giveBack := borrow(p)
	defer giveBack()
	for _, t := range f.Tensors {
		data, err := f.Next(room)
		if err != nil {
			return err
		}
		if skip(t.Name) {
			continue
		}
		if err := known[t.Name].write(m, data); err != nil {
			return err
		}
	}
	return nil
}

// sameShape compares shapes; extents of 1 in front count for nothing.
func sameShape(a, b []int) bool {
	trim := func(s []int) []int {
		for len(s) > 1 && s[0] == 1 {
			s = s[1:]
		}
		return s
	}
	return slices.Equal(trim(a), trim(b))
}

// SaveParams writes a machine's parameters to a file.
func SaveParams(path string, p *kernel.Plan, m backend.Machine) error {
	return saveTensors(path, p, fileTensors(p, kernel.Weight), m, map[string]string{"program": p.Name}, func(string, []float32) error { return nil })
}

// saveTensors writes tensors of a machine to a file, one after the other; there is no file where check refuses one.
func saveTensors(path string, p *kernel.Plan, tensors []*fileTensor, m backend.Machine, metadata map[string]string, check func(name string, data []float32) error) error {
	var names []safetensors.Tensor
	for _, t := range tensors {
		names = append(names, safetensors.Tensor{Name: t.name, Shape: t.shape})
	}
	room, giveBack := borrow(p)
	defer giveBack()
	return safetensors.WriteEach(path, names, metadata, func(i int) ([]float32, error) {
		data, err := tensors[i].read(m, room)
		if err != nil {
			return nil, err
		}
		return data, check(tensors[i].name, data)
	})
}
