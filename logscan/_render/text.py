"""What all text renderers share: times, sizes, warnings and statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from logscan.shown import safe
from logscan.values import Counters, Problem

FIRST_RUN = "First run: nothing to compare with."
"""Said of ``--compare previous`` where there is no earlier run."""


def show_time(time: datetime | None, milliseconds: bool = False) -> str:
    """A wall time as the log writes it, to the second or the millisecond."""
    if time is None:
        return "-"
    text = time.isoformat(" ", "seconds")  # strftime writes the year 1 as "1"
    return f"{text},{time.microsecond // 1000:03d}" if milliseconds else text


def show_bytes(count: int) -> str:
    """A size in the largest unit that fits: ``1.5 MiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 message``, ``2 messages``, with a comma after thousands."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def show_mapping(counts: Mapping[str, int]) -> str:
    """``12 handshake_failure, 3 unknown_ca``, the highest number first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {safe(name)}" for name, number in ranked)


def copies_line(problems: Sequence[Problem]) -> str:
    """The files among some problems that are copies of others, in one line; empty if there are none."""
    copies = [problem for problem in problems if problem.is_copy]
    if len(copies) > 1:
        return f"{len(copies):,} files are copies of others: counted once"
    return f"{copies[0].path}: {copies[0].reason}" if copies else ""


def warnings(counters: Counters) -> list[str]:
    """What a reader must know about the run: each limit that took effect, each thing not understood."""
    lines: list[str] = []
    if counters.untimed:
        lines.append(
            f"{counted(counters.untimed, 'failure')} without a readable time left out of the time range"
        )
    if counters.bad_times:
        lines.append(f"{counted(counters.bad_times, 'entry', 'entries')} with a time that cannot be read")
    if counters.future_times:
        lines.append(
            f"{counted(counters.future_times, 'failure')} later than this machine's clock:"
            " is a clock wrong, or is --tz missing?"
        )
    if counters.unparsed_entries:
        lines.append(f"{counted(counters.unparsed_entries, 'entry', 'entries')} whose header cannot be read")
    if counters.not_understood:
        lines.append(
            f"{counted(counters.not_understood, 'entry', 'entries')} or pieces of evidence not understood,"
            " and not counted: please report it"
        )
    if counters.incidents_together:
        lines.append(
            f"{counted(counters.incidents_together, 'incident')} with few failures each counted together, as"
            " the last one (--max-incidents lists more)"
        )
    if counters.early_failures:
        lines.append(
            f"{counted(counters.early_failures, 'failure')} counted before their lines were complete, because"
            " more of one message were open: a failure may be counted twice"
        )
    if counters.cut_entries:
        lines.append(
            f"{counted(counters.cut_entries, 'entry', 'entries')} longer than --max-entry-bytes:"
            f" {show_bytes(counters.cut_bytes)} of them skipped"
        )
    return lines


def statistics(counters: Counters, seconds: float) -> list[tuple[str, str]]:
    """Every counter by name, for ``--stats``; lines only if they were counted."""
    rate = counters.bytes / seconds if seconds else 0.0
    numbers = [
        ("files read", counters.files),
        ("bytes scanned", counters.bytes),
        ("files skipped by time", counters.skipped_files),
        ("bytes skipped by time", counters.skipped_bytes),
        ("bytes skipped by the index", counters.indexed_bytes),
        ("files that are copies", counters.copies),
        ("lines", counters.lines),
        ("entries examined", counters.candidates),
        ("failed handshakes", counters.failures),
        ("messages with a failure", counters.messages),
        ("incidents counted together", counters.incidents_together),
        ("lines that belong to no entry", counters.orphan_lines),
        ("entries whose header cannot be read", counters.unparsed_entries),
        ("entries with an unreadable time", counters.bad_times),
        ("entries, pieces of evidence not understood", counters.not_understood),
        ("failures in the future", counters.future_times),
        ("failures without a time, left out", counters.untimed),
        ("failures counted before complete", counters.early_failures),
        ("entries left out by other conditions", counters.left_out),
        ("entries cut at --max-entry-bytes", counters.cut_entries),
        ("bytes cut off them", counters.cut_bytes),
        ("NUL bytes skipped", counters.nul_bytes),
        ("inputs with a problem", len(counters.problems)),
    ]
    unless = {"lines": counters.lines, "entries left out by other conditions": counters.left_out}
    uncounted = {name for name, number in unless.items() if not number}
    rows = [(name, f"{number:,}") for name, number in numbers if name not in uncounted]
    return [*rows, ("seconds", f"{seconds:.2f}"), ("speed", f"{show_bytes(int(rate))}/s")]
