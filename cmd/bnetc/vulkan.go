package main

import (
	"cmp"
	"fmt"
	"strings"

	"bnetc/backend"
	"bnetc/backend/vulkan"
	"bnetc/compiler"
)

var vulkanRow = target{"vulkan", "SPIR-V compute shaders of our own, on any device with a Vulkan driver",
	func(at place) compiler.Target { return tuned(&vulkan.Backend{Device: at.Device}, vulkanTarget(at)) },
	func(at place) backend.Backend { return &vulkan.Backend{Device: at.Device} }, vulkanDevice, vulkanDevices}

// vulkanTarget is the schedule of the device asked for, or one for no device in particular where there is none. Matrices are multiplied by subgroups, so lanes must be one.
func vulkanTarget(at place) compiler.Target {
	d, err := vulkan.Find(at.Device)
	if err != nil {
		return compiler.Subgroup32
	}
	t := classOf(d)
	if t.Vector == d.Limits.Subgroup {
		t.Matrices = d.Limits.Matrices
	}
	return t
}

// classOf is the schedule of a device's class.
func classOf(d *vulkan.Device) compiler.Target {
	switch {
	case d.Kind == "software":
		t := compiler.Software
		t.Vector = cmp.Or(d.Limits.Subgroup, t.Vector) // as the processor's vectors are
		return t
	case strings.Contains(d.Name, "NVIDIA"):
		return compiler.NVIDIA
	case d.Limits.Subgroup == 64:
		return compiler.Subgroup64
	}
	return compiler.Subgroup32
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
		text = append(text, fmt.Sprintf("%d  %s: %s, Vulkan %s, driver %s\n   memory %s; buffers of %s, %d a kernel; %d invocations, %s shared; subgroups of %d%s", d.Number, d.Name, d.Kind, d.API, d.Driver,
			compiler.BytesText(d.Memory), compiler.BytesText(l.Range), l.Buffers, l.Local, compiler.BytesText(int64(l.Shared)), l.Subgroup, matrices(l)))
	}
	return strings.Join(text, "\n"), list
}

// matrices are the products of a device's cooperative matrices in words.
func matrices(l vulkan.Limits) string {
	text := ""
	for i, m := range l.Matrices {
		text += []string{"; cooperative matrices ", ", "}[min(i, 1)] + m.String()
	}
	return text
}
