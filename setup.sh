#!/bin/sh
# setup.sh: installs on Debian or Ubuntu what is missing to build bnetc and run its programs (Go, a C compiler), or says exactly what to install.
# setup.sh tests: also what the tests of the Vulkan backend use: a Vulkan device on the processor, the layers that validate calls, the tools that
# validate SPIR-V. Where those cannot be had, the tests say so and are skipped.
# Nothing is asked for that is there already.
set -eu

has() { command -v "$1" >/dev/null 2>&1; }
# installed NAME: a package is, by the list of the package manager.
installed() { has dpkg-query && dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

needed="" wanted=""
has go || needed="$needed golang-go"
has cc || has gcc || has clang || needed="$needed gcc libc6-dev"
if [ "${1:-}" = tests ]; then
  for package in libvulkan1 mesa-vulkan-drivers vulkan-validationlayers spirv-tools; do
    installed "$package" || wanted="$wanted $package"
  done
fi
[ -n "$needed$wanted" ] || exit 0

# install PACKAGE…: without questions, as root or by sudo where that asks for no password.
install() {
  has apt-get || return 1
  if [ "$(id -u)" = 0 ]; then sudo=; elif has sudo && sudo -n true 2>/dev/null; then sudo="sudo -n"; else return 1; fi
  echo "installing $*" >&2
  # An index that is old still serves: what it no longer finds is said below.
  $sudo apt-get update -q >&2 || true
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends "$@" >&2
}

# shellcheck disable=SC2086
if [ -n "$needed" ] && ! install $needed; then
  echo "bnetc needs:$needed. Install them (as root: apt-get install -y$needed; Go 1.26 or later is at https://go.dev/dl), then run this again." >&2
  exit 3
fi
# shellcheck disable=SC2086
if [ -n "$wanted" ] && ! install $wanted; then
  echo "the tests of the Vulkan backend will be skipped; for them, as root: apt-get install -y$wanted" >&2
fi
