package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"bnetc/runtime"
)

// A command is what a command line said of a run beyond the program's text. It is kept in the run folder, so that --resume need not say it again;
// what is said again comes last, and counts.
type command struct {
	Set       []string `json:"set"`
	NoShuffle bool     `json:"no_shuffle"`
	Target    string   `json:"target,omitempty"`
	Device    string   `json:"device,omitempty"` // of that target
	Threads   count    `json:"threads,omitempty"`
	Data      string   `json:"data,omitempty"` // an absolute path
}

func (c command) aim() aim { return aim{c.Target, place{c.Device, c.Threads}} }

// recall gives the command that began the run in a folder; an empty one where it was killed before it could be kept.
func recall(dir string) (command, error) {
	var c command
	path := filepath.Join(dir, runtime.CommandFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return c, fmt.Errorf("reading how the run began: %w", err)
	}
	return c, nil
}

// override is settings PATH=VALUE without those whose path more sets, then more.
func override(set, more []string) []string {
	set = slices.DeleteFunc(slices.Clone(set), func(old string) bool {
		return slices.ContainsFunc(more, func(s string) bool { return pathOf(s) == pathOf(old) })
	})
	return append(set, more...)
}

func (c command) text() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic("bug: " + err.Error())
	}
	return string(text) + "\n"
}
