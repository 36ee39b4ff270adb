package vulkan

import (
	"fmt"
	"maps"
	"slices"

	"bnetc/backend/vulkan/spirv"
	"bnetc/ir/kernel"
)

// A view is how a shader sees a reach of memory.
type view uint8

const (
	ones   view = iota // a storage buffer of elements
	fours              // a storage buffer of vectors of four
	longs              // a storage buffer of pairs of 64 bits, two elements each
	texels             // a storage texel buffer of four elements a texel
)

// A resource is a reach through a view: a variable of the module.
type resource struct {
	reach  int
	view   view
	halves bool // elements have 16 bits
}

// halves tells whether a buffer's elements have 16 bits.
func (w *lowering) halves(buffer int) bool { return w.plan.Buffers[buffer].Type != kernel.F32 }

// variable declares a resource when it is first used: what a shader does not use, the host need not bind. The views of a storage buffer share a binding; a view as texels is one of
// its own, and only read.
func (w *lowering) variable(r resource) spirv.ID {
	if v, ok := w.variables[r]; ok {
		return v
	}
	reach := w.reaches[r.reach]
	if r.view == texels {
		reach.Texels, reach.Halves, reach.Written = true, r.halves, false
	}
	n := slices.Index(w.bindings, reach)
	if n < 0 {
		n = len(w.bindings)
		w.bindings = append(w.bindings, reach)
	}
	name := w.plan.Buffers[reach.Buffer].Name
	written := w.reaches[r.reach].Written
	if r.view == texels {
		v := w.m.Texels(name, n, w.loaded(r.halves))
		w.variables[r] = v
		if written {
			w.aliased(v, w.storage(r.reach))
		}
		return v
	}
	of, stride := w.m.Float(), 4
	if r.halves {
		of, stride = w.m.Ushort(), 2
	}
	switch r.view {
	case fours:
		of, stride = w.m.Vector(of, 4), 4*stride
	case longs:
		of, stride = w.m.Vector(w.m.Ulong(), 2), 4*stride
	}
	v := w.m.Storage(name, n, of, stride, reach.Written)
	others := w.storage(r.reach)
	for _, halves := range []bool{false, true} {
		if t, ok := w.variables[resource{r.reach, texels, halves}]; ok && written {
			others = append(others, t)
		}
	}
	w.variables[r] = v
	w.aliased(v, others)
	return v
}

// aliased says that a variable is of the memory of others.
func (w *lowering) aliased(v spirv.ID, others []spirv.ID) {
	for _, o := range others {
		w.m.Aliased(v)
		w.m.Aliased(o)
	}
}

// storage are the storage buffers that a reach is seen as.
func (w *lowering) storage(reach int) (list []spirv.ID) {
	for _, r := range []resource{{reach, ones, false}, {reach, fours, false}, {reach, longs, false}, {reach, ones, true}, {reach, fours, true}} {
		if v, ok := w.variables[r]; ok {
			list = append(list, v)
		}
	}
	return list
}

// loaded is the type of what a load gives: a float, or the 16 bits of an element.
func (w *lowering) loaded(halves bool) spirv.ID {
	if halves {
		return w.m.Uint()
	}
	return w.m.Float()
}

// A quad is four neighbouring elements of a buffer that one vector can hold.
type quad struct {
	buffer int
	key    string // of where the first of them stands
}

// quadOf gives the quad that an element belongs to, and its place there; ok where that is known.
func (w *lowering) quadOf(buffer int, at affine) (q quad, first affine, place int, ok bool) {
	if len(w.windows[buffer]) != 1 || slices.ContainsFunc(at.terms, func(t term) bool { return t.coef%4 != 0 }) {
		return quad{}, affine{}, 0, false
	}
	place = (at.constant%4 + 4) % 4
	first = affine{at.constant - place, at.terms}
	return quad{buffer, first.key()}, first, place, true
}

// expect notes the elements that statements will load, for all instances, so that neighbours are loaded as one vector.
func (w *lowering) expect(body []kernel.Stmt, instances []instance) {
	clear(w.fans)
	for _, s := range body {
		v := kernel.ValueOf(s)
		if v == nil {
			continue
		}
		for _, o := range v.Operands {
			if o.Kind != kernel.Load {
				continue
			}
			for _, in := range instances {
				if q, first, place, ok := w.quadOf(o.Buffer, w.flat(o.Buffer, o.Index, in)); ok {
					w.loads[q] |= 1 << place
					w.fans.add(o.Buffer, first)
				}
			}
		}
	}
}

// fans are the quads that are wanted close by: of each buffer and sum of terms, by the constants that they differ in.
type fans map[string]*fan

