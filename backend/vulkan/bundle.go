package vulkan

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

var _ backend.Keeper = (*Backend)(nil)

// Portable are limits that any device worth training on keeps: what kernels are encoded for where the device is not known.
var Portable = Limits{Buffers: 16, Range: 128 << 20, Align: 256, Groups: 65535, Local: 128, Shared: 16384, Unroll: 4}

// A manifest says for which limits a bundle's modules were encoded, how the host is to run them, and by their hashes which files belong together.
type manifest struct {
	Limits  Limits   `json:"limits"`
	Piece   []int    `json:"piece"` // of each buffer, with the first float in it
	First   []int    `json:"first"`
	Plan    string   `json:"plan"` // SHA-256
	Modules []module `json:"modules"`
}

// A module is one kernel's shader in a bundle.
type module struct {
	Kernel   string    `json:"kernel"`
	File     string    `json:"file"`
	Hash     string    `json:"sha256"`
	Bindings []Binding `json:"bindings"`
	Groups   [3]int    `json:"groups"`
	Local    int       `json:"local"`
	Whole    bool      `json:"whole,omitempty"`
}

// The files of a bundle, beside two of each module: NAME.spv, and NAME.spvasm, its text, which spirv-as assembles.
const (
	manifestFile = "vulkan.json"
	planFile     = "plan.kernel"
)

// Save encodes a plan's kernels, for the device asked for if there is one, else within Portable, and writes them into a folder.
func (b *Backend) Save(_ context.Context, plan *kernel.Plan, dir string) error {
	limits := Portable
	if d, err := Find(b.Device); err == nil {
		limits = d.Limits
	} else if b.Device != "" {
		return err
	}
	where := place(plan)
	shaders, err := encode(plan, where, limits)
	if err != nil {
		return err
	}
	text := []byte(plan.String())
	m := manifest{Limits: limits, Piece: where.piece, First: where.first, Plan: hashOf(text)}
	files := map[string][]byte{planFile: text}
	for n, s := range shaders {
		name := fmt.Sprintf("%02d-%s", n, fileName(s.Name))
		words := wordsToBytes(s.Words)
		files[name+".spv"], files[name+".spvasm"] = words, []byte(s.Text)
		m.Modules = append(m.Modules, module{s.Name, name + ".spv", hashOf(words), s.Bindings, s.Groups, s.Local, s.Whole})
	}
	facts, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	files[manifestFile] = append(facts, '\n')
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return fmt.Errorf("writing the bundle: %w", err)
		}
	}
	return nil
}

// Open puts the plan of a folder that Save wrote on the device asked for. Modules that ask for more than the device allows are encoded anew from the plan.
func (b *Backend) Open(_ context.Context, dir string) (backend.Machine, *kernel.Plan, error) {
	plan, where, shaders, limits, err := readBundle(dir)
	if err != nil {
		return nil, nil, err
	}
	d, err := b.open(plan)
	if err != nil {
		return nil, nil, err
	}
	if !limits.within(d.Limits) {
		if shaders, err = encode(plan, where, d.Limits); err != nil {
			d.close()
			return nil, nil, err
		}
	}
	m, err := start(plan, d, where, shaders)
	if err != nil {
		return nil, nil, err
	}
	return m, plan, nil
}

