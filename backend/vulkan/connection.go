package vulkan

import (
	"fmt"
	"os"
	"sync"

	"github.com/klauspost/cpuid/v2"
	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
)

// library is the name under which the system's Vulkan loader is installed: the plain name without a version belongs to development packages.
const library = "libvulkan.so.1"

// validationLayer checks every call, synchronization included, where Backend.Validate asks for it.
const validationLayer = "VK_LAYER_KHRONOS_validation"

// theLoader is opened once: vulkan-go keeps its entry points in variables of the process.
var theLoader struct {
	sync.Mutex
	loader
	open, pointers bool
}

// A connection is an instance of the loader and its drivers.
type connection struct {
	loader
	calls
	handle   vk.Instance
	listener *listener // nil unless the calls are validated
}

// open connects to the Vulkan loader, or says what is missing.
func open(name string, validate bool) (*connection, error) {
	theLoader.Lock()
	defer theLoader.Unlock()
	if !theLoader.open || name != library {
		l, err := load(name)
		if err != nil {
			return nil, &backend.Missing{What: fmt.Sprintf("no Vulkan loader was found (%v)", err), Remedy: "install one (Debian, Ubuntu: apt install libvulkan1), or " + otherwise}
		}
		vk.SetGetInstanceProcAddr(l.get)
		if err := vk.Init(); err != nil {
			return nil, err
		}
		theLoader.loader, theLoader.open = l, true
	}
	i := &connection{loader: theLoader.loader}
	if err := i.create(validate); err != nil {
		i.close()
		return nil, err
	}
	// The loader's entry points serve every instance, so the binding needs them once.
	if !theLoader.pointers {
		if err := vk.InitInstance(i.handle); err != nil {
			i.close()
			return nil, err
		}
		theLoader.pointers = true
	}
	var err error
	if i.calls, err = i.loader.calls(i.handle); err == nil && i.listener != nil {
		err = i.listener.start(i.loader, i.handle)
	}
	if err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

// widen lets lavapipe use the processor's vectors of 512 bits: unless it is told, it takes 256 at most (docs/performance.md says what that costs). Drivers read the
// environment when they are loaded.
var widen = sync.OnceFunc(func() {
	const bits = "LP_NATIVE_VECTOR_WIDTH"
	if os.Getenv(bits) == "" && cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL) {
		os.Setenv(bits, "512")
	}
})

func (i *connection) create(validate bool) error {
	widen()
	info := vk.InstanceCreateInfo{SType: vk.StructureTypeInstanceCreateInfo, PApplicationInfo: &vk.ApplicationInfo{
		SType: vk.StructureTypeApplicationInfo, PApplicationName: "bnetc\x00", PEngineName: "bnetc\x00", ApiVersion: vk.MakeVersion(1, 2, 0),
	}}
	if validate {
		info.EnabledLayerCount, info.PpEnabledLayerNames = 1, []string{validationLayer + "\x00"}
		extensions := []string{"VK_EXT_debug_utils\x00", "VK_EXT_validation_features\x00"}
		const settings = "VK_EXT_layer_settings"
		has := i.layerHas(validationLayer, settings)
		if has {
			extensions = append(extensions, settings+"\x00")
		}
		i.listener, info.PNext = listen(has)
		info.EnabledExtensionCount, info.PpEnabledExtensionNames = uint32(len(extensions)), extensions
	}
	defer info.Free()
	var handle vk.Instance // each handle has a variable of its own: C may not be given a place beside Go's pointers
	result := vk.CreateInstance(&info, nil, &handle)
	i.handle = handle
	switch result {
	case vk.ErrorIncompatibleDriver:
		return &backend.Missing{What: "no Vulkan driver was found", Remedy: noDevice}
	case vk.ErrorLayerNotPresent, vk.ErrorExtensionNotPresent:
		return &backend.Missing{What: "the Vulkan validation layers are not installed", Remedy: "Debian, Ubuntu: apt install vulkan-validationlayers"}
	default:
		return failed(result, "connecting to Vulkan")
	}
}

const noDevice = "install the driver of your graphics card (Debian, Ubuntu: apt install mesa-vulkan-drivers, which has a software device, too), or " + otherwise

// close ends the connection. What the validation layers said of the very end is lost with it, but for what messages gives before.
func (i *connection) close() {
	if i.handle != nil {
		if i.listener != nil {
			i.listener.stop(i.handle)
		}
		vk.DestroyInstance(i.handle, nil)
		i.handle = nil
	}
	if i.listener != nil {
		i.listener.free()
		i.listener = nil
	}
}

// messages gives what the validation layers have said since it was last asked.
func (i *connection) messages() []string {
	if i.listener == nil {
		return nil
	}
	return i.listener.messages()
}