type fan struct {
	constants []int       // in order
	runs      map[int]run // by the constant of each quad in them; nil until they are asked for
}

// A run is quads at equal distances.
type run struct{ from, stride, count int }

func (f fans) add(buffer int, first affine) {
	key := fmt.Sprint(buffer, first.terms)
	if f[key] == nil {
		f[key] = &fan{}
	}
	c := f[key]
	if at, found := slices.BinarySearch(c.constants, first.constant); !found {
		c.constants, c.runs = slices.Insert(c.constants, at, first.constant), nil
	}
}

// run gives the run that a quad belongs to, of at most so many; that of none where the quad was not expected.
func (f fans) run(buffer int, first affine, most int) run {
	c := f[fmt.Sprint(buffer, first.terms)]
	if c == nil {
		return run{}
	}
	if c.runs == nil {
		c.runs = runsOf(c.constants, most)
	}
	return c.runs[first.constant]
}

// runsOf parts constants into runs of at most so many: with the stride that makes the fewest.
func runsOf(constants []int, most int) map[int]run {
	var best map[int]run
	fewest := len(constants) + 1
	for _, c := range constants {
		stride := c - constants[0]
		runs, count := map[int]run{}, 0
		for _, from := range constants {
			if _, ok := runs[from]; ok {
				continue
			}
			r := run{from, stride, 1}
			for next := from + stride; r.count < most && stride > 0; next += stride {
				if _, found := slices.BinarySearch(constants, next); !found || runs[next].count > 0 {
					break
				}
				r.count++
			}
			for i := range r.count {
				runs[from+i*stride] = r
			}
			count++
		}
		if count < fewest {
			best, fewest = runs, count
		}
	}
	return best
}

// fan gives a quad that all lanes want: each fetches another one, and hands its to the others. It gives the lane that has this one, and what that fetched; not ok
// where the lanes do not all want the same, or are not all there, or nothing else is wanted alike.
func (w *lowering) fan(buffer int, first affine) (fetched affine, lane int, ok bool) {
	if !w.limits.Fans || w.local != w.limits.Subgroup || w.vector == nil || w.vector.Extent != w.local || w.forked > 0 || w.perLane(first) {
		return affine{}, 0, false
	}
	r := w.fans.run(buffer, first, w.local)
	if r.count < 2 {
		return affine{}, 0, false
	}
	id := w.lane
	if r.count < w.local { // the lanes that are left over fetch one that there is
		id = w.choose(w.emit(spirv.OpULessThan, w.m.Bool(), w.lane, w.uint(r.count)), w.lane, w.uint(r.count-1))
	}
	return affine{r.from, append(slices.Clone(first.terms), term{id, r.stride})}.sorted(w), (first.constant - r.from) / r.stride, true
}

// loadAhead loads what statements read of buffers that the kernel does not write, for all instances, before any of it is used: loads that wait for each other
// are slow on GPUs, and lavapipe calls a function for each, around which no sum stays in a register.
func (w *lowering) loadAhead(body []kernel.Stmt, instances []instance) {
	for _, s := range body {
		if v := kernel.ValueOf(s); v != nil {
			for _, o := range v.Operands {
				for _, in := range instances {
					if o.Kind == kernel.Load && !w.stored[o.Buffer] {
						w.operand(o, in)
					}
				}
			}
		}
	}
}

// expectStores finds the quads all of whose elements a statement stores, each by one instance. A value that reads the buffer may read what an instance
// before has stored.
func (w *lowering) expectStores(s kernel.Stmt, instances []instance) {
	clear(w.stores)
	store, ok := s.(*kernel.Store)
	if !ok || store.How != kernel.Set || len(instances) < 4 || slices.ContainsFunc(store.Value.Operands, func(o kernel.Operand) bool {
		return o.Kind == kernel.Load && o.Buffer == store.Buffer
	}) {
		return
	}
	seen := map[quad]int{}
	for _, in := range instances {
		if q, _, place, ok := w.quadOf(store.Buffer, w.flat(store.Buffer, store.Index, in)); ok {
			seen[q]++
			w.stores[q] |= 1 << place
		}
	}
	maps.DeleteFunc(w.stores, func(q quad, places int) bool { return places != 0b1111 || seen[q] != 4 })
}

