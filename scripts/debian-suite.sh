# For scripts beside it, to be sourced: packages of another suite of Debian than the machine's, of the source that the machine has, unpacked and not
# installed. The system's package lists stay as they are.

# unpack_from_suite <suite> <directory> <package>…: the packages are in <directory>/debs then, and what is in them in <directory>/root.
# What cannot be done is told to the function fail of whoever sources this.
unpack_from_suite() {
  local suite=$1 work=$2 codename mirror options deb
  shift 2
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | awk -v release="$codename" '$2 == release { print $1; exit }')
  [ -n "$mirror" ] || fail "apt has no source of $codename to look for $suite at"

  chmod 755 "$work" # apt downloads as a user of its own
  install -d -o _apt "$work/debs"
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
  # what is installed, perhaps another version, is not to be looked at
  options=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
    -o Dir::State::status=/dev/null -o APT::Update::Error-Mode=any -o Acquire::Languages=none -o Acquire::Retries=3)
  apt-get "${options[@]}" update || fail "the suite $suite of the machine's own source cannot be reached"
  (cd "$work/debs" && apt-get "${options[@]}" download "$@") || fail "the suite $suite has not all of $*"
  for deb in "$work"/debs/*.deb; do dpkg-deb --extract "$deb" "$work/root"; done
}