// readBundle reads and checks the files of a bundle.
func readBundle(dir string) (*kernel.Plan, layout, []*Shader, Limits, error) {
	var m manifest
	read := func(name, hash string) ([]byte, error) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("opening the bundle: %w", err)
		}
		if got := hashOf(data); hash != "" && got != hash {
			return nil, fmt.Errorf("%s is damaged or was changed since it was compiled: its SHA-256 is %.12s…, and %s says %.12s…; compile the program again",
				filepath.Join(dir, name), got, manifestFile, hash)
		}
		return data, nil
	}
	fail := func(err error) (*kernel.Plan, layout, []*Shader, Limits, error) {
		return nil, layout{}, nil, Limits{}, err
	}
	facts, err := read(manifestFile, "")
	if err != nil {
		return fail(err)
	}
	if err := json.Unmarshal(facts, &m); err != nil {
		return fail(fmt.Errorf("%s: %w; compile the program again", filepath.Join(dir, manifestFile), err))
	}
	text, err := read(planFile, m.Plan)
	if err != nil {
		return fail(err)
	}
	plan, err := kernel.Parse(string(text))
	if err == nil {
		err = plan.Verify()
	}
	where := layout{m.Piece, m.First}
	if err == nil {
		err = m.fits(plan)
	}
	if err != nil {
		return fail(fmt.Errorf("%s: %w; compile the program again", filepath.Join(dir, manifestFile), err))
	}
	var shaders []*Shader
	for _, mod := range m.Modules {
		data, err := read(mod.File, mod.Hash)
		if err != nil {
			return fail(err)
		}
		shaders = append(shaders, &Shader{Name: mod.Kernel, Words: bytesToWords(data), Bindings: mod.Bindings, Groups: mod.Groups, Local: mod.Local, Whole: mod.Whole})
	}
	return plan, where, shaders, m.Limits, nil
}

// fits tells whether a manifest is one of the plan: a module for each kernel, a place for each buffer, and no binding beyond the memory.
func (m *manifest) fits(p *kernel.Plan) error {
	if len(m.Modules) != len(p.Kernels) || len(m.Piece) != len(p.Buffers) || len(m.First) != len(p.Buffers) {
		return fmt.Errorf("it lists %d modules and %d buffers, the plan has %d and %d", len(m.Modules), len(m.Piece), len(p.Kernels), len(p.Buffers))
	}
	for i := range p.Buffers {
		if m.Piece[i] < 0 || m.Piece[i] > len(p.Buffers) || m.First[i] < 0 {
			return fmt.Errorf("buffer %s has no place", p.Buffers[i].Name)
		}
	}
	where := layout{m.Piece, m.First}
	sizes := where.sizes(p)
	for n, mod := range m.Modules {
		if mod.Kernel != p.Kernels[n].Name || filepath.Base(mod.File) != mod.File {
			return fmt.Errorf("module %d is of kernel %s, not %s", n, mod.Kernel, p.Kernels[n].Name)
		}
		for _, b := range mod.Bindings {
			if b.Buffer < 0 || b.Buffer >= len(p.Buffers) || b.First < 0 || b.Count < 1 || where.first[b.Buffer]+b.First+b.Count > sizes[where.piece[b.Buffer]] {
				return fmt.Errorf("kernel %s reaches beyond the plan's memory", mod.Kernel)
			}
		}
	}
	return nil
}

// encode makes the shaders of a plan's kernels.
func encode(p *kernel.Plan, where layout, limits Limits) ([]*Shader, error) {
	var shaders []*Shader
	for _, k := range p.Kernels {
		s, err := lowerKernel(p, k, where, limits)
		if err != nil {
			return nil, fmt.Errorf("kernel %s of plan %s: %w", k.Name, p.Name, err)
		}
		shaders = append(shaders, s)
	}
	return shaders, nil
}

// within tells whether what was encoded for limits l runs under those of a device.
func (l Limits) within(d Limits) bool {
	least := func(want, have int64) bool { return have == 0 || want != 0 && want <= have }
	return least(int64(l.Buffers), int64(d.Buffers)) && least(l.Range, d.Range) && least(int64(l.Groups), int64(d.Groups)) &&
		least(int64(l.Local), int64(d.Local)) && l.Shared <= d.Shared && l.Align%max(1, d.Align) == 0 && l.Texels <= d.Texels && (!l.Fans || d.Fans) && (!l.Longs || d.Longs) && (l.Only32 || !d.Only32) && least(int64(l.Turns), int64(d.Turns)) && (l.Subgroup == 0 || l.Subgroup == d.Subgroup) &&
		!slices.ContainsFunc(l.Matrices, func(m kernel.MatrixProduct) bool { return !slices.Contains(d.Matrices, m) })
}

// fileName is a kernel's name as files may be named anywhere.
func fileName(kernel string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, kernel)
}

func wordsToBytes(words []uint32) []byte {
	out := make([]byte, 0, 4*len(words))
	for _, w := range words {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}

func bytesToWords(data []byte) []uint32 {
	words := make([]uint32, len(data)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return words
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
