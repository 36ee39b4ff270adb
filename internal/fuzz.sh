#!/bin/sh
# Runs every fuzz target of the module for the time given (default 2m), one after the other.
set -eu
time=${1:-2m}
grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' "$file"); do
    echo "== $(dirname "$file") $target" >&2
    go test "$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
  done
done
