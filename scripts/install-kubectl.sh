#!/usr/bin/env bash
# Installs a kubectl that renders manifests/ with its components, on Debian 12, as root: whatever kubectl is there will do if its kustomize is of
# version 4 or later. Debian 12's own (1.20) has kustomize 2.0, which knows no components; so Debian 13's is unpacked, and nothing else of
# that suite: kubectl needs nothing but the C library.
set -euo pipefail

suite=trixie
target=/usr/local/bin/kubectl

knows_components() {
  "$1" version --client --output json 2>/dev/null | grep -Eq '"kustomizeVersion": *"v([4-9]|[1-9][0-9])\.'
}
if command -v kubectl >/dev/null && knows_components kubectl; then exit; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "install-kubectl: $1: without it the tests of manifests/ cannot run" >&2
  exit 1
}

. "$(dirname "$0")/debian-suite.sh"
unpack_from_suite "$suite" "$work" kubectl

knows_components "$work/root/usr/bin/kubectl" || fail "kubectl of $suite does not run on this machine, or is too old"
install -m 755 "$work/root/usr/bin/kubectl" "$target"
for deb in "$work"/debs/*.deb; do dpkg-deb --show --showformat '${Package} ${Version}, ' "$deb"; done | sed "s#, \$#: $target\n#"
