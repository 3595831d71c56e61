#!/usr/bin/env bash
# Installs moto, the emulator of CloudWatch that tests send to, on Debian 12, as root: Flask and its like from the machine's own release;
# moto itself, and the description of AWS's services that fits it (botocore), from a newer suite of the same source, unpacked into a
# directory of its own: nothing of the newer suite is installed, and the system's package lists stay as they are.
# Debian 13's moto does not do: it knows only the older protocol, and answers today's client in XML.
set -euo pipefail

directory=/opt/podnet-moto # test/support/moto.ts looks here
suite=sid
packages=(python3-moto python3-botocore python3-boto3 python3-s3transfer)
needs=(python3-cryptography python3-dateutil python3-flask python3-flask-cors python3-jinja2 python3-jmespath python3-requests
  python3-responses python3-werkzeug python3-xmltodict)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "install-moto: $1: without it the tests against an emulated CloudWatch cannot run" >&2
  exit 1
}

apt-get install -y -qq --no-install-recommends "${needs[@]}" >/dev/null || fail "apt-get cannot install ${needs[*]}"

codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
source=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | awk -v release="$codename" '$2 == release { print $1; exit }')
[ -n "$source" ] || fail "apt has no source of $codename to look for $suite at"

chmod 755 "$work" # apt downloads as a user of its own
install -d -o _apt "$work/debs"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/moto"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $source $suite main" >"$work/sources.list"
options=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
  -o APT::Update::Error-Mode=any -o Acquire::Languages=none -o Acquire::Retries=3)
apt-get "${options[@]}" update || fail "the suite $suite of the machine's own source cannot be reached"
(cd "$work/debs" && apt-get "${options[@]}" download "${packages[@]}") || fail "the suite $suite has not all of ${packages[*]}"

for deb in "$work"/debs/*.deb; do dpkg-deb --extract "$deb" "$work/moto"; done
PYTHONPATH="$work/moto/usr/lib/python3/dist-packages" python3 -c 'import moto.server' || fail "moto of $suite does not run on $codename"
chmod 755 "$work/moto"
rm -rf "$directory"
mv "$work/moto" "$directory"
for deb in "$work"/debs/*.deb; do dpkg-deb --show --showformat '${Package} ${Version}\n' "$deb"; done | grep -E '^python3-(moto|botocore) ' |
  paste -s -d' ' - | sed 's/^/emulator of CloudWatch: /'
