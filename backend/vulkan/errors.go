package vulkan

import (
	"fmt"

	vk "github.com/vulkan-go/vulkan"

	"bnetc/backend"
)

// otherwise is what to do without Vulkan.
const otherwise = "use --target cpu"

// failed is the error of a call that did not succeed, nil if it did. What the computer lacks is a backend.Missing error.
func failed(result vk.Result, doing string) error {
	switch result {
	case vk.Success, vk.Incomplete, vk.NotReady:
		return nil
	case vk.ErrorOutOfDeviceMemory, vk.ErrorOutOfHostMemory, vk.ErrorTooManyObjects, vk.ErrorMemoryMapFailed:
		return &backend.Missing{What: fmt.Sprintf("%s: the device has no memory left", doing), Remedy: "use a smaller batch (--batch) or network, or close other programs that use the device"}
	case vk.ErrorDeviceLost:
		return &backend.Missing{What: fmt.Sprintf("%s: the device was lost (it was reset, removed, or its driver failed); the last checkpoint stands", doing),
			Remedy: "go on from it with --resume, or " + otherwise}
	}
	return fmt.Errorf("%s: Vulkan reports %s", doing, resultText(result))
}

func resultText(result vk.Result) string {
	var text string
	if err := vk.Error(result); err != nil {
		text = err.Error()
	}
	return fmt.Sprintf("%d (%s)", result, text)
}
