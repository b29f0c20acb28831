"""Reads what the compiled files of a folder need of a host: the version of glibc, and other libraries.

Usage: ``symbols.py FOLDER``. Prints the highest version and who needs it. Exit code 1: something needs more
than a host with glibc 2.17 has (Red Hat 7 and later).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

GLIBC = (2, 17)
"""What a host has at least."""
_OF_GLIBC = ("ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1")
OF_THE_HOST = frozenset({*_OF_GLIBC, "libutil.so.1", "libgcc_s.so.1"})
"""Libraries that are on each host: glibc's own, and that of libgcc, which comes with glibc."""


@dataclass(slots=True)
class Needs:
    """What one file needs: versions as numbers, libraries by name, the folders where it looks for them."""

    path: Path
    glibc: tuple[int, ...] = (0,)
    other_versions: set[str] = field(default_factory=set)
    libraries: set[str] = field(default_factory=set)
    folders: list[str] = field(default_factory=list)


def files(folder: Path) -> Iterator[Path]:
    """The ELF files below a folder, in order of name."""
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(base, name)
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path


def needs(path: Path) -> Needs:
    """What an ELF file says that it needs. Raises ELFError for a damaged one."""
    found = Needs(path)
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if isinstance(section, GNUVerNeedSection):
                for _, versions in section.iter_versions():
                    _add_versions(found, [version.name for version in versions])
            elif isinstance(section, DynamicSection):
                for tag in section.iter_tags():
                    if tag.entry.d_tag == "DT_NEEDED":
                        found.libraries.add(tag.needed)
                    elif tag.entry.d_tag in {"DT_RPATH", "DT_RUNPATH"}:
                        found.folders += getattr(tag, tag.entry.d_tag[3:].lower()).split(":")
    return found


def _add_versions(found: Needs, names: list[str]) -> None:
    """GLIBC_2.17 is a number; GLIBC_PRIVATE, GLIBCXX_3.4 and their like are names."""
    for name in names:
        if match := re.fullmatch(r"GLIBC_(\d+(?:\.\d+)+)", name):
            found.glibc = max(found.glibc, tuple(map(int, match[1].split("."))))
        else:
            found.other_versions.add(name)


def problems(found: Needs, folder: Path) -> list[str]:
    """What a host may lack, a line for each."""
    name = found.path.relative_to(folder)
    lines = []
    if found.glibc > GLIBC:
        lines.append(f"{name}: needs glibc {_dotted(found.glibc)}")
    origin = str(found.path.resolve().parent)
    beside = [
        Path(place.replace("$ORIGIN", origin)) for place in found.folders if place.startswith("$ORIGIN")
    ]
    absent = [
        library
        for library in sorted(found.libraries - OF_THE_HOST)
        if not any((place / library).is_file() for place in beside)
    ]
    lines += [f"{name}: needs {library}, which is not in the folder" for library in absent]
    if "GLIBC_PRIVATE" in found.other_versions:
        lines.append(f"{name}: needs what is private to one glibc")
    return lines


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def main(folder: Path) -> int:
    """Print what is needed. Returns the exit code."""
    found, lines = [], []
    for path in files(folder):
        try:
            found.append(needs(path))
        except ELFError as error:
            lines.append(f"{path.relative_to(folder)}: cannot be read: {error}")
    if not found:
        lines.append(f"{folder}: no program and no library in it")
    for one in found:
        lines += problems(one, folder)
    if found:
        most = max(found, key=lambda one: one.glibc)
        print(f"{len(found)} files, glibc {_dotted(most.glibc)} at most ({most.path.relative_to(folder)})")
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
