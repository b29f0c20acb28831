#!/usr/bin/env bash
# A wheelhouse: all that a host without internet needs to install logscan, for the Pythons 3.11 to 3.14 and
# glibc 2.28 or later. Run it in a checkout, on a machine with Python 3.11 or later and a package index.
# docs/install.md has the use.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: packaging/wheelhouse/build.sh [--arch x86_64|aarch64] [--python 3.11]... [--extras LIST] [--out DIR]

  --arch     the hosts' processor (uname -m); default: x86_64
  --python   a Python of the hosts; may be repeated; default: 3.11, 3.12, 3.13 and 3.14
  --extras   extras with commas between them; default: diagnose,live
  --out      the directory to make; default: dist/logscan-VERSION-wheelhouse-ARCH. DIR.tar is made beside it
TEXT
}

fail() {
  echo "build.sh: $1" >&2
  exit 2
}

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
arch=x86_64 extras=diagnose,live out="" pythons=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --arch | --python | --extras | --out) [ $# -gt 1 ] || fail "$1 needs a value (--help lists the options)" ;;
    *) fail "$1: unknown option (--help lists them)" ;;
  esac
  case $1 in
    --arch) arch=$2 ;;
    --python) pythons+=("$2") ;;
    --extras) extras=$2 ;;
    --out) out=$2 ;;
  esac
  shift 2
done
[ ${#pythons[@]} -gt 0 ] || pythons=(3.11 3.12 3.13 3.14)
case $arch in x86_64 | aarch64) ;; *) fail "--arch $arch: choose x86_64 or aarch64" ;; esac
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  fail "$python is no Python 3.11 or later: set PYTHON=python3.11"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/pyproject.toml" | head -n 1)
out=${out:-$root/dist/logscan-$version-wheelhouse-$arch}
[ ! -e "$out" ] || fail "$out: is there already: remove it, or give another --out"
mkdir -p "$(dirname "$out")"
out=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
pip=("$work/venv/bin/python" -m pip --disable-pip-version-check)
"${pip[@]}" install --quiet "uv>=0.9" "pip>=24"
if index=$("${pip[@]}" config get global.index-url 2>/dev/null); then
  export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
fi

mkdir -p "$work/house/wheels"
"${pip[@]}" wheel --quiet --no-deps --wheel-dir "$work/house/wheels" "$root"
platforms=()
for tag in manylinux_2_28 manylinux_2_27 manylinux_2_26 manylinux_2_24 manylinux_2_17 manylinux2014 manylinux_2_12 \
  manylinux2010 manylinux_2_5 manylinux1; do
  platforms+=(--platform "${tag}_$arch")
done
options=()
IFS=, read -ra names <<<"$extras"
for name in "${names[@]}"; do options+=(--extra "$name"); done
for each in "${pythons[@]}"; do
  echo "build.sh: Python $each, $arch" >&2
  list=$work/house/requirements-$each.txt
  # uv evaluates the conditions of requirements for the hosts' Python; pip would for its own.
  "$work/venv/bin/uv" pip compile --quiet --no-header --no-annotate --only-binary :all: --python-version "$each" \
    --python-platform "$arch-manylinux_2_28" "${options[@]}" --output-file "$list" "$root/pyproject.toml"
  "${pip[@]}" download --quiet --no-deps --only-binary :all: --implementation cp --python-version "$each" \
    "${platforms[@]}" --dest "$work/house/wheels" --requirement "$list"
  echo "apigee-logscan[$extras]==$version" >>"$list"
done

cp "$here/install.sh" "$root/LICENSE" "$work/house/"
echo "$arch" >"$work/house/ARCH"
(cd "$work/house" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
chmod -R u=rwX,go=rX "$work/house"
mv "$work/house" "$out"
tar -C "$(dirname "$out")" --sort=name --owner=0 --group=0 --numeric-owner -cf "$out.tar" "$(basename "$out")"
echo "build.sh: $out.tar: $(du -m "$out.tar" | cut -f 1) MB, $(find "$out/wheels" -name '*.whl' | wc -l) wheels" >&2
