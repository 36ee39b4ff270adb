package cpu

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"bnetc/backend"
	"bnetc/ir/kernel"
)

// The text of this package: what it prints for a plan changes only when one of these files does.
//
//go:embed *.go rt
var own embed.FS

// ownHash is the hash of the package's text.
var ownHash = sync.OnceValue(func() string {
	sum := sha256.New()
	err := fs.WalkDir(own, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := own.ReadFile(path)
		sum.Write([]byte(path))
		sum.Write(text)
		return err
	})
	if err != nil {
		panic("bug: " + err.Error())
	}
	return hex.EncodeToString(sum.Sum(nil))
})

// An index entry leads from a plan to the library that was made of its C, so that a warm start prints nothing: printing takes longer than
// everything else at a start.
type index struct{ dir, path string }

func (c *compiler) index(plan *kernel.Plan, f Features) (index, error) {
	dir, err := backend.Cache()
	if err != nil {
		return index{}, err
	}
	key := strings.Join([]string{ownHash(), f.ISA, runtime.GOOS, runtime.GOARCH, strings.Join(c.command, " "), c.version, plan.String()}, "\x00")
	sum := sha256.Sum256([]byte(key))
	return index{dir, filepath.Join(dir, hex.EncodeToString(sum[:16])+".plan")}, nil
}

// find gives the compiled form that an entry leads to, if its files are still there and whole.
func (i index) find(c *compiler, isa string) (form, bool) {
	hash, err := os.ReadFile(i.path)
	if err != nil || len(hash) != 32 {
		return form{}, false
	}
	source, ok := kept(i.dir, string(hash))
	if !ok {
		return form{}, false
	}
	return form{source, filepath.Join(i.dir, string(hash)+".so"), manifest{ISA: isa, Arch: runtime.GOARCH, OS: runtime.GOOS, Compiler: c.version, Hash: string(hash)}}, true
}

// keep writes an entry; without one the next start prints again, so a failure is passed over.
func (i index) keep(hash string) { _ = backend.Keep(i.path, []byte(hash)) }
