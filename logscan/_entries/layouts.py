"""The table of the line's layouts: keys, levels, openers, samples.

Everything else that reads or writes a header (the parser, Arrow columns, the store, the index) is made from
these facts. Facts: docs/log-format.md.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

KEYS = {"org": "org:", "env": "env:", "proxy": "api:", "revision": "rev:", "message_id": "messageid:"}
"""Fields of the context, in the order in which they are printed, and the key before each value."""
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
NEVER_OPENS = ("at ", "Caused by", "...", "Suppressed", "java.", "javax.", "com.")
"""How lines begin, beside blanks, that never open an entry: most of a stack trace."""
ID_IN_TEXT = "Message id:"
"""Stands before the message id at the beginning of the text of a northbound line."""
TIME_SHAPE = "dddd-dd-dd dd:dd:dd"
"""The beginning of a time, ``d`` for a digit."""

LEVEL = f"(?:{'|'.join(LEVELS)})"
TIME = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
ZONE = r"(?:Z|[A-Z]{3,5}|[+-]\d\d:?\d\d)"
KNOWN_ZONE = (
    r"(?:Z|UTC|GMT|[ECMP][SD]T|[CEW]ES?T|BST|MSK|IST|SGT|HKT|[JK]ST|A[CEW][SD]T|NZ[SD]T|[+-]\d\d:?\d\d)"
)
KEY = f"(?:{'|'.join(KEYS.values())})"
INDENT = r"[ \t]{1,8}+"
ANY = r"[^\n]"
NO_TIME = r"(?:(?!\d{4}-\d\d-\d\d[ T])[^\n])"
_TAIL = rf"{ANY}{{0,300}}?[ \t]{LEVEL}[ \t]++\S++[ \t]++-(?=\s|\Z)"
"""Thread, level, logger and dash on one line."""

STRICT = rf"""
    {TIME} (?:\ ?{ZONE}(?=\s))?
    (?: [ \t]++{KEY}                                             # context follows
      | (?=[ \t]){_TAIL}                                          # or the whole header does
      | [ \t]++\S++[ \t]++{LEVEL}(?:[ \t]++\S++)?[ \t]*+(?=\r?\n|\Z)  # or it was wrapped early
    )
"""

_OPENER = rf"""
    (?: {STRICT}
      | org:\S*+[ \t]++(?!org:){KEY}                             # printed without its time
      | org:\S*+{_TAIL}
      | {INDENT}org:\S*+[ \t]++(?!org:){KEY}{_TAIL}              # so a document sets it in
      | (?=\d)[^\n]{{0,40}}?\d:\d\d\S*+{_TAIL}                    # a time that nobody can read
      | \S[^\n]{{0,40}}?[ \t]org:\S*+[ \t]++env:\S*+{_TAIL}
    )
