package vulkan

import (
	"time"
	"unsafe"

	vk "github.com/vulkan-go/vulkan"
)

// Work goes to the device in flights: while one is run, the host fills the next. A flight holds runs of lists, what is written to buffers before each, in
// host memory of its own, and one fence that tells when all of it is done. The host waits where every flight is under way, and to read.
const (
	flights  = 3
	mostRuns = 16                     // of a flight
	longest  = 200 * time.Millisecond // of a flight of several runs: systems end what keeps a device busy for seconds
)

// A flight is one submission.
type flight struct {
	fence    vk.Fence
	pool     vk.CommandPool
	own      []vk.CommandBuffer // between the lists, made as needed
	used     int
	batch    []vk.CommandBuffer // what is submitted: own ones and those of lists
	number   int                // among the flights
	runs     int
	unseen   bool // what the last run left in the watched buffers is not copied yet
	uploads  []upload
	from, at int // its part of the staging memory, in bytes: where it begins, and how much is filled
	flying   bool
	since    time.Time
}

// An upload is bytes that wait in staging memory to be copied to a buffer.
type upload struct {
	piece int
	span
}

// A line is the flights of a machine in turn.
type line struct {
	device  *logical
	pieces  []*piece // of the plan
	staging *piece   // what is on its way to the device: a part for each flight
	landing *piece   // what is on its way back
	flights [flights]flight
	now     int                                                         // the flight being filled
	most    int                                                         // runs of a flight, by how long they took
	hand    func(commands []vk.CommandBuffer, fence vk.Fence) vk.Result // commands to the queue
	begin   vk.CommandBufferBeginInfo
	watch   watch
}

const (
	leastStaging = 1 << 20 // bytes of a flight
	mostStaging  = 16 << 20
)

