package vulkan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
)

// A Device is something that Vulkan can run on.
type Device struct {
	Number int    `json:"number"` // what --device takes; 0 is the one that is chosen without it
	Name   string `json:"name"`
	Kind   string `json:"kind"` // "discrete GPU", "integrated GPU", "virtual GPU", "other" or "software"
	API    string `json:"api"`
	Driver string `json:"driver"`
	Memory int64  `json:"memory"` // bytes of the largest heap that is the device's own
	Limits Limits `json:"limits"`

	physical   vk.PhysicalDevice
	version    uint32
	has        features
	id         string // of device and driver: what was compiled or measured for one is for no other
	family     uint32 // of queues that compute
	tick       float64
	ticks      uint // bits of a timestamp that count
	allocation int64
	memory     []vk.MemoryPropertyFlags // of each kind there is
	heaps      []int64
}

// kinds in the order in which they are preferred.
var kinds = []struct {
	is   vk.PhysicalDeviceType
	name string
}{
	{vk.PhysicalDeviceTypeDiscreteGpu, "discrete GPU"}, {vk.PhysicalDeviceTypeIntegratedGpu, "integrated GPU"}, {vk.PhysicalDeviceTypeVirtualGpu, "virtual GPU"},
	{vk.PhysicalDeviceTypeOther, "other"}, {vk.PhysicalDeviceTypeCpu, "software"},
}

// Devices lists what Vulkan can run on, best first. The error says what is missing where there is nothing.
func Devices() ([]Device, error) {
	i, err := open(library, false)
	if err != nil {
		return nil, err
	}
	defer i.close()
	return i.devices()
}

// Find gives the device of a number or name, "" for the best there is.
func Find(wanted string) (*Device, error) {
	list, err := Devices()
	if err != nil {
		return nil, err
	}
	return choose(list, wanted)
}

