package vulkan

import (
	"fmt"
	"unsafe"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend/vulkan/spirv"
)

// kernels are those of a plan, ready to be dispatched: pipeline and descriptor set of each.
type kernels struct {
	layouts   map[string]kernelLayout // by the kinds of their bindings
	pipelines map[string]vk.Pipeline  // by those, and their code: layers of one shape have kernels that differ in what is bound alone
	pool      vk.DescriptorPool
	views     []vk.BufferView
	list      []compiled
}

type kernelLayout struct {
	set      vk.DescriptorSetLayout
	pipeline vk.PipelineLayout
}

type compiled struct {
	pipeline vk.Pipeline
	layout   vk.PipelineLayout
	set      vk.DescriptorSet
	groups   [3]int
	bindings []Binding
}

// prepare compiles shaders and binds the plan's memory to them. What was compiled before is found in the driver's cache, which is kept on disk.
func (l *logical) prepare(shaders []*Shader, where layout, memory []*piece) (*kernels, error) {
	p := &kernels{layouts: map[string]kernelLayout{}, pipelines: map[string]vk.Pipeline{}}
	cache := l.openCache()
	defer vk.DestroyPipelineCache(l.device, cache.handle, nil)
	err := p.reserve(l, shaders)
	for _, s := range shaders {
		if err != nil {
			break
		}
		var made compiled
		if made, err = p.build(l, s, cache.handle); err == nil {
			for i, b := range s.Bindings {
				if err == nil {
					err = p.bind(l, made.set, i, b, memory[where.piece[b.Buffer]].buffer, 4*int64(where.first[b.Buffer]+b.First), 4*int64(b.Count))
				}
			}
		}
	}
	if err != nil {
		p.release(l)
		return nil, err
	}
	l.saveCache(cache)
	return p, nil
}

// reserve makes the pool of descriptors that the shaders need.
func (p *kernels) reserve(l *logical, shaders []*Shader) error {
	n := map[vk.DescriptorType]int{}
	for _, s := range shaders {
		for _, b := range s.Bindings {
			n[b.kind()]++
		}
	}
	sizes := []vk.DescriptorPoolSize{{Type: vk.DescriptorTypeStorageBuffer, DescriptorCount: uint32(max(1, n[vk.DescriptorTypeStorageBuffer]))}}
	if texels := n[vk.DescriptorTypeStorageTexelBuffer]; texels > 0 {
		sizes = append(sizes, vk.DescriptorPoolSize{Type: vk.DescriptorTypeStorageTexelBuffer, DescriptorCount: uint32(texels)})
	}
	info := vk.DescriptorPoolCreateInfo{SType: vk.StructureTypeDescriptorPoolCreateInfo, MaxSets: uint32(max(1, len(shaders))), PoolSizeCount: uint32(len(sizes)), PPoolSizes: sizes}
	defer info.Free()
	var pool vk.DescriptorPool
	err := failed(vk.CreateDescriptorPool(l.device, &info, nil, &pool), "reserving descriptors")
	p.pool = pool
	return err
}

// kind is the kind of a binding's descriptor.
func (b Binding) kind() vk.DescriptorType {
	if b.Texels {
		return vk.DescriptorTypeStorageTexelBuffer
	}
	return vk.DescriptorTypeStorageBuffer
}

// bind makes a range of memory, in bytes, a binding of a descriptor set.
func (p *kernels) bind(l *logical, set vk.DescriptorSet, binding int, b Binding, buffer vk.Buffer, offset, size int64) error {
	if !b.Texels {
		l.bind(l.device, set, binding, buffer, offset, size)
		return nil
	}
	format := vk.FormatR32g32b32a32Sfloat
	if b.Halves {
		format = vk.FormatR16g16b16a16Uint
	}
	info := vk.BufferViewCreateInfo{SType: vk.StructureTypeBufferViewCreateInfo, Buffer: buffer, Format: format, Offset: vk.DeviceSize(offset), Range: vk.DeviceSize(size)}
	defer info.Free()
	var view vk.BufferView
	if err := failed(vk.CreateBufferView(l.device, &info, nil, &view), "viewing a buffer as texels"); err != nil {
		return err
	}
	p.views = append(p.views, view)
	l.bindTexels(l.device, set, binding, view)
	return nil
}

