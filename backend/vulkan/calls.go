package vulkan

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What follows is of the Vulkan specification, in the few shapes that are needed here. Handles are pointers: 64-bit machines only.
typedef void (*fn)(void);
typedef fn (*get_fn)(void *instance, const char *name);

static fn find(void *get, void *instance, const char *name) { return ((get_fn)get)(instance, name); }

// Structures that Vulkan 1.1 and 1.2 added: each begins with a type and a link to the next.
typedef struct { uint32_t type; void *next; uint32_t size, stages, operations, quad; } subgroup_facts;
typedef struct { uint32_t type; void *next; uint32_t sets; uint64_t allocation; } maintenance3_facts;
typedef struct { uint32_t type; void *next; uint32_t id; char name[256], info[256]; uint8_t version[4]; } driver_facts;
typedef struct { uint32_t type; void *next; char properties[4096]; } properties2;

typedef struct { uint32_t subgroup, operations, stages; uint64_t allocation; char driver[256], info[256]; } device_facts;

static void facts_of(fn f, void *device, int driver_known, device_facts *out) {
	driver_facts d = { .type = 1000196000 };
	maintenance3_facts m = { .type = 1000168000, .next = driver_known ? &d : NULL };
	subgroup_facts s = { .type = 1000094000, .next = &m };
	properties2 *p = calloc(1, sizeof *p);
	p->type = 1000059001;
	p->next = &s;
	((void (*)(void *, void *))f)(device, p);
	free(p);
	out->subgroup = s.size, out->operations = s.operations, out->stages = s.stages, out->allocation = m.allocation;
	memcpy(out->driver, d.name, sizeof d.name);
	memcpy(out->info, d.info, sizeof d.info);
}

// What a device may have and is asked for: storage buffers of 16-bit elements, workgroups of whole subgroups, and what cooperative matrices take.
typedef struct { uint32_t type; void *next; uint32_t buffers, uniforms, constants, interfaces; } storage16;
typedef struct { uint32_t type; void *next; uint32_t model, device, chains; } memory_model;
typedef struct { uint32_t type; void *next; uint32_t f16, i8; } arithmetic16;
typedef struct { uint32_t type; void *next; uint32_t sizes, full; } subgroups;
typedef struct { uint32_t type; void *next; uint32_t matrices, robust; } matrices;
typedef struct { uint32_t type; void *next; uint32_t bf16, dot, matrices; } bfloat16;
typedef struct { storage16 storage; subgroups subgroups; memory_model model; arithmetic16 arithmetic; matrices matrices; bfloat16 bfloat; } feature_chain;
typedef struct { uint32_t type; void *next; uint32_t features[256]; } features2;

// new_features makes the chain, as long as the device knows it: of Vulkan 1.1 alone, with sizes of subgroups, with matrices, with those of bfloat16. Each follows the one before.
static feature_chain *new_features(int with_sizes, int with_matrices, int with_bfloat) {
	feature_chain *f = calloc(1, sizeof *f);
	f->storage.type = 1000083000, f->model.type = 1000211000, f->arithmetic.type = 1000082000, f->subgroups.type = 1000225002, f->matrices.type = 1000506000, f->bfloat.type = 1000141000;
	if (with_sizes) f->storage.next = &f->subgroups;
	if (with_matrices) f->subgroups.next = &f->model, f->model.next = &f->arithmetic, f->arithmetic.next = &f->matrices;
	if (with_bfloat) f->matrices.next = &f->bfloat;
	return f;
}

static void features_of(fn f, void *device, feature_chain *into) {
	features2 *all = calloc(1, sizeof *all);
	all->type = 1000059000;
	all->next = into;
	((void (*)(void *, void *))f)(device, all);
	free(all);
}

typedef struct { char name[256]; uint32_t version; } extension;

// The extensions of a device, or, without one, those of a layer.
static int32_t extensions_of(fn f, void *device, const char *layer, uint32_t *n, extension *all) {
	if (device)
		return ((int32_t (*)(void *, const char *, uint32_t *, extension *))f)(device, NULL, n, all);
	return ((int32_t (*)(const char *, uint32_t *, extension *))f)(layer, n, all);
}

