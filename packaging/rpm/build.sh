#!/usr/bin/env bash
# The RPM around an archive that packaging/bundle/build.sh made.
#
#   packaging/rpm/build.sh logscan-VERSION-linux-x86_64.tar.xz [FOLDER]
#
# The package is written to FOLDER (dist). Needs rpmbuild.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
archive=$(realpath "$1")
out=$(realpath -m "${2:-$here/../../dist}")
version=$(basename "$archive" | sed -n 's/^logscan-\(.*\)-linux-x86_64\.tar\.xz$/\1/p')
[ -n "$version" ] || { echo "rpm/build.sh: $archive: not named logscan-VERSION-linux-x86_64.tar.xz" >&2; exit 2; }
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
mkdir -p "$out" "$top/SOURCES"
ln -s "$archive" "$top/SOURCES/"
rpmbuild --quiet -bb --target x86_64-linux --define "_topdir $top" --define "archive_version $version" \
  --define "_binary_payload w6.xzdio" --define "use_source_date_epoch_as_buildtime 1" "$here/logscan.spec"
mv "$top"/RPMS/x86_64/*.rpm "$out/"
ls -l "$out"/*.rpm
