package runtime

import (
	"fmt"

	"bnetc/backend"
	"bnetc/ir"
	"bnetc/ir/kernel"
)

// settings is the vector of scalars that a plan reads, refreshed before each step.
type settings struct {
	plan   *kernel.Plan
	buffer int
	at     map[string]int
	values []float32
	groups []groupSettings
}

type groupSettings struct {
	group Group
	row   *ir.Optimizer
	hyper []float64
	decay *ir.LearningDecay
}

func newSettings(prog *Program, p *kernel.Plan) (*settings, error) {
	s := &settings{plan: p, buffer: -1, at: map[string]int{}, values: make([]float32, len(p.Settings))}
	for i, b := range p.Buffers {
		if b.Kind == kernel.Setting {
			s.buffer = i
		}
	}
	for i, name := range p.Settings {
		s.at[name] = i
	}
	for _, param := range prog.Params {
		s.set("learn."+param.Name, param.Value)
	}
	for k := range 4 {
		s.set(fmt.Sprintf("seed%d", k), float64(prog.Seed>>(16*k)&0xffff))
	}
	for _, g := range prog.Groups {
		row, ok := ir.FindOptimizer(g.Optimizer)
		if !ok {
			return nil, fmt.Errorf("no optimizer %q", g.Optimizer)
		}
		decay, ok := ir.FindDecay(g.Decay)
		if !ok {
			return nil, fmt.Errorf("no learning-rate schedule %q", g.Decay)
		}
		gs := groupSettings{group: g, row: row, decay: decay}
		for _, h := range row.Hyper {
			v := h.Default
			for _, own := range g.Hyper {
				if own.Name == h.Name {
					v = own.Value
				}
			}
			gs.hyper = append(gs.hyper, v)
		}
		s.groups = append(s.groups, gs)
	}
	return s, nil
}

func (s *settings) set(name string, v float64) {
	if i, ok := s.at[name]; ok {
		s.values[i] = float32(v)
	}
}

// write computes the scalars of one step: update t of each group (from 1), step of the run (from 0, the counter of noise), progress 0..1 of the
// training for learning-rate schedules.
func (s *settings) write(m backend.Machine, step uint64, t map[string]int, progress float64) error {
	s.set("step0", float64(step&0xffff))
	s.set("step1", float64(step>>16&0xffff))
	for _, g := range s.groups {
		hyper := append([]float64{}, g.hyper...)
		for i, h := range g.row.Hyper {
			if h.Name == "lr" {
				hyper[i] *= g.decay.Factor(progress)
			}
		}
		names := g.row.Inputs()[2+len(g.row.State):]
		for i, v := range g.row.Scalars(hyper, t[g.group.Name]) {
			s.set(g.group.Name+"."+names[i], v)
		}
	}
	if s.buffer < 0 {
		return nil
	}
	return m.Write(s.buffer, s.values)
}