static int has_extension(fn f, void *device, const char *layer, const char *name) {
	uint32_t n = 0;
	if (!f || extensions_of(f, device, layer, &n, NULL) || !n) return 0;
	extension *all = calloc(n, sizeof *all);
	int found = 0;
	extensions_of(f, device, layer, &n, all);
	for (uint32_t i = 0; i < n; i++) found |= !strcmp(all[i].name, name);
	free(all);
	return found;
}

typedef struct { uint32_t type; void *next; uint32_t rows, columns, depth, a, b, c, result, saturates, scope; } product;

// products lists what the device multiplies; the caller frees it.
static product *products(fn f, void *device, uint32_t *n) {
	int32_t (*list)(void *, uint32_t *, product *) = (int32_t (*)(void *, uint32_t *, product *))f;
	*n = 0;
	if (list(device, n, NULL) || !*n) return NULL;
	product *all = calloc(*n, sizeof *all);
	for (uint32_t i = 0; i < *n; i++) all[i].type = 1000506001;
	list(device, n, all);
	return all;
}

typedef struct { uint32_t kinds; struct { uint32_t flags, heap; } kind[32]; uint32_t heaps; struct { uint64_t size; uint32_t flags; } heap[16]; } memory_facts;

static void memory_of(fn f, void *device, memory_facts *out) { ((void (*)(void *, memory_facts *))f)(device, out); }

typedef struct { uint32_t flags, count, bits, granularity[3]; } family;

static void families(fn f, void *device, uint32_t *count, family *list) { ((void (*)(void *, uint32_t *, family *))f)(device, count, list); }

// Messages of the validation layers, kept until they are asked for.
typedef struct message { struct message *next; char *text; } message;
typedef struct { uint32_t type; void *next; uint32_t flags; const char *id; int32_t number; const char *text; } callback_data;

