"""Cut anywhere, same result: the engine against the slow reference, on random logs."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._distribute import run_units
from logscan._failures.handshakes import DEFAULT_RULE, Rule
from logscan._jobs.report import report_selected
from logscan._jobs.search import find
from logscan._scanning import needles as finders
from logscan._scanning import units
from logscan._scanning.plan import Limits
from logscan.values import Counters, FailedHandshake
from support.command import zstd_compress
from support.layouts import LAYOUTS, PREFIXED, printed
from support.logs import ALL, CHANNEL, HEAD, INFO, REASONS, THROWN, logs, shared_out, storms
from support.reference import entries_of, failures_of, split_entries

PACK: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gz": lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
    "zst": lambda data: zstd_compress(data),
    "bz2": bz2.compress,
    "xz": lzma.compress,
}  # fmt: skip


def engine(
    paths: list[str], limits: Limits, rule: Rule = DEFAULT_RULE
) -> tuple[list[FailedHandshake], Counters]:
    done = report_selected(paths, ALL, limits=limits, rule=rule, each=True)
    return done.failures, done.counters


def comparable(failures: list[FailedHandshake]) -> list[Any]:
    """Without what names the files."""
    return sorted(
        (f._replace(host="", place=f.place._replace(path="", offset=0)) for f in failures), key=repr
    )


@given(
    data=st.one_of(logs(), storms()),
    layout=st.sampled_from(["single", *LAYOUTS]),
    block=st.integers(1, 3000),
    cuts=st.lists(st.floats(0, 1), max_size=3),
    packs=st.lists(st.sampled_from(sorted(PACK)), min_size=4, max_size=4),
    share=st.sampled_from([(1, 0), (2, 40), (2, 333), (3, 1000), (2, 1 << 20)]),
    rule=st.sampled_from([Rule(), Rule(50_000), Rule(5_000_000), Rule(size=700), Rule(3_700_000_000, 3000)]),
)
def test_the_engine_equals_the_reference(
    tmp_path_factory: pytest.TempPathFactory,
    data: bytes,
    layout: str,
    block: int,
    cuts: list[float],
    packs: list[str],
    share: tuple[int, int],
    rule: Rule,
) -> None:
    """Any layout, block size, rotation, packing, and any number of workers over ranges of any size: the failures
    of a plain reading, line by line."""
    folder = tmp_path_factory.mktemp("family")
    data = printed(data, layout)
    # By half a header, or a single one, nobody can say whether something stands before the time.
    places = sorted({int(cut * len(data)) for cut in cuts}) if layout not in PREFIXED else []
    pieces = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    for age, piece in enumerate(reversed(pieces)):
        name = "system.log" if not age else f"system.log.{age}"
        (folder / name).write_bytes(PACK[packs[age]](piece))
    with shared_out(*share):
        found, counters = engine([str(folder)], Limits(block=block, workers=share[0]), rule)
    problems = [problem for problem in counters.problems if problem.fatal]
    assert not problems
    expected = failures_of(data, rule=rule)
    orphans = [failure for failure in found if failure.thread is None]
    assert comparable([f for f in found if f.thread is not None]) == comparable(expected)
    assert len(orphans) <= 1
    assert counters.orphan_lines == split_entries(data)[1]
    assert counters.bytes == len(data)


@given(data=logs(), block=st.integers(1, 3000), limit=st.integers(400, 1500))
def test_a_small_limit_cuts_the_same_everywhere(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, block: int, limit: int
) -> None:
    """An entry beyond the limit keeps its beginning, wherever the blocks end."""
    path = tmp_path_factory.mktemp("cut") / "a.log"
    path.write_bytes(data)
    whole, counted = engine([str(path)], Limits(block=1 << 20, max_entry=limit))
    found, counters = engine([str(path)], Limits(block=block, max_entry=limit))
    assert comparable(found) == comparable(whole)
    assert (counters.cut_entries, counters.cut_bytes) == (counted.cut_entries, counted.cut_bytes)
    assert counters.orphan_lines == counted.orphan_lines
    in_entries = [failure for failure in found if failure.thread is not None]
    assert comparable(in_entries) == comparable(failures_of(data, limit=limit))


@pytest.mark.parametrize("nuls", [0, 1, 7, 300, 2000, 5000])
@pytest.mark.parametrize("size", [390, 400, 401, 700, 4000])
def test_a_long_entry_after_a_hole(tmp_path: Path, nuls: int, size: int) -> None:
    """What a truncation left before an entry is no part of it, also where the entry is cut at the limit."""
    head = b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 messageid:m-%d t INFO L - "
    first, last = head % 1 + b"x\n", head % 3 + b"y\n"
    long = (head % 2).ljust(size - 1, b"z") + b"\n"
    path = tmp_path / "a.log"
    path.write_bytes(first + b"\0" * nuls + long + last)
    for block in (1, 60, 399, 500, 1000, 1 << 20):
        counters = Counters()
        (found,) = find(["m-2"], [str(path)], counters, limits=Limits(block=block, max_entry=400))
        span = found.span
        assert (span.data, span.place.offset) == (long[:400], len(first) + nuls), block
        assert (span.cut, counters.cut_bytes) == (max(0, size - 400),) * 2
        assert counters.nul_bytes == nuls


@given(
    data=logs(),
    block=st.integers(1, 3000),
    name=st.sampled_from(["m-0", "m-1", "m-3", "m-9", "m"]),
    share=st.sampled_from([(1, 0, 1 << 20), (2, 300, 1 << 20), (3, 2000, 1), (2, 700, 500)]),
)
def test_search_equals_a_plain_reading(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, block: int, name: str, share: tuple[int, int, int]
) -> None:
    """All entries of a message, byte for byte, in order; also by workers that give little at once."""
    path = tmp_path_factory.mktemp("search") / "a.log"
    path.write_bytes(data)
    with shared_out(*share[:2]), pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_units, "RESULT_BYTES", share[2])
        found = list(find([name], [str(path)], Counters(), limits=Limits(block=block)))
    assert [one.span.data for one in found] == entries_of(data, [name.encode()])
    for one in found:
        at = one.span.place.offset
        assert data[at : at + len(one.span.data)] == one.span.data


NEEDLE = st.binary(min_size=1, max_size=4).filter(lambda needle: b"\0" not in needle)


@given(
    data=st.binary(max_size=400),
    needles=st.lists(NEEDLE, min_size=1, max_size=30, unique=True),
    start=st.integers(0, 50),
)
def test_finders_agree(data: bytes, needles: list[bytes], start: int) -> None:
    """Compiled or in Python alone: the same places."""
    buffer = bytearray(data)
    start = min(start, len(buffer))
    plain = finders.PlainFinder(needles).find(buffer, start, len(buffer))
    compiled = finders.HyperscanFinder(needles).find(buffer, start, len(buffer))
    expected = sorted(
        {
            at + len(needle)
            for needle in needles
            for at in range(start, len(data))
            if data.startswith(needle, at)
        }
    )
    assert sorted(set(plain)) == expected
    assert sorted(set(compiled)) == expected
    assert compiled == sorted(compiled)
    first = finders.AhoCorasickFinder(needles).find(buffer, start, len(buffer))
    assert first == sorted(first)
    assert set(first) <= set(expected)
    lines = {data.count(b"\n", 0, to - 1) for to in expected}
    if not any(b"\n" in needle for needle in needles):
        assert {data.count(b"\n", 0, to - 1) for to in first} == lines


@pytest.mark.parametrize(
    "front",
    ["", "logs/system.log:7:", "Nov 23 05:28:57 mp01 apigee[77]: ", "<13>1 2026-11-25T00:00:00Z mp01 a - - "],
)
def test_search_behind_a_prefix(tmp_path: Path, front: str) -> None:
    """Whatever a shipper put in front, dashes too, the header's id decides."""
    path = tmp_path / "a.log"
    path.write_text(front + HEAD.format(s=1, ms=1, a=1, m=1, t=0) + "INFO L - A.b() : messageid:m-2\n")
    assert len(list(find(["m-1"], [str(path)], Counters()))) == 1
    counters = Counters()
    assert list(find(["m-2"], [str(path)], counters)) == []
    assert counters.mentions == 1


