#!/bin/sh
# Installs what is missing to build and run bnetc on Debian or Ubuntu, or says exactly what to install elsewhere.
set -eu

missing=""
command -v go >/dev/null 2>&1 || missing="$missing go"
command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || missing="$missing gcc"
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1; then
  packages=""
  for name in $missing; do
    case $name in
      go) packages="$packages golang-go" ;;
      gcc) packages="$packages gcc libc6-dev" ;;
    esac
  done
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  echo "installing$packages" >&2
  $sudo apt-get update -q >&2
  # shellcheck disable=SC2086
  $sudo apt-get install -y -q --no-install-recommends $packages >&2
else
  echo "bnetc needs:$missing. Install Go 1.26 or later (https://go.dev/dl) and gcc or clang, then run this again." >&2
  exit 3
fi
