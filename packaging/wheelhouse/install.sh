#!/bin/sh
# Installs logscan from this directory into an environment of its own, without a network.
set -eu

usage() {
  cat <<'TEXT'
usage: ./install.sh [--python PYTHON] [DIR]

  --python   the Python to use; default: the newest of python3.14 to python3.11, else python3
  DIR        where logscan goes; default: /opt/logscan. The command is DIR/bin/logscan

Run it again with a later wheelhouse to upgrade. To uninstall, remove DIR.
TEXT
}

fail() {
  echo "install.sh: $1" >&2
  exit 2
}

python="" dir=/opt/logscan
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --python)
      [ $# -gt 1 ] || fail "--python needs a value"
      python=$2
      shift
      ;;
    -*) fail "$1: unknown option (--help lists them)" ;;
    *) dir=$1 ;;
  esac
  shift
done
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
cd "$(dirname "$0")"
here=$PWD

# 1. Is every file here, as it was made?
command -v sha256sum >/dev/null || fail "sha256sum is missing: install coreutils"
damaged=$(sha256sum --check --quiet SHA256SUMS 2>/dev/null) ||
  fail "damaged or missing: $(echo "$damaged" | sed 's/: .*//' | head -n 1): copy the wheelhouse again"

# 2. Is this the right kind of machine?
read -r arch <ARCH
[ "$(uname -m)" = "$arch" ] || fail "this wheelhouse is for $arch, this machine is $(uname -m): build one with --arch $(uname -m)"
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2) || libc=""
case $libc in
  2.*) [ "${libc#2.}" -ge 28 ] || fail "glibc $libc is older than 2.28: use the archive with its own interpreter" ;;
  *) fail "this system has no glibc: the wheels need 2.28 or later" ;;
esac

# 3. Which Python?
version_of() {
  "$1" -c 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}
if [ -n "$python" ]; then
  version=$(version_of "$python") || fail "$python: cannot be run, or lacks the modules venv and ensurepip"
  [ -f "requirements-$version.txt" ] ||
    fail "$python is Python $version; this wheelhouse is for $(echo requirements-*.txt | sed 's/requirements-//g; s/\.txt//g')"
else
  for name in python3.14 python3.13 python3.12 python3.11 python3; do
    if version=$(version_of "$name") && [ -f "requirements-$version.txt" ]; then
      python=$name
      break
    fi
  done
  [ -n "$python" ] ||
    fail "no Python $(echo requirements-*.txt | sed 's/requirements-//g; s/\.txt//g') on this machine: dnf install python3.11, or use the archive with its own interpreter"
fi

# 4. Install. An environment that is not logscan's is left alone.
[ ! -e "$dir" ] || [ -x "$dir/bin/logscan" ] || [ -z "$(ls -A "$dir")" ] ||
  fail "$dir: holds something else: give another directory"
had=$("$dir/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || had=$version
[ "$had" = "$version" ] || fail "$dir: was made with Python $had: remove it, or add --python python$had"
"$python" -m venv "$dir" || fail "$dir: the environment cannot be made (see above)"
# Not what pip is configured to do on this machine: only what lies here.
PIP_CONFIG_FILE=/dev/null "$dir/bin/python" -m pip --isolated --disable-pip-version-check install --quiet --no-index \
  --no-compile --find-links wheels --requirement "requirements-$version.txt" || fail "pip could not install (see above)"
# Bytecode for users who may not write here; the tests of pandas and numpy, half of all modules, need none.
"$dir/bin/python" -m compileall -q -j 0 -x '/tests/' "$dir/lib" >/dev/null || true
# "pip install 'apigee-logscan[…]'", as messages of logscan say it, looks here too.
printf '[global]\nno-index = true\nfind-links = %s/wheels\n' "$here" >"$dir/pip.conf"
echo "$("$dir/bin/logscan" --version) is installed: $dir/bin/logscan"