@pytest.mark.parametrize(
    "missing", [("AhoCorasickFinder",), ("HyperscanFinder",), ("AhoCorasickFinder", "HyperscanFinder")]
)
def test_the_engine_without_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    """Where a wheel is missing, the other means find the same, in the end Python alone."""
    path = tmp_path / "a.log"
    data = b"".join(
        (HEAD + CHANNEL + HEAD + INFO + HEAD + THROWN)
        .format(s=1, ms=m, a=1, m=m, t=0, c=m, reason=r)
        .encode()
        for m in range(40)
        for r in REASONS
    )
    path.write_bytes(data)
    compiled = engine([str(path)], Limits())[0]

    class Missing:
        def __init__(self, _needles: object) -> None:
            raise ImportError

    for name in missing:
        monkeypatch.setattr(finders, name, Missing)
    monkeypatch.setattr(finders, "_literals", finders._literals.__wrapped__)  # none that was made before
    assert engine([str(path)], Limits())[0] == compiled
    ids = [f"m-{number}" for number in range(30)]
    assert len(list(find(ids, [str(path)], Counters()))) == 30 * 3 * len(REASONS)


@pytest.mark.parametrize("fault", ["missing", "cut", "directory"])
def test_workers_and_a_fault_in_the_middle(tmp_path: Path, fault: str) -> None:
    """A missing or damaged file between two others: the same as with one worker."""
    entries = [
        (HEAD + rest).format(s=n % 10, ms=n, a=1, m=n, t=0, c=n, reason=REASONS[0]).encode()
        for n in range(30)
        for rest in (CHANNEL, INFO, THROWN)
    ]
    thirds = [
        b"".join(entries[:31]),
        b"".join(entries[31:62]),
        b"\tat lost.X(Y.java:1)\n" + b"".join(entries[62:]),
    ]
    paths = []
    for age, data in zip((2, 1, 0), thirds, strict=True):
        path = tmp_path / (f"system.log.{age}" if age else "system.log")
        path.write_bytes(gzip.compress(data))
        paths.append(path)
    if fault == "cut":
        paths[1].write_bytes(paths[1].read_bytes()[:-30])
    else:
        paths[1].unlink()
        if fault == "directory":
            paths[1].mkdir()
    names = [str(path) for path in paths]
    alone, counted = engine(names, Limits(workers=1))
    for count in (2, 3):
        with shared_out(count, 100):
            found, counters = engine(names, Limits(workers=count))
        assert found == alone
        assert counters == counted


def test_a_worker_that_fails_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen error in a task reaches the caller."""
    (tmp_path / "a.log").write_bytes(HEAD.format(s=1, ms=1, a=1, m=1, t=0).encode() + INFO.encode() * 50)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(units, "BlockReader", broken)
    with shared_out(2, 100), pytest.raises(RuntimeError, match="boom"):
        engine([str(tmp_path)], Limits(workers=2))
