// Package vulkan is the Vulkan backend: it encodes every kernel of a plan as a SPIR-V compute shader, records the lists of a plan as command
// buffers, and runs them on any device with a Vulkan driver. It knows kernels; not layers, not rules, not training.
package vulkan
