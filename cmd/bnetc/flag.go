package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// A count is a number on the command line that is 1 or more; 0 where it was not said.
type count int

// Decode reads it from the command line, where one that begins with a minus is refused as any other and not taken for a flag.
func (c *count) Decode(ctx *kong.DecodeContext) error {
	text := ctx.Scan.Pop().String()
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return fmt.Errorf("expected a whole number from 1 on, not %q", text)
	}
	*c = count(n)
	return nil
}

// A span is a time on the command line that is longer than none.
type span time.Duration

// Decode reads it from the command line.
func (s *span) Decode(ctx *kong.DecodeContext) error {
	text := ctx.Scan.Pop().String()
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("expected a time such as 2s or 500ms, not %q", text)
	}
	*s = span(d)
	return nil
}

// typed is words as a shell takes them apart again, for commands that are to be copied from a message.
func typed(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		plain := w != "" && strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%") == ""
		if quoted[i] = w; !plain {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
