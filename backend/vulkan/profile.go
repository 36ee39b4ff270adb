package vulkan

import (
	"unsafe"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
)

var _ backend.Profiler = (*Machine)(nil)

// Profile executes a list once, one step after the other, and gives the time of each by the device's own clock. Where the device has no clock there are
// no times.
func (m *Machine) Profile(list string) ([]backend.KernelTime, error) {
	n, err := m.list(list)
	if err != nil || m.device.ticks == 0 {
		return nil, err
	}
	times, err := m.profile(n)
	return times, m.done(err)
}

func (m *Machine) profile(list int) ([]backend.KernelTime, error) {
	d, steps := m.device, m.plan.Lists[list].Steps
	info := vk.QueryPoolCreateInfo{SType: vk.StructureTypeQueryPoolCreateInfo, QueryType: vk.QueryTypeTimestamp, QueryCount: uint32(len(steps) + 1)}
	defer info.Free()
	var clock vk.QueryPool
	if err := failed(vk.CreateQueryPool(d.device, &info, nil, &clock), "reserving timestamps"); err != nil {
		return nil, err
	}
	defer vk.DestroyQueryPool(d.device, clock, nil)
	err := m.line.finish(func(c vk.CommandBuffer) {
		vk.CmdResetQueryPool(c, clock, 0, uint32(len(steps)+1))
		d.wait(c, written, touching)
		vk.CmdWriteTimestamp(c, vk.PipelineStageComputeShaderBit, clock, 0)
		for i, s := range steps {
			m.kernels.list[s.Kernel].dispatch(c)
			d.wait(c, computeWrites, computes)
			vk.CmdWriteTimestamp(c, vk.PipelineStageComputeShaderBit, clock, uint32(i+1))
		}
	})
	if err != nil {
		return nil, err
	}
	at := make([]uint64, len(steps)+1)
	wait := vk.QueryResultFlags(vk.QueryResult64Bit | vk.QueryResultWaitBit)
	if err := failed(vk.GetQueryPoolResults(d.device, clock, 0, uint32(len(at)), uint(8*len(at)), unsafe.Pointer(&at[0]), 8, wait), "reading timestamps"); err != nil {
		return nil, err
	}
	times := make([]backend.KernelTime, len(steps))
	for i, s := range steps {
		ticks := (at[i+1] - at[i]) & (^uint64(0) >> (64 - d.ticks))
		times[i] = backend.KernelTime{Kernel: m.plan.Kernels[s.Kernel].Name, Level: s.Level, Seconds: float64(ticks) * d.tick}
	}
	return times, nil
}