// newLine makes a line whose flights hold several steps' worth of what the host writes in one.
func newLine(d *logical, pieces []*piece, perStep int64) (*line, error) {
	l := &line{device: d, pieces: pieces, most: 1, begin: vk.CommandBufferBeginInfo{SType: vk.StructureTypeCommandBufferBeginInfo,
		Flags: vk.CommandBufferUsageFlags(vk.CommandBufferUsageOneTimeSubmitBit)}}
	l.hand = func(commands []vk.CommandBuffer, fence vk.Fence) vk.Result {
		return d.submitTo(d.queue, commands, fence)
	}
	share := (min(max(mostRuns*perStep, leastStaging), mostStaging) + 255) / 256 * 256
	var err error
	if l.staging, err = d.allocate(flights*share, ofHost, 0, "writing to the device"); err != nil {
		return l, err
	}
	if l.landing, err = d.allocate(share, ofHost, cached, "reading from the device"); err != nil {
		return l, err
	}
	for i := range l.flights {
		f := &l.flights[i]
		f.number, f.from = i, i*int(share)
		info := vk.FenceCreateInfo{SType: vk.StructureTypeFenceCreateInfo}
		var fence vk.Fence
		err = failed(vk.CreateFence(d.device, &info, nil, &fence), "making a fence")
		f.fence = fence
		info.Free()
		if err == nil {
			f.pool, err = d.newPool(vk.CommandPoolCreateFlags(vk.CommandPoolCreateTransientBit))
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

func (l *logical) newPool(flags vk.CommandPoolCreateFlags) (pool vk.CommandPool, err error) {
	info := vk.CommandPoolCreateInfo{SType: vk.StructureTypeCommandPoolCreateInfo, Flags: flags, QueueFamilyIndex: l.family}
	defer info.Free()
	return pool, failed(vk.CreateCommandPool(l.device, &info, nil, &pool), "making a command pool")
}

func (l *logical) newCommands(pool vk.CommandPool) (vk.CommandBuffer, error) {
	info := vk.CommandBufferAllocateInfo{SType: vk.StructureTypeCommandBufferAllocateInfo, CommandPool: pool, Level: vk.CommandBufferLevelPrimary, CommandBufferCount: 1}
	defer info.Free()
	made := make([]vk.CommandBuffer, 1)
	err := failed(vk.AllocateCommandBuffers(l.device, &info, made), "making a command buffer")
	return made[0], err
}

// release waits for what is under way and gives everything back.
func (l *line) release() {
	d := l.device
	vk.DeviceWaitIdle(d.device)
	for i := range l.flights {
		vk.DestroyFence(d.device, l.flights[i].fence, nil)
		vk.DestroyCommandPool(d.device, l.flights[i].pool, nil)
	}
	d.release(l.staging)
	d.release(l.landing)
	d.release(l.watch.seen)
	l.begin.Free()
}

// share is the bytes of staging memory that a flight has.
func (l *line) share() int { return len(l.landing.bytes) }

// write puts data on its way to a place in a piece, in bytes, behind everything before it.
func (l *line) write(piece int, to int64, data []float32) error {
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data))
	for len(bytes) > 0 {
		f := &l.flights[l.now]
		n := min(len(bytes), l.share()-f.at)
		if n == 0 {
			if err := l.submit(); err != nil {
				return err
			}
			continue
		}
		u := upload{piece, span{from: int64(f.from + f.at), to: to, size: int64(n)}}
		for _, o := range f.uploads {
			if o.piece == piece && o.to < to+u.size && to < o.to+o.size { // the same place again, without a run in between: one after the other
				if err := l.between(nil); err != nil {
					return err
				}
				break
			}
		}
		copy(l.staging.bytes[u.from:], bytes[:n])
		f.uploads = append(f.uploads, u)
		f.at += n
		to, bytes = to+int64(n), bytes[n:]
	}
	return nil
}

// follow puts a list's commands behind everything before them.
func (l *line) follow(list vk.CommandBuffer) error {
	if err := l.between(nil); err != nil {
		return err
	}
	f := &l.flights[l.now]
	f.batch = append(f.batch, list)
	return nil
}

// run puts a run of the plan behind everything before it. Runs are submitted at once while another flight can be filled meanwhile, else with the runs that
// follow, so that the device has work ahead of it and the host never waits.
func (l *line) run(list vk.CommandBuffer) error {
	if err := l.follow(list); err != nil {
		return err
	}
	f := &l.flights[l.now]
	f.runs++
	f.unseen = l.watch.size > 0
	next := &l.flights[(l.now+1)%flights]
	if f.runs < l.most && next.flying && vk.GetFenceStatus(l.device.device, next.fence) == vk.NotReady {
		return nil
	}
	return l.submit()
}

// commands begins a command buffer of the flight's own.
func (l *line) commands() (vk.CommandBuffer, error) {
	f := &l.flights[l.now]
	if f.used == len(f.own) {
		made, err := l.device.newCommands(f.pool)
		if err != nil {
			return nil, err
		}
		f.own = append(f.own, made)
	}
	c := f.own[f.used]
	f.used++
	return c, failed(vk.BeginCommandBuffer(c, &l.begin), "recording")
}

var (
	written  = scope{vk.PipelineStageComputeShaderBit | vk.PipelineStageTransferBit, vk.AccessShaderWriteBit | vk.AccessTransferWriteBit}
	touching = scope{vk.PipelineStageComputeShaderBit | vk.PipelineStageTransferBit,
		vk.AccessShaderReadBit | vk.AccessShaderWriteBit | vk.AccessTransferReadBit | vk.AccessTransferWriteBit}
	landed = scope{vk.PipelineStageTransferBit, vk.AccessTransferWriteBit}
	onHost = scope{vk.PipelineStageHostBit, vk.AccessHostReadBit}
)

// between puts what stands between two runs behind everything before it: the uploads, and, by `more`, other transfers.
func (l *line) between(more func(vk.CommandBuffer)) error {
	f := &l.flights[l.now]
	c, err := l.commands()
	if err != nil {
		return err
	}
	l.device.wait(c, written, touching)
	if f.unseen {
		l.look(c, f)
	}
	if len(f.uploads) > 0 || more != nil {
		uploads := len(f.uploads) > 0
		for len(f.uploads) > 0 {
			n := 1
			for n < len(f.uploads) && f.uploads[n].piece == f.uploads[0].piece {
				n++
			}
			var spans []span
			for _, u := range f.uploads[:n] {
				spans = append(spans, u.span)
			}
			l.device.copyTo(c, l.staging.buffer, l.pieces[f.uploads[0].piece].buffer, spans...)
			f.uploads = f.uploads[n:]
		}
		if more != nil {
			if uploads {
				l.device.wait(c, landed, touching)
			}
			more(c)
		}
		l.device.wait(c, written, touching)
	}
	f.uploads = nil
	f.batch = append(f.batch, c)
	return failed(vk.EndCommandBuffer(c), "recording")
}

// submit hands the flight to the device and turns to the next, whose last journey must be over.
func (l *line) submit() error {
	f := &l.flights[l.now]
	if len(f.uploads) > 0 || f.unseen {
		if err := l.between(nil); err != nil {
			return err
		}
	}
	if len(f.batch) == 0 {
		return nil
	}
	if err := failed(l.hand(f.batch, f.fence), "submitting work to "+l.device.String()); err != nil {
		return err
	}
	f.flying, f.since = true, time.Now()
	l.now = (l.now + 1) % flights
	return l.land(&l.flights[l.now])
}

// land waits for a flight and empties it.
func (l *line) land(f *flight) error {
	if f.flying {
		err := failed(vk.WaitForFences(l.device.device, 1, []vk.Fence{f.fence}, vk.True, vk.MaxUint64), "waiting for "+l.device.String())
		if err == nil {
			err = failed(vk.ResetFences(l.device.device, 1, []vk.Fence{f.fence}), "waiting for "+l.device.String())
		}
		if err == nil {
			err = failed(vk.ResetCommandPool(l.device.device, f.pool, 0), "waiting for "+l.device.String())
		}
		if err != nil {
			return err
		}
		l.collect(f)
		if f.runs > 0 {
			l.most = runsWithin(longest, time.Since(f.since), f.runs)
		}
	}
	f.flying, f.used, f.batch, f.runs, f.at = false, 0, f.batch[:0], 0, 0
	return nil
}

// runsWithin is how many runs a flight may have to take so long at most, when so many took `took` with the flights before them.
func runsWithin(longest, took time.Duration, runs int) int {
	return int(min(max(longest*time.Duration(runs)/max(took, 1), 1), mostRuns))
}

// wait waits until everything before is done, and empties all flights.
func (l *line) wait() error {
	if err := l.submit(); err != nil {
		return err
	}
	for n := 1; n < flights; n++ {
		if err := l.land(&l.flights[(l.now+n)%flights]); err != nil {
			return err
		}
	}
	return nil
}

// finish puts other commands behind everything before them and waits until all of it is done.
func (l *line) finish(more func(vk.CommandBuffer)) error {
	if err := l.between(more); err != nil {
		return err
	}
	return l.wait()
}

// read waits for everything before and copies from a place in a piece, in bytes, into data.
func (l *line) read(piece int, from int64, data []float32) error {
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data))
	for len(bytes) > 0 {
		n := min(len(bytes), len(l.landing.bytes))
		err := l.finish(func(c vk.CommandBuffer) {
			l.device.copyTo(c, l.pieces[piece].buffer, l.landing.buffer, span{from, 0, int64(n)})
			l.device.wait(c, landed, onHost)
		})
		if err != nil {
			return err
		}
		copy(bytes[:n], l.landing.bytes)
		from, bytes = from+int64(n), bytes[n:]
	}
	return nil
}
