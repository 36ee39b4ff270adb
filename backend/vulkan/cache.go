package vulkan

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
)

// A pipelineCache is what the driver made of shaders, of this run and those before, kept in a file of the device and driver.
type pipelineCache struct {
	handle vk.PipelineCache
	path   string
	size   int // of what the file held
}

// largestCache is where a cache that has gathered the kernels of many programs is begun anew.
const largestCache = 64 << 20

// cacheFile is the file of a kind about a device and its driver. "" where the system gives no place for caches.
func cacheFile(d *Device, kind string) string {
	dir, err := backend.Cache()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "vulkan-"+d.id+kind)
}

// Tuned is the file for what was measured on the backend's device and driver.
func (b *Backend) Tuned() (string, error) {
	d, err := Find(b.Device)
	if err != nil {
		return "", err
	}
	path := cacheFile(d, ".schedule")
	if path == "" {
		return "", fmt.Errorf("the system gives no folder for caches; name one in BNETC_CACHE")
	}
	return path, nil
}

// openCache reads the device's cache. One that is damaged or of another driver is as good as none: it is a saving, not a need.
func (l *logical) openCache() *pipelineCache {
	c := &pipelineCache{path: cacheFile(l.Device, ".pipelines")}
	var data []byte
	if held, err := os.ReadFile(c.path); err == nil && len(held) > sha256.Size && len(held) < largestCache {
		sum := sha256.Sum256(held[sha256.Size:])
		if bytes.Equal(sum[:], held[:sha256.Size]) {
			data = held[sha256.Size:]
		}
	}
	info := vk.PipelineCacheCreateInfo{SType: vk.StructureTypePipelineCacheCreateInfo, InitialDataSize: uint(len(data))}
	if len(data) > 0 {
		info.PInitialData = bytesOf(data)
	}
	defer info.Free()
	var handle vk.PipelineCache
	if vk.CreatePipelineCache(l.device, &info, nil, &handle) == vk.Success {
		c.handle = handle
	}
	c.size = len(data)
	return c
}

// saveCache writes the cache, if it has grown, beside its place and moves it there whole. What does not work out costs time only.
func (l *logical) saveCache(c *pipelineCache) {
	var size uint
	if c.path == "" || c.handle == vk.NullPipelineCache || vk.GetPipelineCacheData(l.device, c.handle, &size, nil) != vk.Success || int(size) <= c.size {
		return
	}
	data := make([]byte, size)
	if vk.GetPipelineCacheData(l.device, c.handle, &size, bytesOf(data)) != vk.Success {
		return
	}
	data = data[:size]
	sum := sha256.Sum256(data)
	_ = backend.Keep(c.path, append(sum[:], data...))
}