// build compiles one shader, unless one of the same code was, and reserves its descriptors.
func (p *kernels) build(l *logical, s *Shader, cache vk.PipelineCache) (compiled, error) {
	layout, kinds, err := p.layout(l, s.Bindings)
	if err != nil {
		return compiled{}, err
	}
	made := compiled{layout: layout.pipeline, groups: s.Groups, bindings: s.Bindings}
	if made.pipeline, err = p.compile(l, s, kinds, layout, cache); err != nil {
		return compiled{}, err
	}
	p.list = append(p.list, made)
	set := vk.DescriptorSetAllocateInfo{SType: vk.StructureTypeDescriptorSetAllocateInfo, DescriptorPool: p.pool, DescriptorSetCount: 1,
		PSetLayouts: []vk.DescriptorSetLayout{layout.set}}
	defer set.Free()
	var reserved vk.DescriptorSet // not in the list: nothing that Vulkan is given may lie beside Go's pointers
	err = failed(vk.AllocateDescriptorSets(l.device, &set, &reserved), "reserving descriptors of kernel "+s.Name)
	at := &p.list[len(p.list)-1]
	at.set = reserved
	return *at, err
}

// compile gives the pipeline of a shader, which is released with the others.
func (p *kernels) compile(l *logical, s *Shader, kinds string, layout kernelLayout, cache vk.PipelineCache) (vk.Pipeline, error) {
	words := spirv.Unnamed(s.Words)
	code := fmt.Sprint(kinds, s.Whole) + string(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 4*len(words)))
	if made, ok := p.pipelines[code]; ok {
		return made, nil
	}
	info := vk.ShaderModuleCreateInfo{SType: vk.StructureTypeShaderModuleCreateInfo, CodeSize: uint(4 * len(s.Words)), PCode: s.Words}
	defer info.Free()
	var module vk.ShaderModule
	if err := failed(vk.CreateShaderModule(l.device, &info, nil, &module), "loading kernel "+s.Name); err != nil {
		return vk.NullPipeline, err
	}
	defer vk.DestroyShaderModule(l.device, module, nil)
	made, result := l.pipeline(l.device, cache, module, s.Whole, layout.pipeline)
	if result != vk.Success {
		return vk.NullPipeline, failed(result, "compiling kernel "+s.Name)
	}
	p.pipelines[code] = made
	return made, nil
}

// layout gives the layout of a kernel with these bindings in set 0, and their kinds.
func (p *kernels) layout(l *logical, list []Binding) (made kernelLayout, kinds string, err error) {
	n := len(list)
	bindings := make([]vk.DescriptorSetLayoutBinding, n)
	for i, b := range list {
		bindings[i] = vk.DescriptorSetLayoutBinding{Binding: uint32(i), DescriptorType: b.kind(), DescriptorCount: 1,
			StageFlags: vk.ShaderStageFlags(vk.ShaderStageComputeBit)}
		kinds += fmt.Sprint(b.kind(), " ")
	}
	if made, ok := p.layouts[kinds]; ok {
		return made, kinds, nil
	}
	info := vk.DescriptorSetLayoutCreateInfo{SType: vk.StructureTypeDescriptorSetLayoutCreateInfo, BindingCount: uint32(n), PBindings: bindings}
	defer info.Free()
	if err := failed(vk.CreateDescriptorSetLayout(l.device, &info, nil, &made.set), fmt.Sprintf("describing kernels of %d buffers", n)); err != nil {
		return made, kinds, err
	}
	p.layouts[kinds] = made
	of := vk.PipelineLayoutCreateInfo{SType: vk.StructureTypePipelineLayoutCreateInfo, SetLayoutCount: 1, PSetLayouts: []vk.DescriptorSetLayout{made.set}}
	defer of.Free()
	err = failed(vk.CreatePipelineLayout(l.device, &of, nil, &made.pipeline), fmt.Sprintf("describing kernels of %d buffers", n))
	p.layouts[kinds] = made
	return made, kinds, err
}

func (p *kernels) release(l *logical) {
	for _, made := range p.pipelines {
		vk.DestroyPipeline(l.device, made, nil)
	}
	for _, made := range p.layouts {
		vk.DestroyPipelineLayout(l.device, made.pipeline, nil)
		vk.DestroyDescriptorSetLayout(l.device, made.set, nil)
	}
	for _, view := range p.views {
		vk.DestroyBufferView(l.device, view, nil)
	}
	vk.DestroyDescriptorPool(l.device, p.pool, nil)
}

// dispatch records one run of a kernel.
func (m *compiled) dispatch(commands vk.CommandBuffer) {
	vk.CmdBindPipeline(commands, vk.PipelineBindPointCompute, m.pipeline)
	vk.CmdBindDescriptorSets(commands, vk.PipelineBindPointCompute, m.layout, 0, 1, []vk.DescriptorSet{m.set}, 0, nil)
	vk.CmdDispatch(commands, uint32(m.groups[0]), uint32(m.groups[1]), uint32(m.groups[2]))
}

// bytesOf is what a call reads of Go's memory.
func bytesOf(data []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(data)) }
