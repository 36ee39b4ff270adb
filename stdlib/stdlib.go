// Package stdlib holds the rules of the paper as text. They go the same way as a rule in a user's own file.
package stdlib

import "embed"

// FS holds one file for each rule.
//
//go:embed *.bnet
var FS embed.FS
