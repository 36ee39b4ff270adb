package compiler

import "bnetc/ir/kernel"

// blockLoop is the loop over the blocks of the batch, as many at a time as a worker takes.
func (b *builder) blockLoop() kernel.Loop {
	return kernel.Loop{Var: "nb", Extent: b.blocks / b.together}
}

// block is the block that a kernel works on: one of those that a worker takes at once.
func (b *builder) block() kernel.Index {
	if b.together == 1 {
		return v("nb")
	}
	return plus(v("v"), v("nb"), b.together)
}

// lane is the place within its block that a lane works on: one of those that it has side by side.
func (b *builder) lane() kernel.Index {
	if b.lanes == b.target.Vector {
		return v("lane")
	}
	return plus(v("v"), v("lane"), b.lanes/b.target.Vector)
}

// vectorsOf is how many vectors of samples a worker takes at once: of several blocks, or of one.
func (b *builder) vectorsOf() int { return b.together * b.lanes / b.target.Vector }

// sample is the sample within the batch that a lane works on.
func (b *builder) sample() kernel.Index { return plus(b.lane(), b.block(), b.lanes) }

// overVectors wraps a body for one sample into the vectors of a block.
func (b *builder) overVectors(body []kernel.Stmt) []kernel.Stmt { return b.lanesOf(body, true) }

// lanesOf wraps a body for one sample into a vector of samples, and into the vectors of a block unless the caller walks those.
func (b *builder) lanesOf(body []kernel.Stmt, whole bool) []kernel.Stmt {
	body = []kernel.Stmt{&kernel.Loop{Var: "lane", Extent: b.target.Vector, Mark: kernel.Vector, Body: body}}
	if vectors := b.vectorsOf(); whole && vectors > 1 {
		body = []kernel.Stmt{&kernel.Loop{Var: "v", Extent: vectors, Mark: kernel.Unrolled, Body: body}}
	}
	return body
}
