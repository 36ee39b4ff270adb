package backend

import (
	"fmt"
	"os"
	"path/filepath"
)

// Cache gives the folder in which backends keep what they compiled and measured: the one that BNETC_CACHE names, else bnetc in the user's folder of caches. Where it is
// not there it is made, for its user alone: what lies there is loaded and run.
func Cache() (string, error) {
	dir := os.Getenv("BNETC_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", &Missing{What: fmt.Sprintf("the system gives no folder for caches (%v)", err), Remedy: "name one in BNETC_CACHE"}
		}
		dir = filepath.Join(base, "bnetc")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", &Missing{What: fmt.Sprintf("the cache of compiled plans cannot be made: %v", err), Remedy: "set BNETC_CACHE to a folder that can be written"}
	}
	return dir, nil
}

// Keep writes a file of the cache beside its place and moves it there: whoever reads it meanwhile finds the old one or the new one. After a crash of the machine it may
// have lost its end all the same, so what would do harm then is kept with its hash.
func Keep(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".keep-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
