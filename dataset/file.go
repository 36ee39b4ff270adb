package dataset

import (
	"errors"
	"io"
	"os"
)

// openFile opens a regular file and gives its size. Anything else is refused before it is opened: a pipe would wait for somebody to write.
func openFile(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, 0, openFault(path, err)
	case info.IsDir():
		return nil, 0, openFault(path, errors.New("is a folder"))
	case !info.Mode().IsRegular():
		return nil, 0, openFault(path, errors.New("is no regular file"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, openFault(path, err)
	}
	return f, info.Size(), nil
}

// readFile reads a regular file whole.
func readFile(path string) ([]byte, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw := make([]byte, size)
	if _, err := io.ReadFull(f, raw); err != nil {
		return nil, openFault(path, err)
	}
	return raw, nil
}

func openFault(path string, err error) error {
	return &Error{What: "reading", File: path, Err: err, Remedy: dataRemedy}
}