static uint32_t on_message(uint32_t severity, uint32_t kinds, const callback_data *data, void *to) {
	(void)severity, (void)kinds;
	message *m = malloc(sizeof *m);
	const char *id = data->id ? data->id : "", *text = data->text ? data->text : "";
	m->text = malloc(strlen(id) + strlen(text) + 3);
	sprintf(m->text, "%s: %s", id, text);
	message *old = __atomic_load_n((message **)to, __ATOMIC_RELAXED);
	do m->next = old;
	while (!__atomic_compare_exchange_n((message **)to, &old, m, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	return 0;
}

static message *take(message **from) { return __atomic_exchange_n(from, NULL, __ATOMIC_ACQUIRE); }

typedef struct { uint32_t type; const void *next; uint32_t enabled; const uint32_t *enable; uint32_t disabled; const uint32_t *disable; } validation_features;

typedef struct { const char *layer, *name; uint32_t type, count; const void *values; } layer_setting;
typedef struct { uint32_t type; const void *next; uint32_t count; const layer_setting *settings; } layer_settings;

// Synchronization is validated. Layers that have settings look at copies alone where they are not told that what shaders touch counts.
static const uint32_t on = 1, synchronization = 4;
static const validation_features features = { 1000247000, NULL, 1, &synchronization, 0, NULL };
static const layer_setting shaders_count = { "VK_LAYER_KHRONOS_validation", "syncval_shader_accesses_heuristic", 0, 1, &on };
static const layer_settings settings = { 1000496000, &features, 1, &shaders_count };

typedef struct { uint32_t type; const void *next; uint32_t flags, severity, kinds; void *callback, *data; } messenger_info;

static messenger_info *new_messenger_info(int has_settings, void *to) {
	messenger_info *info = calloc(1, sizeof *info);
	*info = (messenger_info){ 1000128004, has_settings ? (const void *)&settings : &features, 0, 0x1100, 0x7, on_message, to }; // warnings and errors, of every kind
	return info;
}

static int32_t create_messenger(fn f, void *instance, const messenger_info *info, void **out) {
	return ((int32_t (*)(void *, const messenger_info *, void *, void **))f)(instance, info, NULL, out);
}
static void destroy_messenger(fn f, void *instance, void *messenger) { ((void (*)(void *, void *, void *))f)(instance, messenger, NULL); }

// Calls that take arrays of structures.
typedef struct { uint32_t type; const void *next; uint32_t waits; void *wait, *stages; uint32_t count; void *const *commands; uint32_t signals; void *signal; } submit_info;

static int32_t submit(fn f, void *queue, uint32_t count, void *const *commands, void *fence) {
	submit_info info = { .type = 4, .count = count, .commands = commands };
	return ((int32_t (*)(void *, uint32_t, const submit_info *, void *))f)(queue, 1, &info, fence);
}

typedef struct { uint32_t type; const void *next; uint32_t from, to; } memory_barrier;

static void barrier(fn f, void *commands, uint32_t from, uint32_t to, uint32_t written, uint32_t seen) {
	memory_barrier b = { 46, NULL, written, seen };
	((void (*)(void *, uint32_t, uint32_t, uint32_t, uint32_t, const memory_barrier *, uint32_t, void *, uint32_t, void *))f)(
		commands, from, to, 0, written != 0, &b, 0, NULL, 0, NULL);
}

typedef struct { uint64_t from, to, size; } region;

static void copy(fn f, void *commands, void *from, void *to, uint32_t count, const region *regions) {
	((void (*)(void *, void *, void *, uint32_t, const region *))f)(commands, from, to, count, regions);
}

typedef struct { void *buffer; uint64_t offset, range; } buffer_info;
typedef struct { uint32_t type; const void *next; void *set; uint32_t binding, element, count, kind; const void *image; const buffer_info *buffer; const void *view; } write_info;

static void bind_texels(fn f, void *device, void *set, uint32_t binding, void *view) {
	write_info w = { .type = 35, .set = set, .binding = binding, .count = 1, .kind = 5, .view = &view };
	((void (*)(void *, uint32_t, const write_info *, uint32_t, const void *))f)(device, 1, &w, 0, 0);
}

static void bind(fn f, void *device, void *set, uint32_t binding, void *buffer, uint64_t offset, uint64_t range) {
	buffer_info b = { buffer, offset, range };
	write_info w = { .type = 35, .set = set, .binding = binding, .count = 1, .kind = 7, .buffer = &b };
	((void (*)(void *, uint32_t, const write_info *, uint32_t, const void *))f)(device, 1, &w, 0, NULL);
}

typedef struct { uint32_t type; const void *next; uint32_t flags, stage; void *module; const char *name; const void *special; } stage_info;
typedef struct { uint32_t type; const void *next; uint32_t flags; stage_info stage; void *layout, *base; int32_t base_index; } pipeline_info;

static int32_t pipeline(fn f, void *device, void *cache, void *module, const char *entry, uint32_t flags, void *layout, void **out) {
	pipeline_info p = { .type = 29, .stage = { .type = 18, .flags = flags, .stage = 0x20, .module = module, .name = entry }, .layout = layout, .base_index = -1 };
	return ((int32_t (*)(void *, void *, uint32_t, const pipeline_info *, void *, void **))f)(device, cache, 1, &p, NULL, out);
}
*/
import "C"

import (
	"fmt"
	"slices"
	"unsafe"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/ir/kernel"
)

// This file is the one place where Go meets Vulkan other than through vulkan-go: the loader; structures and calls newer than the binding's
// Vulkan 1.1.88; and the calls that take arrays of structures, whose copies the binding lets the garbage collector free while the driver
// still reads them.

// A loader is the system's Vulkan library, from which every call is found.
type loader struct{ handle, get unsafe.Pointer }

// load opens the library of a name. It stays open for the life of the process: drivers leave threads and thread-local data behind.
func load(name string) (loader, error) {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	l := loader{handle: C.dlopen(n, C.RTLD_NOW|C.RTLD_LOCAL)}
	if l.handle == nil {
		return l, fmt.Errorf("%s", C.GoString(C.dlerror()))
	}
	symbol := C.CString("vkGetInstanceProcAddr")
	defer C.free(unsafe.Pointer(symbol))
	if l.get = C.dlsym(l.handle, symbol); l.get == nil {
		C.dlclose(l.handle)
		return l, fmt.Errorf("%s has no vkGetInstanceProcAddr", name)
	}
	return l, nil
}

func (l loader) find(of vk.Instance, name string) C.fn {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	return C.find(l.get, unsafe.Pointer(of), n)
}

// layerHas tells whether a layer has an extension.
func (l loader) layerHas(layer, extension string) bool {
	n, name := C.CString(layer), C.CString(extension)
	defer C.free(unsafe.Pointer(n))
	defer C.free(unsafe.Pointer(name))
	return C.has_extension(l.find(nil, "vkEnumerateInstanceExtensionProperties"), nil, n, name) != 0
}

// calls are the entry points of one instance that the binding lacks or cannot make safely.
type calls struct {
	properties2, features2, extensions, families, memory, submit, barrier, copy, update, pipelines C.fn

	products C.fn // nil where no driver knows of cooperative matrices
}

func (l loader) calls(of vk.Instance) (calls, error) {
	var c calls
	for _, f := range []struct {
		into *C.fn
		name string
	}{
		{&c.properties2, "vkGetPhysicalDeviceProperties2"}, {&c.features2, "vkGetPhysicalDeviceFeatures2"}, {&c.extensions, "vkEnumerateDeviceExtensionProperties"}, {&c.families, "vkGetPhysicalDeviceQueueFamilyProperties"}, {&c.memory, "vkGetPhysicalDeviceMemoryProperties"}, {&c.submit, "vkQueueSubmit"},
		{&c.barrier, "vkCmdPipelineBarrier"}, {&c.copy, "vkCmdCopyBuffer"}, {&c.update, "vkUpdateDescriptorSets"}, {&c.pipelines, "vkCreateComputePipelines"},
	} {
		if *f.into = l.find(of, f.name); *f.into == nil {
			return c, fmt.Errorf("the Vulkan loader has no %s", f.name)
		}
	}
	c.products = l.find(of, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR")
	return c, nil
}

// newerFacts are what Vulkan 1.1 and 1.2 tell of a device beside the limits of 1.0.
type newerFacts struct {
	subgroup     int  // invocations of a subgroup
	addsSubgroup bool // compute shaders can add over a subgroup
	shuffles     bool // and hand values round in it
	allocation   int64
	driver       string
}

func (c *calls) newerFacts(d vk.PhysicalDevice, version uint32) newerFacts {
	var f C.device_facts
	known := C.int(0)
	if version >= vk.MakeVersion(1, 2, 0) {
		known = 1
	}
	C.facts_of(c.properties2, unsafe.Pointer(d), known, &f)
	const compute, arithmetic, shuffle = 0x20, 0x4, 0x10
	out := newerFacts{subgroup: int(f.subgroup), addsSubgroup: f.stages&compute != 0 && f.operations&arithmetic != 0, allocation: int64(f.allocation)}
	out.shuffles = out.addsSubgroup && f.operations&shuffle != 0
	if known == 1 {
		out.driver = C.GoString(&f.driver[0]) + " " + C.GoString(&f.info[0])
	}
	return out
}

// features are what a device has, or is asked for, beyond what every one has.
type features struct {
	storage16        bool // storage buffers of 16-bit elements
	whole            bool // workgroups of whole subgroups, of the size that the device tells
	matrices, bfloat bool // cooperative matrices with what they take; of bfloat16, too
}

// and is what both have.
func (f features) and(g features) features {
	return features{f.storage16 && g.storage16, f.whole && g.whole, f.matrices && g.matrices, f.bfloat && g.bfloat}
}

// The extensions of what Vulkan's versions do not hold.
const (
	matrixExtension = "VK_KHR_cooperative_matrix"
	sizesExtension  = "VK_EXT_subgroup_size_control"
	bfloatExtension = "VK_KHR_shader_bfloat16"
)

func (c *calls) has(d vk.PhysicalDevice, extension string) bool {
	name := C.CString(extension)
	defer C.free(unsafe.Pointer(name))
	return C.has_extension(c.extensions, unsafe.Pointer(d), nil, name) != 0
}

// features tells what a device has. Matrices take the memory model of Vulkan 1.2, and whole subgroups.
func (c *calls) features(d vk.PhysicalDevice, version uint32) features {
	sizes := c.has(d, sizesExtension)
	matrices := sizes && c.products != nil && version >= vk.MakeVersion(1, 2, 0) && c.has(d, matrixExtension)
	bfloat := matrices && c.has(d, bfloatExtension)
	f := C.new_features(truth(sizes), truth(matrices), truth(bfloat))
	defer C.free(unsafe.Pointer(f))
	C.features_of(c.features2, unsafe.Pointer(d), f)
	matrices = f.storage.buffers != 0 && f.model.model != 0 && f.arithmetic.f16 != 0 && f.subgroups.full != 0 && f.matrices.matrices != 0
	return features{f.storage.buffers != 0, f.subgroups.full != 0, matrices, matrices && f.bfloat.bf16 != 0 && f.bfloat.matrices != 0}
}

// want asks for features where a device is opened: the link to the next structure, the extensions, and what frees the structures.
func (f features) want() (next unsafe.Pointer, extensions []string, free func()) {
	s := C.new_features(truth(f.whole), truth(f.matrices), truth(f.bfloat))
	s.model.model, s.arithmetic.f16, s.subgroups.full, s.matrices.matrices, s.bfloat.bf16, s.bfloat.matrices = 1, 1, 1, 1, 1, 1
	if f.storage16 {
		s.storage.buffers = 1
	}
	if f.whole {
		extensions = append(extensions, sizesExtension+"\x00")
	}
	if f.matrices {
		extensions = append(extensions, matrixExtension+"\x00")
	}
	if f.bfloat {
		extensions = append(extensions, bfloatExtension+"\x00")
	}
	return unsafe.Pointer(s), extensions, func() { C.free(unsafe.Pointer(s)) }
}

func truth(x bool) C.int {
	if x {
		return 1
	}
	return 0
}

// matrixProducts lists the products of 16-bit matrices that a device's subgroups add up in float32.
func (c *calls) matrixProducts(d vk.PhysicalDevice, bfloat bool) []kernel.MatrixProduct {
	const float16, float32, bfloat16, subgroup = 0, 1, 1000141000, 3
	var n C.uint32_t
	list := C.products(c.products, unsafe.Pointer(d), &n)
	defer C.free(unsafe.Pointer(list))
	var out []kernel.MatrixProduct
	for _, p := range unsafe.Slice(list, int(n)) {
		m := kernel.MatrixProduct{Rows: int(p.rows), Columns: int(p.columns), Depth: int(p.depth), Of: kernel.F16}
		if p.a == bfloat16 {
			m.Of = kernel.BF16
		}
		known := p.a == float16 || p.a == bfloat16 && bfloat
		if known && p.b == p.a && p.c == float32 && p.result == float32 && p.scope == subgroup && p.saturates == 0 && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// memoryOf gives what a device has of memory: the properties of each kind, and the size of each heap, the device's own or not. (The binding copies these arrays,
// and frees no copy.)
func (c *calls) memoryOf(d vk.PhysicalDevice) (kinds []vk.MemoryPropertyFlags, heaps []int64, own []bool) {
	var f C.memory_facts
	C.memory_of(c.memory, unsafe.Pointer(d), &f)
	for _, k := range f.kind[:f.kinds] {
		kinds = append(kinds, vk.MemoryPropertyFlags(k.flags))
	}
	for _, h := range f.heap[:f.heaps] {
		heaps, own = append(heaps, int64(h.size)), append(own, h.flags&1 != 0)
	}
	return kinds, heaps, own
}

// A family is the queues of one kind that a device has.
type family struct {
	compute   bool
	graphics  bool
	timestamp uint // bits of a timestamp that count; 0 where there are none
}

func (c *calls) queueFamilies(d vk.PhysicalDevice) []family {
	var n C.uint32_t
	C.families(c.families, unsafe.Pointer(d), &n, nil)
	if n == 0 {
		return nil
	}
	list := make([]C.family, n)
	C.families(c.families, unsafe.Pointer(d), &n, &list[0])
	out := make([]family, n)
	for i := range out {
		out[i] = family{compute: list[i].flags&2 != 0, graphics: list[i].flags&1 != 0, timestamp: uint(list[i].bits)}
	}
	return out
}

// submit hands command buffers to a queue, in order.
func (c *calls) submitTo(queue vk.Queue, commands []vk.CommandBuffer, fence vk.Fence) vk.Result {
	return vk.Result(C.submit(c.submit, unsafe.Pointer(queue), C.uint32_t(len(commands)), (*unsafe.Pointer)(unsafe.Pointer(&commands[0])), unsafe.Pointer(fence)))
}

// A scope is pipeline stages with what they write or read.
type scope struct {
	stages vk.PipelineStageFlagBits
	access vk.AccessFlagBits
}

// wait makes what follows in the scope `to` wait for what stands before in the scope `from`, and see what that wrote; where from has no access it is a wait alone.
func (c *calls) wait(commands vk.CommandBuffer, from, to scope) {
	C.barrier(c.barrier, unsafe.Pointer(commands), C.uint32_t(from.stages), C.uint32_t(to.stages), C.uint32_t(from.access), C.uint32_t(to.access))
}

// A span is bytes of one buffer that are copied to another.
type span struct{ from, to, size int64 }

func (c *calls) copyTo(commands vk.CommandBuffer, from, to vk.Buffer, spans ...span) {
	C.copy(c.copy, unsafe.Pointer(commands), unsafe.Pointer(from), unsafe.Pointer(to), C.uint32_t(len(spans)), (*C.region)(unsafe.Pointer(&spans[0])))
}

// bind makes a range of a buffer, in bytes, a binding of a descriptor set.
func (c *calls) bind(d vk.Device, set vk.DescriptorSet, binding int, buffer vk.Buffer, offset, size int64) {
	C.bind(c.update, unsafe.Pointer(d), unsafe.Pointer(set), C.uint32_t(binding), unsafe.Pointer(buffer), C.uint64_t(offset), C.uint64_t(size))
}

// bindTexels makes a view of a buffer a binding of a descriptor set.
func (c *calls) bindTexels(d vk.Device, set vk.DescriptorSet, binding int, view vk.BufferView) {
	C.bind_texels(c.update, unsafe.Pointer(d), unsafe.Pointer(set), C.uint32_t(binding), unsafe.Pointer(view))
}

// pipeline compiles a module's entry point "main", whose workgroups are whole subgroups if that is asked for.
func (c *calls) pipeline(d vk.Device, cache vk.PipelineCache, module vk.ShaderModule, whole bool, layout vk.PipelineLayout) (vk.Pipeline, vk.Result) {
	const fullSubgroups = 0x2
	entry := C.CString("main")
	defer C.free(unsafe.Pointer(entry))
	var p unsafe.Pointer
	result := C.pipeline(c.pipelines, unsafe.Pointer(d), unsafe.Pointer(cache), unsafe.Pointer(module), entry, C.uint32_t(fullSubgroups*truth(whole)), unsafe.Pointer(layout), &p)
	return vk.Pipeline(p), vk.Result(result)
}

// A listener keeps the messages of the validation layers of one instance.
type listener struct {
	first     **C.message // in C, for the layers' threads write here
	info      *C.messenger_info
	messenger unsafe.Pointer
	destroy   C.fn
}

// listen prepares what an instance's creation is given, as the link to the next structure, so that every message from there on is kept, and
// synchronization is validated, whether the layers have settings or not.
func listen(settings bool) (*listener, unsafe.Pointer) {
	l := &listener{first: (**C.message)(C.calloc(1, C.size_t(unsafe.Sizeof(uintptr(0)))))}
	has := C.int(0)
	if settings {
		has = 1
	}
	l.info = C.new_messenger_info(has, unsafe.Pointer(l.first))
	return l, unsafe.Pointer(l.info)
}

// start listens to what happens between the instance's creation and its end.
func (l *listener) start(from loader, of vk.Instance) error {
	create := from.find(of, "vkCreateDebugUtilsMessengerEXT")
	l.destroy = from.find(of, "vkDestroyDebugUtilsMessengerEXT")
	if create == nil || l.destroy == nil {
		return fmt.Errorf("the Vulkan loader has no vkCreateDebugUtilsMessengerEXT")
	}
	l.info.next = nil
	return failed(vk.Result(C.create_messenger(create, unsafe.Pointer(of), l.info, &l.messenger)), "listening to the validation layers")
}

// stop ends what start began, before the instance ends.
func (l *listener) stop(of vk.Instance) {
	if l.messenger != nil {
		C.destroy_messenger(l.destroy, unsafe.Pointer(of), l.messenger)
	}
}

// messages gives what has been said, first things first, and forgets it.
func (l *listener) messages() []string {
	var out []string
	m := C.take(l.first)
	for m != nil {
		next := m.next
		out = append([]string{C.GoString(m.text)}, out...)
		C.free(unsafe.Pointer(m.text))
		C.free(unsafe.Pointer(m))
		m = next
	}
	return out
}

func (l *listener) free() {
	l.messages()
	C.free(unsafe.Pointer(l.info))
	C.free(unsafe.Pointer(l.first))
}
