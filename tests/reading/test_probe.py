"""Each file is looked at once when it is discovered, and opened once more by each unit of work."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import logscan
from logscan._entries.sample import judge, layout_in
from logscan._reading.paths import describe, discover
from logscan._reading.probe import probe
from logscan.values import Counters
from support.command import ROOT, environment, zstd_compress
from support.engine import scan
from support.logs import HEAD, INFO

OPENS = """
import collections, os, sys
opened = collections.Counter()
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened[arguments[0]] += 1
sys.addaudithook(hook)
sys.argv[1:] = sys.argv[1:]
from logscan._cli import main
try:
    main()
except SystemExit:
    pass
for path in os.environ["WATCHED"].split(":"):
    print(path, opened[path], file=sys.stderr)
"""


def opens(paths: Sequence[Path], *arguments: str | Path, **env: str) -> Counter[str]:
    """How often a command opens some files."""
    done = subprocess.run(
        [sys.executable, "-c", OPENS, *map(str, arguments)],
        capture_output=True, cwd=ROOT, env=environment(WATCHED=":".join(map(str, paths)), **env),
    )  # fmt: skip
    lines = [line.rsplit(" ", 1) for line in done.stderr.decode().splitlines()]
    assert len(lines) >= len(paths), done.stderr
    return Counter({path: int(count) for path, count in lines[-len(paths) :]})


def log(lines: int) -> bytes:
    return HEAD.format(s=1, ms=1, a=1, m=1, t=0).encode() + INFO.encode() * lines


@pytest.mark.parametrize(
    "command", [("report",), ("search", "m-1"), ("export", "-o", "/dev/null", "--format", "csv")]
)
def test_a_file_is_opened_twice(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Plain, packed, rotated: once when it is discovered, once when it is read."""
    plain, older, packed = (tmp_path / name for name in ("system.log", "system.log.1", "system.log.2.gz"))
    plain.write_bytes(log(3000))
    older.write_bytes(log(2000).replace(b"m-1 ", b"m-2 "))
    packed.write_bytes(gzip.compress(log(1000).replace(b"m-1 ", b"m-3 ")))
    found = opens([plain, older, packed], *command, tmp_path)
    more = (
        command[0] == "report"
    )  # a plain file once more, to see how the log ends and what was before the onset
    assert found == {str(plain): 2 + more, str(older): 2 + more, str(packed): 2}


@pytest.mark.parametrize(
    ("data", "codec", "encoding"),
    [
        (log(10), "", ""),
        (gzip.compress(log(10)), "gzip", ""),
        (zstd_compress(log(10)), "zstd", ""),
        (b"\xef\xbb\xbf" + log(10), "", "utf-8-sig"),
        (log(10).decode().encode("utf-16"), "", "utf-16"),
    ],
)
def test_what_a_probe_says(tmp_path: Path, data: bytes, codec: str, encoding: str) -> None:
    """Size, packing, beginning and layout, whatever packs the text."""
    path = tmp_path / "a.log"
    path.write_bytes(data)
    seen = probe(str(path), judge)
    assert (seen.is_file, seen.size, seen.packing) == (True, len(data), (codec, encoding))
    assert seen.head == log(10)[:1024]
    assert seen.plain_size == (None if codec or encoding else len(data))
    layout = layout_in(describe(str(path))._replace(probe=seen))
    assert layout is not None
    assert layout.name == "plain"


def test_a_pipe_is_not_read_for_its_probe(tmp_path: Path) -> None:
    """Every byte of a FIFO reaches the scanner."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(log(10),))
    writer.start()
    counters = Counters()
    failures = list(scan([str(path)], counters))
    writer.join()
    assert (len(failures), counters.bytes) == (1, len(log(10)))


def test_a_file_that_is_missing_is_reported_by_its_reader(tmp_path: Path) -> None:
    """The probe is silent; the problem has the path and the reason."""
    counters = Counters()
    missing = str(tmp_path / "no.log")
    assert list(discover([missing], counters.problems)) != []
    assert counters.problems == []
    list(scan([missing], counters))
    assert [(problem.path, problem.reason) for problem in counters.problems] == [
        (missing, "no such file or directory")
    ]


@pytest.mark.parametrize("after", [b"x", b"trailing garbage", b"\x00\x00\x00rest" * 9000], ids=len)
@pytest.mark.parametrize("pack", [gzip.compress, zstd_compress, bz2.compress, lzma.compress])
def test_what_follows_a_packed_text(pack: Callable[[bytes], bytes], after: bytes, tmp_path: Path) -> None:
    """Row N8: all of the text is read, and the message does not say that some of it is lost."""
    path = tmp_path / "system.log.packed"
    path.write_bytes(pack(log(300)) + after)
    counters = logscan.report(path).counters
    assert counters.bytes == len(log(300))
    assert [problem.reason for problem in counters.problems] == [
        "bytes that are not packed follow its packed text: they were not read"
    ]
    path.write_bytes(pack(log(300)) + pack(log(5))[:-9])
    (problem,) = logscan.report(path).counters.problems
    assert problem.reason.startswith("damaged after byte")
