package spirv

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// records lists all instructions in the order of the specification.
func (m *Module) records() []*record {
	var all []*record
	for _, c := range m.capabilities {
		all = append(all, &record{op: OpCapability, operands: []operand{c.operand()}})
	}
	for _, name := range m.extensions {
		all = append(all, &record{op: OpExtension, operands: []operand{quoted(name)}})
	}
	if set, ok := m.memo["GLSL"]; ok {
		all = append(all, &record{op: OpExtInstImport, result: set, operands: []operand{quoted("GLSL.std.450")}})
	}
	function := m.once("main type", func() ID { return m.declare("main_type", OpTypeFunction, 0, ref(m.Void())) })
	void := m.Void()
	entry := []operand{{words: []uint32{5}, text: "GLCompute"}, ref(m.entry), quoted(m.main)}
	model := operand{words: []uint32{1}, text: "GLSL450"}
	if m.vulkan {
		model = operand{words: []uint32{3}, text: "Vulkan"}
	}
	all = append(all, &record{op: OpMemoryModel, operands: []operand{{words: []uint32{0}, text: "Logical"}, model}},
		&record{op: OpEntryPoint, operands: append(entry, refs(m.inputs)...)},
		&record{op: OpExecutionMode, operands: []operand{ref(m.entry), {words: []uint32{17}, text: "LocalSize"}, number(uint32(m.local)), number(1), number(1)}})
	for _, s := range m.sections {
		all = append(all, s...)
	}
	all = append(all, &record{OpFunction, void, m.entry, []operand{{words: []uint32{0}, text: "None"}, ref(function)}})
	for _, b := range m.blocks {
		all = append(append(all, &record{op: OpLabel, result: b.label}), b.records()...)
	}
	return append(all, &record{op: OpFunctionEnd})
}

// number IDs by their first occurrence, as an assembler does.
func (m *Module) number(all []*record) (numbers []uint32, bound uint32) {
	numbers = make([]uint32, len(m.texts))
	bound = 1
	see := func(id ID) {
		if id != 0 && numbers[id] == 0 {
			numbers[id] = bound
			bound++
		}
	}
	for _, r := range all {
		see(r.result) // it stands first in the text
		see(r.typ)
		for _, o := range r.operands {
			see(o.id)
		}
	}
	return numbers, bound
}

// Words is the module as a driver reads it.
func (m *Module) Words() []uint32 {
	all := m.records()
	numbers, bound := m.number(all)
	words := []uint32{0x07230203, Version, 0, bound, 0}
	for _, r := range all {
		begin := len(words)
		words = append(words, uint32(r.op))
		for _, id := range []ID{r.typ, r.result} {
			if id != 0 {
				words = append(words, numbers[id])
			}
		}
		for _, o := range r.operands {
			if o.id != 0 {
				words = append(words, numbers[o.id])
			} else {
				words = append(words, o.words...)
			}
		}
		words[begin] |= uint32(len(words)-begin) << 16
	}
	return words
}

// Text is the module in assembly form: what spirv-as makes the same words of.
func (m *Module) Text() string {
	all := m.records()
	numbers, _ := m.number(all)
	name := func(id ID) string {
		if m.texts[id] != "" {
			return "%" + m.texts[id]
		}
		return fmt.Sprintf("%%%d", numbers[id])
	}
	var b strings.Builder
	for _, r := range all {
		if r.op == OpLabel {
			b.WriteByte('\n')
		}
		if r.result != 0 {
			fmt.Fprintf(&b, "%s = ", name(r.result))
		}
		b.WriteString(r.op.String())
		if r.typ != 0 {
			b.WriteString(" " + name(r.typ))
		}
		for _, o := range r.operands {
			if o.id != 0 {
				b.WriteString(" " + name(o.id))
			} else {
				b.WriteString(" " + o.text)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func number(x uint32) operand {
	return operand{words: []uint32{x}, text: strconv.FormatUint(uint64(x), 10)}
}

// quoted is a text, ended by a zero and filled up to whole words.
func quoted(s string) operand {
	bytes := make([]byte, len(s)/4*4+4)
	copy(bytes, s)
	var words []uint32
	for i := 0; i < len(bytes); i += 4 {
		words = append(words, binary.LittleEndian.Uint32(bytes[i:]))
	}
	return operand{words: words, text: `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`}
}

// floatText writes a float32 so that an assembler reads the same bits: a decimal number, or a hexadecimal one where it is none.
func floatText(bits uint32) string {
	x := math.Float32frombits(bits)
	if e := bits >> 23 & 0xff; e == 0xff {
		sign := ""
		if bits>>31 != 0 {
			sign = "-"
		}
		if m := bits & 0x7fffff; m != 0 {
			return fmt.Sprintf("%s0x1.%06xp+128", sign, m<<1)
		}
		return sign + "0x1p+128"
	}
	return strconv.FormatFloat(float64(x), 'g', -1, 32)
}

// Unnamed is the words of a module without the names that it gives its values (OpName), which are all that it says to people.
func Unnamed(words []uint32) []uint32 {
	out := slices.Clone(words[:min(header, len(words))])
	for rest := words[len(out):]; len(rest) > 0; {
		n := max(1, min(int(rest[0]>>16), len(rest)))
		if Op(rest[0]&0xffff) != OpName {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}

// header is the words before a module's first instruction.
const header = 5
