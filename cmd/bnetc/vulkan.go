package main

import (
	"fmt"
	"strings"

	"bnetc/backend"
	"bnetc/backend/vulkan"
	"bnetc/compiler"
)

var vulkanRow = target{"vulkan", "SPIR-V compute shaders of our own, on any device with a Vulkan driver",
	func(at place) compiler.Target { return tuned(&vulkan.Backend{Device: at.Device}, vulkanTarget(at)) },
	func(at place) backend.Backend { return &vulkan.Backend{Device: at.Device} }, vulkanDevice, vulkanDevices}

// vulkanTarget aims at the device asked for, or at no device in particular where there is none.
func vulkanTarget(place) compiler.Target {
	return compiler.Target{Name: "vulkan", Vector: 8, Registers: 16, Cache: 1 << 30, Workers: 1}
}

func vulkanDevice(at place) (device, error) {
	d, err := vulkan.Find(at.Device)
	if err != nil {
		return device{}, err
	}
	return device{d.String(), d.Memory, 4}, nil
}

func vulkanDevices() (string, any) {
	list, err := vulkan.Devices()
	if err != nil {
		return err.Error(), []vulkan.Device{}
	}
	var text []string
	for _, d := range list {
		l := d.Limits
		text = append(text, fmt.Sprintf("%d  %s: %s, Vulkan %s, driver %s\n   memory %s; buffers of %s, %d a kernel; %d invocations, %s shared; subgroups of %d", d.Number, d.Name, d.Kind, d.API, d.Driver,
			compiler.BytesText(d.Memory), compiler.BytesText(l.Range), l.Buffers, l.Local, compiler.BytesText(int64(l.Shared)), l.Subgroup))
	}
	return strings.Join(text, "\n"), list
}