func (i *connection) devices() ([]Device, error) {
	var n uint32
	result := vk.EnumeratePhysicalDevices(i.handle, &n, nil)
	if result == vk.ErrorInitializationFailed { // what the loader says where no driver finds a device
		result, n = vk.Success, 0
	}
	if err := failed(result, "listing Vulkan devices"); err != nil {
		return nil, err
	}
	handles := make([]vk.PhysicalDevice, n)
	if n > 0 {
		if err := failed(vk.EnumeratePhysicalDevices(i.handle, &n, handles), "listing Vulkan devices"); err != nil {
			return nil, err
		}
	}
	var list []Device
	for _, h := range handles[:n] {
		if d, ok := i.describe(h); ok {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil, &backend.Missing{What: "no Vulkan device was found", Remedy: noDevice}
	}
	rank := func(d Device) int {
		for r, k := range kinds {
			if k.name == d.Kind {
				return r
			}
		}
		return len(kinds)
	}
	slices.SortStableFunc(list, func(a, b Device) int { return rank(a) - rank(b) })
	for n := range list {
		list[n].Number = n
	}
	return list, nil
}

// describe tells what a device is and can do; not ok for one that cannot compute, or whose Vulkan is older than 1.1.
func (i *connection) describe(h vk.PhysicalDevice) (Device, bool) {
	var p vk.PhysicalDeviceProperties
	vk.GetPhysicalDeviceProperties(h, &p)
	p.Deref()
	p.Limits.Deref()
	defer p.Free()
	d := Device{Name: vk.ToString(p.DeviceName[:]), Kind: "other", API: vk.Version(p.ApiVersion).String(), physical: h, version: p.ApiVersion, tick: float64(p.Limits.TimestampPeriod) * 1e-9}
	for _, k := range kinds {
		if k.is == p.DeviceType {
			d.Kind = k.name
		}
	}
	if p.ApiVersion < vk.MakeVersion(1, 1, 0) || !d.chooseFamily(i.queueFamilies(h)) {
		return d, false
	}
	newer := i.newerFacts(h, p.ApiVersion)
	d.Driver, d.allocation = strings.TrimSpace(newer.driver), newer.allocation
	if d.Driver == "" {
		d.Driver = fmt.Sprintf("%#x", p.DriverVersion)
	}
	d.id = fmt.Sprintf("%04x-%04x-%08x-%x", p.VendorID, p.DeviceID, p.DriverVersion, p.PipelineCacheUUID)
	l := &p.Limits
	d.Limits = Limits{
		Buffers: int(min(l.MaxPerStageDescriptorStorageBuffers, l.MaxDescriptorSetStorageBuffers, l.MaxPerStageResources)),
		Range:   int64(l.MaxStorageBufferRange), Align: int(l.MinStorageBufferOffsetAlignment),
		Groups: int(min(l.MaxComputeWorkGroupCount[0], l.MaxComputeWorkGroupCount[1], l.MaxComputeWorkGroupCount[2])),
		Local:  int(min(l.MaxComputeWorkGroupInvocations, l.MaxComputeWorkGroupSize[0])), Shared: int(l.MaxComputeSharedMemorySize),
	}
	d.has = i.features(h, p.ApiVersion)
	d.Limits.Unroll, d.Limits.Only32 = 4, !d.has.storage16
	if newer.addsSubgroup && d.has.whole {
		d.Limits.Subgroup = newer.subgroup
		if d.has.matrices {
			d.Limits.Matrices = i.matrixProducts(h, d.has.bfloat)
		}
	}
	if d.software() {
		d.Limits.Turns = 65000 // llvmpipe leaves all loops of an invocation for good after 65535 turns of them
		if p.DriverVersion < loadsScalars {
			d.Limits.Texels = int(l.MaxTexelBufferElements)
			d.Limits.Fans, d.Limits.Longs = newer.shuffles && d.has.whole, has64(h)
		}
	}
	var own []bool
	d.memory, d.heaps, own = i.memoryOf(h)
	for n, size := range d.heaps {
		if own[n] {
			d.Memory = max(d.Memory, size)
		}
	}
	return d, true
}

// loadsScalars is the version from which on llvmpipe loads from a storage buffer once where all lanes want the same, and else with the processor's gather. Before, it
// loads lane by lane, testing each address, and only from texel buffers all lanes at once, whatever they want; and stores lane by lane (docs/performance.md; measured
// with 22.3 and 26.2).
var loadsScalars = vk.MakeVersion(26, 0, 0)

// has64 tells whether shaders of a device have numbers of 64 bits.
func has64(h vk.PhysicalDevice) bool {
	var f vk.PhysicalDeviceFeatures
	vk.GetPhysicalDeviceFeatures(h, &f)
	f.Deref()
	defer f.Free()
	return f.ShaderInt64 == vk.True
}

// chooseFamily takes queues that compute and do nothing else if there are such, else any that compute.
func (d *Device) chooseFamily(families []family) bool {
	best := -1
	for n, f := range families {
		if f.compute && (best < 0 || families[best].graphics && !f.graphics) {
			best = n
		}
	}
	if best < 0 {
		return false
	}
	d.family, d.ticks = uint32(best), families[best].timestamp
	return true
}

// software tells a device that is the processor in disguise.
func (d *Device) software() bool { return d.Kind == "software" }

// String is a device as messages and tables name it.
func (d *Device) String() string {
	if d.software() {
		return d.Name + " (software)"
	}
	return d.Name
}

// choose takes the device of a number, or the first one whose name contains the words; without either the first.
func choose(list []Device, wanted string) (*Device, error) {
	if wanted == "" {
		return &list[0], nil
	}
	var names []string
	for n := range list {
		if number, err := strconv.Atoi(wanted); err == nil && number == n {
			return &list[n], nil
		}
		names = append(names, fmt.Sprintf("%d %s", n, &list[n]))
	}
	for n := range list {
		if strings.Contains(strings.ToLower(list[n].Name), strings.ToLower(wanted)) {
			return &list[n], nil
		}
	}
	return nil, &backend.Missing{What: fmt.Sprintf("there is no Vulkan device %q", wanted), Remedy: "there are: " + strings.Join(names, ", ")}
}

// A logical is an opened device with its one queue.
type logical struct {
	*connection
	*Device
	device vk.Device
	queue  vk.Queue
}

// start opens a device with the features that a plan needs.
func (i *connection) start(d *Device, needed features) (*logical, error) {
	info := vk.DeviceCreateInfo{SType: vk.StructureTypeDeviceCreateInfo, QueueCreateInfoCount: 1, PQueueCreateInfos: []vk.DeviceQueueCreateInfo{{
		SType: vk.StructureTypeDeviceQueueCreateInfo, QueueFamilyIndex: d.family, QueueCount: 1, PQueuePriorities: []float32{1},
	}}}
	defer info.Free()
	next, extensions, free := needed.want()
	defer free()
	info.PNext, info.EnabledExtensionCount, info.PpEnabledExtensionNames = next, uint32(len(extensions)), extensions
	if d.Limits.Longs {
		info.PEnabledFeatures = []vk.PhysicalDeviceFeatures{{ShaderInt64: vk.True}}
	}
	var device vk.Device
	if err := failed(vk.CreateDevice(d.physical, &info, nil, &device), "opening "+d.String()); err != nil {
		return nil, err
	}
	var queue vk.Queue
	vk.GetDeviceQueue(device, d.family, 0, &queue)
	return &logical{connection: i, Device: d, device: device, queue: queue}, nil
}

// close ends the device and its instance.
func (l *logical) close() {
	vk.DestroyDevice(l.device, nil)
	l.connection.close()
}