// load gives an element of a buffer. What the kernel does not write is loaded once, as far out as its place is known and its loading safe.
func (w *lowering) load(buffer int, at affine) spirv.ID {
	least, version := 0, ""
	for i, l := range w.levels {
		if l.guard {
			least = i
		}
	}
	if w.stored[buffer] {
		version = fmt.Sprint(" version ", w.version[buffer])
		least = len(w.levels) - 1
	}
	if w.plan.Buffers[buffer].Kind == kernel.Local {
		id := w.index(at)
		return w.share(fmt.Sprint("load ", buffer, " ", id, version), least, []spirv.ID{id}, func(b *spirv.Block) spirv.ID {
			return b.Load(w.m.Float(), w.address(b, buffer, id))
		})
	}
	typ := w.plan.Buffers[buffer].Type
	q, first, place, ok := w.quadOf(buffer, at)
	fetches := w.limits.Texels >= (w.plan.Buffers[buffer].Elements()+3)/4 && w.version[buffer] == 0 // what the invocation has stored, it sees through the same view
	if ok && (fetches || w.loads[q]&^(1<<place) != 0) {
		of := w.loaded(w.halves(buffer))
		part := func(four spirv.ID) spirv.ID {
			return w.share(fmt.Sprint("part ", four, place), least, []spirv.ID{four}, func(b *spirv.Block) spirv.ID { return b.Extract(of, four, place) })
		}
		if fetches {
			if fetched, lane, ok := w.fan(buffer, first); ok {
				return w.widen(typ, w.handed(of, part(w.loadFour(buffer, fetched, least, version, true)), lane, least))
			}
		}
		return w.widen(typ, part(w.loadFour(buffer, first, least, version, fetches)))
	}
	if x, ok := only(w.windows[buffer], at); ok {
		at.constant += x.at - x.from
		id := w.index(at)
		return w.widen(typ, w.share(fmt.Sprint("load ", buffer, " ", id, version), least, []spirv.ID{id}, func(b *spirv.Block) spirv.ID {
			return w.loadOne(b, buffer, w.element(b, buffer, x.reach, id))
		}))
	}
	value := &cell{w.float(0)}
	w.within(buffer, w.index(at), []*cell{value}, func(pointer spirv.ID) {
		one := w.loadOne(w.top().block, buffer, pointer)
		w.depth[one] = len(w.levels) - 1
		value.value = w.widen(typ, one)
	})
	return value.value
}

// handed gives every lane what one of them has.
func (w *lowering) handed(of, own spirv.ID, lane, least int) spirv.ID {
	from := w.uint(lane)
	id := w.share(fmt.Sprint("handed ", own, lane), least, []spirv.ID{own}, func(b *spirv.Block) spirv.ID { return b.Shuffle(of, own, from) })
	delete(w.varies, id)
	return id
}

// loadOne loads an element as it is stored.
func (w *lowering) loadOne(b *spirv.Block, buffer int, pointer spirv.ID) spirv.ID {
	if w.halves(buffer) {
		return b.Do(spirv.OpUConvert, w.m.Uint(), b.Load(w.m.Ushort(), pointer))
	}
	return b.Load(w.m.Float(), pointer)
}

// loadFour gives a quad as it is stored.
func (w *lowering) loadFour(buffer int, first affine, least int, version string, fetches bool) spirv.ID {
	x := w.windows[buffer][0]
	first.constant += x.at - x.from
	id := w.index(first.over(4))
	halves := w.halves(buffer)
	return w.share(fmt.Sprint("four ", buffer, " ", id, version), least, []spirv.ID{id}, func(b *spirv.Block) spirv.ID {
		if fetches {
			return b.Fetch(w.variable(resource{x.reach, texels, halves}), id, w.loaded(halves))
		}
		four, pointer := w.four(b, buffer, x.reach, id)
		if halves {
			return b.Do(spirv.OpUConvert, w.m.Vector(w.m.Uint(), 4), b.Load(four, pointer))
		}
		return b.Load(four, pointer)
	})
}

// element is the address of an element of a buffer.
func (w *lowering) element(b *spirv.Block, buffer, reach int, at spirv.ID) spirv.ID {
	halves := w.halves(buffer)
	of := w.m.Float()
	if halves {
		of = w.m.Ushort()
	}
	return b.At(spirv.StorageBuffer, of, w.variable(resource{reach, ones, halves}), w.uint(0), at)
}

// four is the address of a quad of a buffer, and its type.
func (w *lowering) four(b *spirv.Block, buffer, reach int, at spirv.ID) (of, pointer spirv.ID) {
	halves := w.halves(buffer)
	of = w.m.Float()
	if halves {
		of = w.m.Ushort()
	}
	of = w.m.Vector(of, 4)
	return of, b.At(spirv.StorageBuffer, of, w.variable(resource{reach, fours, halves}), w.uint(0), at)
}

