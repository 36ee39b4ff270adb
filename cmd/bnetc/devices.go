package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"bnetc/backend/cpu"
)

type devicesCmd struct {
	JSON bool `name:"json" help:"As JSON on standard output."`
}

func (devicesCmd) Help() string { return "Example: bnetc devices --json" }

func (c *devicesCmd) Run() error {
	f := cpu.Detect()
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"cpu": f})
	}
	fmt.Printf("cpu        %s\n           %s: vectors of %d floats, %d registers; %d processors; caches %d KiB, %d KiB, %d KiB\n",
		f.Model, f.ISA, f.VectorWidth, f.Registers, f.Cores, f.L1>>10, f.L2>>10, f.L3>>10)
	fmt.Println("reference  float64 in plain Go")
	return nil
}

type newCmd struct {
	Name string `arg:"" help:"Name of the program; NAME.bnet is written." placeholder:"NAME"`
}

func (newCmd) Help() string { return "Example: bnetc new mynet && bnetc run mynet.bnet" }

func (c *newCmd) Run() error {
	name := baseName(c.Name)
	path := strings.TrimSuffix(c.Name, ".bnet") + ".bnet"
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s exists already; choose another name", path)
	}
	id := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
	if id == "" || id[0] >= '0' && id[0] <= '9' {
		id = "net_" + id
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(starter, "NAME", id)), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "wrote %s; train it with: bnetc run %s\n", path, path)
	return nil
}

// starter is a small program that runs as it is: drawn digits need no download.
const starter = `# A network and how it learns. Check it with "bnetc check", see what became of it with "bnetc explain", train it with "bnetc run".

network NAME {
  input image 28x28x1
  layer l1 = all -> 128, tanh       # or: field 5x5 stride 2 -> 16, untied, tanh
  layer l2 = all -> 128, tanh
  output y = all -> 10, softmax
}

# The rule, in your own words; the ones of the library (stdlib/*.bnet) need no text here.
rule my_rule(noise = 0.1) {
  inverse g[l] of f[l]   for l in 2..last
  noisy[l]     = h[l] + normal(noise)   for l in 1..last-1
  target[last] = label
  target[l]    = h[l] - g[l+1](h[l+1]) + g[l+1](target[l+1])   for hidden l
  minimize |h[l-1] - g[l](f[l](noisy[l-1]))|^2   over g[l]      for l in 2..last
  minimize |f[l](h[l-1]) - target[l]|^2          over f[l]      for hidden l
  minimize loss                                  over f[last]
}

learn my_rule(noise = 0.1) {
  forward adam(lr = 3e-4)
  inverse adam(lr = 1e-3)
}

train on digits { batch 64  epochs 10 }
`
