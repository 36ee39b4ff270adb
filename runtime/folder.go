package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"bnetc/runtime/replace"
)

const (
	checkpoints = "checkpoint"       // the folder of both checkpoints
	lockFile    = "checkpoint/.lock" // held by the process that writes the folder
)

// IsRun tells a run folder from others, by what a run keeps in its folder of checkpoints: one of that name may be anybody's. A run that was killed as it began
// left an empty one, and nothing else.
func IsRun(dir string) bool {
	inside, err := os.ReadDir(filepath.Join(dir, checkpoints))
	if err != nil {
		return false
	}
	if len(inside) == 0 {
		around, err := os.ReadDir(dir)
		return err == nil && len(around) == 1
	}
	return slices.ContainsFunc([]string{lockFile, CommandFile, checkpointPath("", latest)}, func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return err == nil
	})
}

// Vacant refuses a folder that a new run may not have: one with files of somebody else in it. A run that is there is replaced.
func Vacant(dir string) error {
	list, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return makingFolder(err)
	case len(list) > 0 && !IsRun(dir):
		return &ParamError{fmt.Sprintf("%s is no run folder and not empty; --out DIR names another", dir)}
	}
	return nil
}

// Fresh makes a folder that no other run has, whichever begin at once: of the name, or of the name with -2, -3, … behind it.
func Fresh(name string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return "", makingFolder(err)
	}
	dir := name
	for n := 2; ; n++ {
		err := os.Mkdir(dir, 0o777)
		switch {
		case err == nil:
			return dir, nil
		case !errors.Is(err, fs.ErrExist):
			return "", makingFolder(err)
		}
		dir = fmt.Sprintf("%s-%d", name, n)
	}
}

func makingFolder(err error) error {
	return fmt.Errorf("making the run folder: %w; --out DIR names another", err)
}

// hasCheckpoint tells whether a run can go on from a checkpoint. A run that was killed early has none yet; a folder that is none of a run is refused.
func hasCheckpoint(dir string) (bool, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	if len(list) > 0 && !IsRun(dir) {
		return false, &ParamError{fmt.Sprintf("%s is no run folder: it has no checkpoints", dir)}
	}
	// Only of a checkpoint that is known not to be there does a run begin anew, over what is left of the old one.
	if _, err = os.Stat(checkpointPath(dir, latest)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// hold makes a run folder this process's own until it closes the lock, or ends however it may, and clears away what a process that was killed was writing.
func hold(dir string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Join(dir, checkpoints), 0o777); err != nil {
		return nil, makingFolder(err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, makingFolder(err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = &ParamError{fmt.Sprintf("another run is writing the folder %s; wait for its end, or name another with --out DIR", dir)}
	case errors.Is(err, errors.ErrUnsupported): // of a file system without locks
		err = nil
	}
	if err == nil {
		err = replace.Sweep(filepath.Join(dir, SourceFile), filepath.Join(dir, ReportFile), filepath.Join(dir, CommandFile), checkpointPath(dir, latest), checkpointPath(dir, best))
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

// clearRun takes what an earlier run left out of a run folder.
func clearRun(dir string) error {
	events, err := filepath.Glob(filepath.Join(dir, eventsPrefix+"*"))
	if err != nil {
		return err
	}
	// The checkpoints go first: without them a folder passes for no run that can be gone on with.
	old := []string{checkpointPath(dir, latest), checkpointPath(dir, best), filepath.Join(dir, MetricsFile), filepath.Join(dir, ReportFile)}
	for _, file := range append(old, events...) {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clearing the run folder: %w", err)
		}
	}
	return nil
}