"""

_BELOW = rf"(?:\s(?![ \t]{{0,7}}+org:)|{'|'.join(map(re.escape, NEVER_OPENS))})"


GROUPS = (
    "second", "fraction", "zone", "context", "message_id", "thread", "level", "logger", "method",
)  # fmt: skip
"""The groups of a learned header, in their order: the time up to its second, the digits of its fraction, the
printed zone, the keys before the message id as they stand, and the fields of an entry."""


class Blanks(NamedTuple):
    """What separates two parts of a header."""

    least: int = 1
    most: int = 1
    tabs: bool = False


class Key(NamedTuple):
    """A key of the context, as the headers of one file have it."""

    name: str
    """Field of the entry."""
    always: bool
    """Whether every header has it."""
    empty: bool
    """Whether its value may be empty."""


class Form(NamedTuple):
    """How the headers of one file look: what of the grammar it uses."""

    prefixes: tuple[str, ...]
    """What stands before the time, as expressions; none: the line begins with the time."""
    stamps: tuple[str, ...]
    """Shapes of the time, ``d`` for a digit: ``dddd-dd-dd dd:dd:dd,ddd``."""
    zone: bool | None
    """Whether a zone is printed: ``None`` for some headers."""
    keys: tuple[Key, ...]
    after_time: Blanks
    """After the time, or the zone."""
    after_key: Blanks
    """After the value of a key."""
    before_level: Blanks
    after_level: Blanks
    before_dash: Blanks
    thread_blanks: bool
    """Whether blanks stand in the names of threads."""
    thread_colons: bool


class Layout(NamedTuple):
    """One way in which entries stand in a file."""

    name: str
    opener: re.Pattern[bytes]
    """Matches at the start of a line that opens an entry; used as ``opener.match(buffer, at)``."""
    candidates: re.Pattern[bytes]
    """Finds the line breaks after which an entry may open; skips frames and causes quickly."""
    samples: tuple[bytes, ...]
    """Lines that it must open at, from the evidence."""
    form: Form | None = None
    """How the headers of one file look, where that was learned (:mod:`logscan._entries.learned`)."""
    header: re.Pattern[bytes] | None = None
    """Matches such a header, from the prefix to the place where the text begins: the groups :data:`GROUPS`.
    What it matches the grammar reads alike; what it does not match goes through the grammar."""


PLAIN = Layout(
    "plain",
    re.compile(rf"\0*+(?!{_BELOW}){_OPENER}".encode(), re.VERBOSE),
    re.compile(rf"\n(?!{_BELOW})".encode(), re.VERBOSE),
    (
        b"2017-10-23 05:28:57,813 org:org-name env:env-name api:apiproxy-name rev:revision-number"
        b" messageid:message_id NIOThread@0 ERROR HTTP.CLIENT - text",
        b"2017-10-23 05:28:57,813 org:org-name env:env-name api:apiproxy-name",
        b"2017-10-10 05:02:42,330 Apigee-Main-5 ERROR MESSAGING.CONFIGURATION - x",
        b"2017-11-23 09:11:04,498  Apigee-Main-6 ERROR MESSAGING.RUNTIME - x",
        b"2017-12-27 07:44:46.000 UTC org:o env:e qtp2007599722-712162 ERROR DISTRIBUTION - x",
        b"2018-01-30 08:28:09,721 org:mynonprod env:uat  qtp2007599722-712162 ERROR REST - x",
        b"2026-11-25 00:49:52 org:o env:e api:a rev:1 messageid:rrt-1584-1 main ERROR H - x",
        b"org:xxx env:xxx api:xxx rev:x messageid:<MESSAGE_ID> NIOThread@1 ERROR HTTP.CLIENT -",
        b"2026-11-25 00:49:52,001 RMI TCP Connection(2)-10.0.0.1 INFO c.a.p.h.d.DNSCachedAddress - x",
    ),
)

PREFIXED = Layout(
    "prefixed",
    re.compile(rf"\0*+[^\n]{{0,200}}?(?<!\w){STRICT}".encode(), re.VERBOSE),
    re.compile(rb"\n"),
    (
        b"Nov 23 05:28:57 mp01 apigee[77]: 2017-10-23 05:28:57,813 org:o env:e api:a main INFO L - x",
        b"logs/system.log:12:2017-10-10 05:02:42,330 Apigee-Main-5 ERROR MESSAGING - x",
        b"<13>1 2026-11-25T00:00:00Z mp01 apigee - - 2017-10-10 05:02:42,330 main ERROR MESSAGING - x",
    ),
)

LAYOUTS = (PLAIN, PREFIXED)


def moment(stamp: str) -> datetime:
    """The time that :data:`TIME` stands for.

    Raises:
        ValueError: there is no such time. Hour 24 is none, though Python 3.14 reads it as the next day.
    """
    if stamp[11:13] == "24":
        raise ValueError(stamp)
    return datetime.fromisoformat(stamp)


def layout_named(name: str) -> Layout:
    """The layout of a name."""
    return next(layout for layout in LAYOUTS if layout.name == name)


_BEGINS = re.compile(rf"\0*+{STRICT}".encode(), re.VERBOSE)


def begins_entry(buffer: bytes | bytearray, start: int, end: int) -> bool:
    """Whether an entry certainly begins there: by its time. Stricter than an opener, for the place
    where a file was cut: half a header must not pass for a whole one."""
    return _BEGINS.match(buffer, start, end) is not None
