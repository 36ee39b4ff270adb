// Package replace writes files whole: whoever reads one, at whatever moment the process or the machine stops, finds all of the old or all of the new.
package replace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File replaces what lies at path by what fill writes. It writes beside the old file and renames, following a link to its file and keeping the
// old one's permissions; a failure leaves the old file, and no other. Only regular files are replaced, no device and no folder.
func File(path string, fill func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	place, mode, err := target(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(place), beside(place))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(mode); err != nil { // CreateTemp's 0600 is for secrets
		return err
	}
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), place); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(place))
}

// Check says whether a file could be written to path later, so that hours of work do not end in a mistyped folder.
func Check(path string) error {
	place, _, err := target(path)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(filepath.Dir(place), beside(place)); err == nil {
			f.Close()
			err = os.Remove(f.Name())
		}
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// beside is the pattern of the names under which successors of a file are written, digits for its star.
func beside(place string) string { return "." + filepath.Base(place) + ".*" }

// Sweep removes the halves of successors that were left beside files when those who wrote them were killed. Nobody may be writing one.
func Sweep(paths ...string) error {
	for _, path := range paths {
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			return fmt.Errorf("clearing up beside %s: %w", path, err)
		}
		start := strings.TrimSuffix(beside(path), "*")
		for _, e := range entries {
			number, ours := strings.CutPrefix(e.Name(), start)
			if !ours || number == "" || strings.Trim(number, "0123456789") != "" {
				continue
			}
			if err := os.Remove(filepath.Join(filepath.Dir(path), e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("clearing up beside %s: %w", path, err)
			}
		}
	}
	return nil
}

// target gives the file that a path means, and the permissions of its successor.
func target(path string) (place string, mode fs.FileMode, err error) {
	place, err = filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, 0o644, nil
	}
	if err != nil {
		return "", 0, err
	}
	info, err := os.Stat(place)
	switch {
	case err != nil:
		return "", 0, err
	case !info.Mode().IsRegular():
		return "", 0, errors.New("it exists and is no file")
	}
	return place, info.Mode().Perm(), nil
}

// syncFolder makes the new name last through a power failure.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
