#!/bin/sh
# Runs every fuzz target of the module for the time given (default 2m), one after the other. Inputs are minimized a little only: of a program that compiles,
# go test would make a smaller one for minutes instead of trying the next.
set -eu
time=${1:-2m}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' "$file"); do
    echo "== $(dirname "$file") $target" >&2
    if go test "$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x >"$log" 2>&1; then
      tail -1 "$log"
    elif grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; then
      echo "ok, no finding: the time was over while a worker was busy" # go test calls that a failure
    else
      cat "$log"
      exit 1
    fi
  done
done
