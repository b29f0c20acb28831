r"""What every text renderer shares: safe text, times, sizes, and the words under a report.

A log line is written by others. Control characters, terminal sequences and marks that turn the reading
direction are shown as ``\xNN`` or ``\uNNNN``, so that a line can never move a cursor, colour a terminal
or look like another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from logscan.values import Counters

_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_UNSAFE_IN_LINES = re.compile(_UNSAFE.pattern.replace("\x0a-", "\x0b-"))


def safe(text: str) -> str:
    """One line that no terminal or reader can be misled by."""
    return _UNSAFE.sub(_visible, text)


def safe_lines(text: str) -> str:
    """The same for several lines: line breaks stay."""
    return _UNSAFE_IN_LINES.sub(_visible, text)


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def show_time(time: datetime | None, milliseconds: bool = False) -> str:
    """A wall time as the log prints it, to the second or the millisecond."""
    if time is None:
        return "-"
    text = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text},{time.microsecond // 1000:03d}" if milliseconds else text


def show_bytes(count: int) -> str:
    """A size for people."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 message``, ``2 messages``, with thousands marked."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def show_mapping(counts: Mapping[str, int]) -> str:
    """``12 handshake_failure, 3 unknown_ca``, most first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {safe(name)}" for name, number in ranked)


def warnings(counters: Counters) -> list[str]:
    """What a reader must know about the run: each limit that took effect, each thing not understood."""
    told: list[str] = []
    if counters.untimed:
        told.append(
            f"{counted(counters.untimed, 'failure')} without a readable time left out of the time range"
        )
    if counters.bad_times:
        told.append(f"{counted(counters.bad_times, 'entry', 'entries')} with a time that cannot be read")
    if counters.future_times:
        told.append(
            f"{counted(counters.future_times, 'failure')} later than this machine's clock: "
            "is a clock wrong, or is --tz missing?"
        )
    if counters.unparsed_entries:
        told.append(f"{counted(counters.unparsed_entries, 'entry', 'entries')} whose header cannot be read")
    if counters.evicted_messages:
        told.append(
            f"{counted(counters.evicted_messages, 'message')} let go early: more were open at once than "
            "--window allows, so a failure may be counted in two parts"
        )
    if counters.cut_entries:
        told.append(
            f"{counted(counters.cut_entries, 'entry', 'entries')} longer than --max-entry-bytes: "
            f"{show_bytes(counters.cut_bytes)} of them not looked at"
        )
    return told


def statistics(counters: Counters, seconds: float) -> list[tuple[str, str]]:
    """Every counter by name, for ``--stats``; lines where they were counted."""
    rate = counters.bytes / seconds if seconds else 0.0
    numbers = [
        ("files read", counters.files),
        ("bytes scanned", counters.bytes),
        ("files skipped by time", counters.skipped_files),
        ("bytes skipped by time", counters.skipped_bytes),
        ("bytes passed over by the index", counters.indexed_bytes),
        ("files that are copies", counters.copies),
        ("lines", counters.lines),
        ("entries examined", counters.candidates),
        ("failed handshakes", counters.failures),
        ("messages with a failure", counters.messages),
        ("lines that belong to no entry", counters.orphan_lines),
        ("entries whose header cannot be read", counters.unparsed_entries),
        ("entries with an unreadable time", counters.bad_times),
        ("failures in the future", counters.future_times),
        ("failures without a time, left out", counters.untimed),
        ("messages evicted from the window", counters.evicted_messages),
        ("entries cut at --max-entry-bytes", counters.cut_entries),
        ("bytes cut off them", counters.cut_bytes),
        ("NUL bytes skipped", counters.nul_bytes),
        ("inputs with a problem", len(counters.problems)),
    ]
    uncounted = {"lines"} if not counters.lines else set()
    rows = [(name, f"{number:,}") for name, number in numbers if name not in uncounted]
    return [*rows, ("seconds", f"{seconds:.2f}"), ("speed", f"{show_bytes(int(rate))}/s")]
