package cpu

import (
	"embed"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"bnetc/ir/kernel"
)

//go:embed rt/*.h
var rt embed.FS

// Print gives the C file of a plan: the helpers that its kernels use, a function for every kernel, one for every list, and
// the pool of workers that runs them. It holds for any instruction set that GCC or Clang has; f is only named in its head.
func Print(plan *kernel.Plan, f Features) string {
	p := newPrinter(plan)
	kernels := p.kernels()
	var out strings.Builder
	fmt.Fprintf(&out, "/* %s, printed by bnetc for %s. Compile it with -ffp-contract=off. */\n", comment(plan.Name), f.ISA)
	out.WriteString(p.helpers())
	out.WriteString(kernels)
	out.WriteString(p.lists())
	return out.String()
}

// PrintKernels gives the part of Print that differs from plan to plan, without the helpers and the pool: the text to read and to
// keep in golden files.
func PrintKernels(plan *kernel.Plan) string { return newPrinter(plan).kernels() }

// A printer holds what the kernels of a plan have in common.
type printer struct {
	plan    *kernel.Plan
	buffers []string // C names
	names   []string // of the kernels
	uses    [][]int  // the buffers of each kernel, ascending: its parameters
	locals  [][]int  // those on the stack
	twins   []int    // the kernel whose function serves each one: an earlier one that is the same with other buffers, or itself
	stored  []map[int]bool
	used    map[helper]bool
}

// A helper is a function of rt/ at one width; width 1 is the scalar form.
type helper struct {
	file  string
	width int
}

func newPrinter(plan *kernel.Plan) *printer {
	p := &printer{plan: plan, used: map[helper]bool{}}
	taken := map[string]bool{}
	for _, b := range plan.Buffers {
		p.buffers = append(p.buffers, fresh(taken, identifier(b.Name)))
	}
	taken = map[string]bool{}
	for _, k := range plan.Kernels {
		p.names = append(p.names, fresh(taken, identifier(k.Name)))
		reads, writes := buffersOf(k.Body)
		all := map[int]bool{}
		for b := range reads {
			all[b] = true
		}
		for b := range writes {
			all[b] = true
		}
		if draws(k.Body) {
			all[p.settings()] = true
		}
		var uses, locals []int
		for b := range all {
			if plan.Buffers[b].Kind == kernel.Local {
				locals = append(locals, b)
			} else {
				uses = append(uses, b)
			}
		}
		sort.Ints(uses)
		sort.Ints(locals)
		p.uses, p.locals = append(p.uses, uses), append(p.locals, locals)
		p.stored = append(p.stored, writes)
		p.findTwin(len(p.uses) - 1)
	}
	return p
}

// findTwin looks for a kernel before i whose function serves it, and has it called with i's buffers in the order of its own.
func (p *printer) findTwin(i int) {
	p.twins = append(p.twins, i)
	for j := range i {
		if p.twins[j] != j {
			continue
		}
		if of, ok := twin(p.plan, p.plan.Kernels[j], p.plan.Kernels[i]); ok {
			p.twins[i], p.uses[i] = j, nil
			for _, b := range p.uses[j] {
				p.uses[i] = append(p.uses[i], of[b])
			}
			return
		}
	}
}

// settings gives the buffer of kind Setting.
func (p *printer) settings() int {
	for i, b := range p.plan.Buffers {
		if b.Kind == kernel.Setting {
			return i
		}
	}
	panic("bug: a plan without settings reads one: " + p.plan.Name)
}

func (p *printer) kernels() string {
	var out strings.Builder
	printed := 0
	for i, k := range p.plan.Kernels {
		if twin := p.twins[i]; twin != i {
			var with []string
			for _, u := range p.uses[i] {
				with = append(with, p.buffers[u])
			}
			fmt.Fprintf(&out, "\n/* %s is k_%s(%s): %s */\n", p.names[i], p.names[twin], strings.Join(with, ", "), comment(k.From))
			continue
		}
		fmt.Fprintf(&out, "\n%s%d)\n", partBegins, printed)
		printed++
		if k.From != "" {
			fmt.Fprintf(&out, "/* %s */\n", comment(k.From))
		}
		body := p.kernel(i)
		fmt.Fprintf(&out, "%s\n{\n%s}\n#endif\n", p.signature(i), body)
	}
	return out.String()
}

// partBegins is what stands before the function of a kernel, and nowhere else: each can be compiled by itself.
const partBegins = "#if PART("

// signature gives a kernel's head, without a semicolon.
func (p *printer) signature(i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "KERNEL k_%s(int tid, int nt", p.names[i])
	for _, u := range p.uses[i] {
		fmt.Fprintf(&b, ", %s *restrict %s", p.elementOf(u, p.stored[i][u]), p.buffers[u])
	}
	b.WriteString(")")
	return b.String()
}

// elementOf is the C type of a buffer's elements, as a kernel sees them that stores to it or does not.
func (p *printer) elementOf(buffer int, stored bool) string {
	name := "float"
	if p.plan.Buffers[buffer].Type != kernel.F32 {
		name = "uint16_t"
	}
	if stored {
		return name
	}
	return "const " + name
}