// A pending quad waits for all of its elements, to be stored at once.
type pending struct {
	values [4]spirv.ID
	left   int
}

// store writes an element; the elements of a quad that are all stored here, as one vector with the last of them.
func (w *lowering) store(buffer int, at affine, value spirv.ID) {
	if w.plan.Buffers[buffer].Kind == kernel.Local {
		b, id := w.top().block, w.index(at)
		b.Store(w.address(b, buffer, id), value)
		return
	}
	value = w.narrow(w.plan.Buffers[buffer].Type, value)
	if q, first, place, ok := w.quadOf(buffer, at); ok && w.stores[q] != 0 {
		p := w.pending[q]
		if p == nil {
			p = &pending{left: 4}
			w.pending[q] = p
		}
		p.values[place] = value
		if p.left--; p.left == 0 {
			delete(w.pending, q)
			x := w.windows[buffer][0]
			first.constant += x.at - x.from
			id, b := w.index(first.over(4)), w.top().block
			if w.limits.Longs && !w.halves(buffer) {
				w.storeLongs(b, x.reach, id, p.values)
				return
			}
			values := b.Do(spirv.OpCompositeCombine, w.m.Vector(w.loaded(w.halves(buffer)), 4), p.values[:]...)
			four, pointer := w.four(b, buffer, x.reach, id)
			if w.halves(buffer) {
				values = b.Do(spirv.OpUConvert, four, values)
			}
			b.Store(pointer, values)
		}
		return
	}
	one := func(b *spirv.Block, pointer spirv.ID) {
		element := value
		if w.halves(buffer) {
			element = b.Do(spirv.OpUConvert, w.m.Ushort(), value)
		}
		b.Store(pointer, element)
	}
	if x, ok := only(w.windows[buffer], at); ok {
		at.constant += x.at - x.from
		id, b := w.index(at), w.top().block
		one(b, w.element(b, buffer, x.reach, id))
		return
	}
	w.within(buffer, w.index(at), nil, func(pointer spirv.ID) { one(w.top().block, pointer) })
}

// storeLongs writes a quad of floats as two numbers of 64 bits.
func (w *lowering) storeLongs(b *spirv.Block, reach int, at spirv.ID, values [4]spirv.ID) {
	long, two := w.m.Ulong(), w.m.Vector(w.m.Float(), 2)
	low := b.Do(spirv.OpBitcast, long, b.Do(spirv.OpCompositeCombine, two, values[:2]...))
	high := b.Do(spirv.OpBitcast, long, b.Do(spirv.OpCompositeCombine, two, values[2:]...))
	pair := w.m.Vector(long, 2)
	b.Store(b.At(spirv.StorageBuffer, pair, w.variable(resource{reach, longs, false}), w.uint(0), at), b.Do(spirv.OpCompositeCombine, pair, low, high))
}

// only is the window of an element, where it is known before the shader runs.
func only(windows []window, at affine) (window, bool) {
	if len(windows) == 1 {
		return windows[0], true
	}
	if len(at.terms) == 0 {
		return windows[slices.IndexFunc(windows, func(x window) bool { return at.constant < x.to })], true
	}
	return window{}, false
}

// within runs code for the window of a buffer that an element lies in.
func (w *lowering) within(buffer int, id spirv.ID, cells []*cell, run func(pointer spirv.ID)) {
	windows := w.windows[buffer]
	for i, x := range windows {
		var conditions []spirv.ID
		if i > 0 {
			conditions = append(conditions, w.emit(spirv.OpUGreaterThanEqual, w.m.Bool(), id, w.uint(x.from)))
		}
		if i < len(windows)-1 {
			conditions = append(conditions, w.emit(spirv.OpULessThan, w.m.Bool(), id, w.uint(x.to)))
		}
		w.when(w.all(conditions), cells, func() {
			at := id
			if move := x.at - x.from; move > 0 {
				at = w.add(id, w.uint(move))
			} else if move < 0 {
				at = w.emit(spirv.OpISub, w.m.Uint(), id, w.uint(-move))
			}
			run(w.element(w.top().block, buffer, x.reach, at))
		})
	}
}

// coherent makes what an invocation stores in a buffer visible to the others behind a barrier.
func (w *lowering) coherent(buffer int) {
	for _, x := range w.windows[buffer] {
		w.shares[x.reach] = true
	}
}

// decorate says of shared memory that it is, when it is known which views of it there are.
func (w *lowering) decorate() {
	for r := range w.reaches {
		if w.shares[r] {
			for _, v := range w.storage(r) {
				w.m.Coherent(v)
			}
		}
	}
}
