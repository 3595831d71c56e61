#!/usr/bin/env bash
# Installs a kubectl that renders manifests/ with its components, on Debian 12, as root: whatever kubectl is there will do if its kustomize is of
# version 4 or later. Debian 12's own (1.20) has kustomize 2.0, which knows no components; so Debian 13's is unpacked, and nothing else of
# that suite: kubectl needs nothing but the C library. The system's package lists stay as they are.
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

codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
source=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | awk -v release="$codename" '$2 == release { print $1; exit }')
[ -n "$source" ] || fail "apt has no source of $codename to look for $suite at"

chmod 755 "$work" # apt downloads as a user of its own
install -d -o _apt "$work/debs"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/kubectl"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $source $suite main" >"$work/sources.list"
# what is installed, perhaps another kubectl, is not to be looked at
options=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
  -o Dir::State::status=/dev/null -o APT::Update::Error-Mode=any -o Acquire::Languages=none -o Acquire::Retries=3)
apt-get "${options[@]}" update || fail "the suite $suite of the machine's own source cannot be reached"
(cd "$work/debs" && apt-get "${options[@]}" download kubectl) || fail "the suite $suite has no kubectl"

for deb in "$work"/debs/*.deb; do dpkg-deb --extract "$deb" "$work/kubectl"; done
knows_components "$work/kubectl/usr/bin/kubectl" || fail "kubectl of $suite does not run on $codename, or is too old"
install -m 755 "$work/kubectl/usr/bin/kubectl" "$target"
for deb in "$work"/debs/*.deb; do dpkg-deb --show --showformat '${Package} ${Version}, ' "$deb"; done | sed "s#, \$#: $target\n#"
