"""Parts of headers that stand again and again: the grammar reads each once, and it is remembered.

A header is cut at its blanks into a context, a thread, and a severity (level, logger, dash). Few different
ones stand in a log, whatever its layout: padding, zone, missing or empty keys are in them. Each is put into
a sample line and read by the grammar. What the grammar does not read as one such part is no part, and its
entries go through the grammar as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from logscan._entries.layouts import KEY, KEYS, KNOWN_ZONE, LEVEL
from logscan._entries.parse import parse
from logscan.values import Counters, Entry, Place, Span

Part = TypeVar("Part")

MOST_REMEMBERED = 1 << 15
"""Different parts of one kind that are remembered."""
_ID_KEY = KEYS["message_id"]
_STAMP = "2026-11-25 00:49:52,813"
_FIELDS = {key: name for name, key in KEYS.items()}
_PLAIN_TEXT = re.compile(r"[ -~\t]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CALL = re.compile(r"[\w$<>]++(?:\.[\w$<>]++)++")
_KEY_WITHIN = re.compile(rf"(?<=[ \t]){KEY}")
_NO_THREAD = re.compile(rf"{KEY}|-|[ \t]")
_LEVEL_WITHIN = re.compile(rf"(?<![!-~]){LEVEL}(?![!-~])")
_ZONED = re.compile(rf"({KNOWN_ZONE})([ \t]++)(?=\S)")
_ZONE_ALONE = re.compile(KNOWN_ZONE)
_ORG_AND_ENV = re.compile(rf"[ \t]{KEYS['org']}\S*+[ \t]++{KEYS['env']}")
_SEVERITY = re.compile(rf"([ \t]++){LEVEL}([ \t]++)[!-~]++([ \t]++)- ")


class Context(NamedTuple):
    """What stands between the time and the value of the message id, or the blanks before the thread."""

    zone: str | None
    org: str | None
    env: str | None
    proxy: str | None
    revision: str | None
    shape: str | None = None
    """The text with ``{org}`` in place of a value, and so on; ``None`` where that does not give it back."""
    org_at: int | None = None
    """Where a blank, org and env begin in it."""


class Thread(NamedTuple):
    """The words between context and level."""

    name: str | None
    zone: str | None = None
    """A zone that stands before the name, where there is no context."""
    shape: str = "{thread}"


class Severity(NamedTuple):
    """From the end of the thread to the dash and its blank."""

    level: str | None
    logger: str | None
    shape: str | None = None


class Call(NamedTuple):
    """``Class.method`` before ``() :``."""

    class_name: str | None
    method: str | None


NO_CONTEXT, NO_THREAD, NO_SEVERITY, NO_CALL = (
    Context(*(None,) * 5),
    Thread(None),
    Severity(None, None),
    Call(None, None),
)
"""What is no such part."""


class Remembered(Generic[Part]):
    """Reads texts, each once.

    Args:
        read: text → what it says; ``None`` where it is no such part.
        unknown: stands for ``None``.
    """

    def __init__(self, read: Callable[[str], Part | None], unknown: Part) -> None:
        self._read, self._unknown = read, unknown
        self._known: dict[str, Part] = {}

    def __call__(self, texts: Sequence[str]) -> list[Part]:
        """What each text says."""
        if len(self._known) > MOST_REMEMBERED:
            self._known = {}
        known, read = self._known, self._read
        parts = []
        for text in texts:
            part = known.get(text)
            if part is None:
                try:
                    part = read(text)
                except Exception:  # the grammar reads the entries with it, each in a net  # noqa: BLE001
                    part = None
                part = known[text] = self._unknown if part is None else part
            parts.append(part)
        return parts


def _context(text: str) -> Context | None:
    has_id = text.endswith(_ID_KEY)
    entry = _sample(f"{_STAMP}{text}{'m' if has_id else ''} t INFO L - x", text)
    if entry is None or entry.message_id != ("m" if has_id else None) or text[:1].isdigit():
        return None  # digits would belong to the time
    zone = entry.zone
    before = re.match(rf"[ \t]?{re.escape(zone)}", text) if zone else None
    shape = (
        text if before is None else text[: before.end() - len(zone or "")] + "{zone}" + text[before.end() :]
    )
    shape = re.sub(rf"({KEY})([!-~]+)", lambda part: f"{part[1]}{{{_FIELDS[part[1]]}}}", shape)
    fields = {
        "zone": zone,
        "org": entry.org,
        "env": entry.env,
        "proxy": entry.proxy,
        "revision": entry.revision,
    }
    exact = re.sub(r"\{(\w+)\}", lambda field: fields.get(field[1]) or "", shape) == text and "{" not in text
    org = _ORG_AND_ENV.search(text)
    return Context(
        zone, entry.org, entry.env, entry.proxy, entry.revision, shape if exact else None,
        org.start() if org else None,
    )  # fmt: skip


def _thread(text: str) -> Thread | None:
    return Thread(text) if _is_thread(text) else None


def _bare_thread(text: str) -> Thread | None:
    """A thread right after the time: its first word may be a zone."""
    zoned = _ZONED.match(text)
    if zoned is None:
        return None if _ZONE_ALONE.fullmatch(text) else _thread(text)
    name = text[zoned.end() :]
    return Thread(name, zoned[1], f"{{zone}}{zoned[2]}{{thread}}") if _is_thread(name) else None


def _is_thread(text: str) -> bool:
    """Whether the grammar certainly takes these words, between blanks, for a thread."""
    return (
        0 < len(text) <= 200
        and _KEY_WITHIN.search(text) is None
        and _PLAIN_TEXT.fullmatch(text) is not None
        and _NO_THREAD.match(text) is None
        and _LEVEL_WITHIN.search(text) is None
        and _DATE.search(text) is None
    )


def _severity(text: str) -> Severity | None:
    shape = _SEVERITY.fullmatch(text)
    entry = _sample(f"{_STAMP} org:o t{text}x", text)
    if entry is None or shape is None or _DATE.search(text):
        return None
    return Severity(
        str(entry.level), str(entry.logger), f"{shape[1]}{{level}}{shape[2]}{{logger}}{shape[3]}- "
    )


def _call(text: str) -> Call | None:
    if _CALL.fullmatch(text) is None:
        return None
    class_name, _, method = text.rpartition(".")
    return Call(class_name, method)


def _prefix(text: str) -> bool | None:
    """Whether the grammar takes this for what stands before the time."""
    entry = _sample(f"{text}{_STAMP} t INFO L - x", text)
    return True if entry is not None and entry.zone is None and entry.org is None else None


def _sample(line: str, part: str) -> Entry | None:
    """A sample line as the grammar reads it, if all but the part is read as it must be."""
    if _PLAIN_TEXT.fullmatch(part) is None:
        return None
    entry = parse(Span(line.encode(), Place("", 0)), Counters())
    if entry.time is None or f"{entry.time:%Y-%m-%d %H:%M:%S},{entry.time:%f}"[:23] != _STAMP:
        return None
    return entry if (entry.thread, entry.body, entry.method) == ("t", "x", None) else None


contexts = Remembered(_context, NO_CONTEXT)
threads = Remembered(_thread, NO_THREAD)
bare_threads = Remembered(_bare_thread, NO_THREAD)
severities = Remembered(_severity, NO_SEVERITY)
calls = Remembered(_call, NO_CALL)
prefixes = Remembered(_prefix, unknown=False)
"""By text without digits other than ``0``; ``True``: it is one."""
