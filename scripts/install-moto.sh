#!/usr/bin/env bash
# Installs moto, the emulator of CloudWatch that tests send to, on Debian 12, as root: Flask and its like from the machine's own release;
# moto itself, and the description of AWS's services that fits it (botocore), from a newer suite of the same source, unpacked into a
# directory of its own: nothing of the newer suite is installed.
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

. "$(dirname "$0")/debian-suite.sh"
unpack_from_suite "$suite" "$work" "${packages[@]}"

PYTHONPATH="$work/root/usr/lib/python3/dist-packages" python3 -c 'import moto.server' || fail "moto of $suite does not run on this machine"
chmod 755 "$work/root"
rm -rf "$directory"
mv "$work/root" "$directory"
for deb in "$work"/debs/*.deb; do dpkg-deb --show --showformat '${Package} ${Version}\n' "$deb"; done | grep -E '^python3-(moto|botocore) ' |
  paste -s -d' ' - | sed 's/^/emulator of CloudWatch: /'