// helpers gives everything that stands before the kernels. It is called after them, when it is known what they use.
func (p *printer) helpers() string {
	var b strings.Builder
	b.WriteString(text("scalar"))
	widths := map[int]bool{}
	for h := range p.used {
		widths[max(h.width, 4)] = true
		if h.width > 1 {
			widths[h.width] = true
			for w := h.width; w >= 4; w /= 2 { // wider than the machine works in halves
				widths[w] = true
			}
		}
	}
	for _, w := range []int{2, 4, 8, 16} {
		if !widths[w] {
			continue
		}
		b.WriteString("\n" + widen(text("vector"), w))
		for _, f := range functionFiles {
			if p.needs(f, w) {
				b.WriteString("\n" + widen(text(f), w))
			}
		}
	}
	for _, f := range functionFiles {
		switch {
		case !p.used[helper{f, 1}]:
		case f == "halves": // types and vectors' loads: a scalar has its own
		case f == "draw" || f == "f16" || f == "bf16":
			b.WriteString("\n" + text(f+"one"))
		default:
			b.WriteString("\n" + strings.ReplaceAll(text("narrow"), "FUNCTION", f))
		}
	}
	b.WriteString(`
/* A plan with many kernels is compiled in parts, side by side: -DUNIT=0 of UNITS, and so on. Unit 0 holds the lists, too. */
#if defined(UNIT)
#define PART(k) ((k) % UNITS == UNIT)
#else
#define PART(k) 1
#define UNIT 0
#endif
#define KERNEL __attribute__((noinline, visibility("hidden"))) void
#define EXPORT __attribute__((visibility("default")))

`)
	for i, twin := range p.twins {
		if twin == i {
			b.WriteString(p.signature(i) + ";\n")
		}
	}
	return b.String()
}

// functionFiles are the files of rt/ that are printed where used.
var functionFiles = []string{"exp", "log", "tanh", "draw", "halves", "f16", "bf16"}

// needs says whether width w of a function is called, by a kernel or by the scalar form.
func (p *printer) needs(f string, w int) bool {
	return p.used[helper{f, w}] || w == 4 && p.used[helper{f, 1}]
}

func text(file string) string {
	data, err := rt.ReadFile("rt/" + file + ".h")
	if err != nil {
		panic("bug: " + err.Error())
	}
	return string(data)
}

// widen turns the text of a helper into its form for vectors of w floats.
func widen(s string, w int) string {
	s = expand(s, "LISTK(", func(arg string, k int) string { return strings.ReplaceAll(arg, "K", strconv.Itoa(k)) }, w)
	s = expand(s, "LIST(", func(arg string, _ int) string { return arg }, w)
	return strings.NewReplacer("WIDTH", strconv.Itoa(w), "vW", fmt.Sprintf("v%d", w), "vH", fmt.Sprintf("v%d", w/2)).Replace(s)
}

// expand replaces every call of a list macro by w copies of its argument.
func expand(s, macro string, copyOf func(arg string, k int) string, w int) string {
	for {
		at := strings.Index(s, macro)
		if at < 0 {
			return s
		}
		end, depth := at+len(macro), 1
		for depth > 0 {
			switch s[end] {
			case '(':
				depth++
			case ')':
				depth--
			}
			end++
		}
		arg := s[at+len(macro) : end-1]
		items := make([]string, w)
		for k := range items {
			items[k] = copyOf(arg, k)
		}
		s = s[:at] + strings.Join(items, ", ") + s[end:]
	}
}

// lists gives the pool and a function for every list.
func (p *printer) lists() string {
	var b strings.Builder
	b.WriteString("\n#if UNIT == 0\n" + text("pool"))
	for n, l := range p.plan.Lists {
		fmt.Fprintf(&b, "\nstatic void list_%d(struct pool *pool, int tid) /* %s */\n{\n", n, comment(l.Name))
		b.WriteString("    float *const *b = pool->buffers;\n    const int nt = pool->threads;\n")
		for s, step := range l.Steps {
			if s == 0 || step.Level != l.Steps[s-1].Level {
				if s > 0 {
					b.WriteString("    meet(pool);\n")
				}
				fmt.Fprintf(&b, "    /* level %d */\n", step.Level)
			}
			fmt.Fprintf(&b, "    STEP(%d, k_%s(tid, nt", s, p.names[p.twins[step.Kernel]])
			for _, u := range p.uses[step.Kernel] {
				if p.plan.Buffers[u].Type != kernel.F32 {
					b.WriteString(", (uint16_t *)")
				} else {
					b.WriteString(", ")
				}
				fmt.Fprintf(&b, "b[%d]", u)
			}
			b.WriteString("));\n")
		}
		b.WriteString("}\n")
	}
	b.WriteString("\nstatic void (*const lists[])(struct pool *, int) = {")
	for n := range p.plan.Lists {
		fmt.Fprintf(&b, "list_%d, ", n)
	}
	b.WriteString("0};\n\n" + text("run") + "#endif\n")
	return b.String()
}

// comment makes a text safe within a C comment.
func comment(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "*/", "* /"), "\n", " ")
}

// identifier turns a name like l1.W into a C identifier that is no keyword and none of ours.
func identifier(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	s := b.String()
	if s == "" || s[0] >= '0' && s[0] <= '9' || reserved[s] {
		s = "_" + s
	}
	return s
}

var reserved = func() map[string]bool {
	words := `auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof linux unix
share tid nt b pool lists work meet relax seconds first_of`
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}()

// fresh gives name, or name_2 and so on where it is taken, and takes it.
func fresh(taken map[string]bool, name string) string {
	s := name
	for i := 2; taken[s]; i++ {
		s = fmt.Sprintf("%s_%d", name, i)
	}
	taken[s] = true
	return s
}
