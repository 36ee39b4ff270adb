package cpu

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

typedef void *(*open_fn)(int, float *const *, int);
typedef void (*run_fn)(void *, int, double *);
typedef void (*close_fn)(void *);

static void *call_open(void *f, int threads, float **buffers, int processors) { return ((open_fn)f)(threads, buffers, processors); }
static void call_run(void *f, void *pool, int list, double *times) { ((run_fn)f)(pool, list, times); }
static void call_close(void *f, void *pool) { ((close_fn)f)(pool); }
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// A library is a compiled plan in this process, with its workers. This file is the one place where Go meets C.
type library struct {
	handle, run, stop, pool unsafe.Pointer
	table                   **C.float // of the buffers' addresses; the workers keep it
}

// load opens a compiled plan and starts its workers: the caller of run is one of threads. The buffers' memory must outlive it.
func load(path string, threads int, buffers []unsafe.Pointer) (*library, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	l := &library{handle: C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL)}
	if l.handle == nil {
		return nil, fmt.Errorf("loading %s: %s", path, C.GoString(C.dlerror()))
	}
	var open unsafe.Pointer
	for symbol, into := range map[string]*unsafe.Pointer{"bnetc_open": &open, "bnetc_run": &l.run, "bnetc_close": &l.stop} {
		s := C.CString(symbol)
		*into = C.dlsym(l.handle, s)
		C.free(unsafe.Pointer(s))
		if *into == nil {
			C.dlclose(l.handle)
			return nil, fmt.Errorf("loading %s: it has no %s", path, symbol)
		}
	}
	l.table = (**C.float)(C.calloc(C.size_t(len(buffers)+1), C.size_t(unsafe.Sizeof(uintptr(0)))))
	copy(unsafe.Slice((*unsafe.Pointer)(unsafe.Pointer(l.table)), len(buffers)), buffers)
	l.pool = C.call_open(open, C.int(threads), l.table, C.int(runtime.GOMAXPROCS(0)))
	if l.pool == nil {
		C.free(unsafe.Pointer(l.table))
		C.dlclose(l.handle)
		return nil, fmt.Errorf("starting %d threads: the system refused; use fewer (--threads)", threads)
	}
	return l, nil
}

// call runs a list to its end. times is nil, or has a place for every step and worker.
func (l *library) call(list int, times []float64) {
	var t *C.double
	if len(times) > 0 {
		t = (*C.double)(unsafe.Pointer(&times[0]))
	}
	C.call_run(l.run, l.pool, C.int(list), t)
}

// close ends the workers and unloads the code.
func (l *library) close() {
	C.call_close(l.stop, l.pool)
	C.free(unsafe.Pointer(l.table))
	C.dlclose(l.handle)
}
