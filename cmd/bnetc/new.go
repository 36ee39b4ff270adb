package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

type newCmd struct {
	Name string `arg:"" help:"Name of the program; NAME.bnet is written." placeholder:"NAME"`
}

func (newCmd) Help() string { return "Example: bnetc new mynet && bnetc run mynet.bnet" }

// starter is a small program that runs as it is: drawn digits need no download.
//
//go:embed starter.bnet
var starter string

func (c *newCmd) Run() error {
	path := strings.TrimSuffix(c.Name, ".bnet") + ".bnet"
	if filepath.Base(path) == ".bnet" {
		return usage{fmt.Sprintf("%q names no program; bnetc new mynet writes mynet.bnet", c.Name)}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if os.IsExist(err) {
		return fmt.Errorf("%s exists already; choose another name", path)
	}
	if folder := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing %s: there is no folder %s; make it with %s", path, folder, typed("mkdir", "-p", folder))
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Replace(starter, "network NAME", "network "+identifier(baseName(path)), 1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "wrote %s; train it with: %s\n", path, typed("bnetc", "run", path))
	return nil
}

// identifier makes a name of the language out of a file's.
func identifier(name string) string {
	id := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
	if id == "" || id[0] >= '0' && id[0] <= '9' {
		return "net_" + id
	}
	return id
}
