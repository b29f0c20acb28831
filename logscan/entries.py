r"""The Message Processor's line grammar: which line opens an entry, and what an entry's header says.

One entry is an *opener* line and all lines up to the next opener (stack trace, causes, blank lines, the
rest of a several-line message). Two layouts are known, each with sample lines that a test runs:

=========  ==========================================================================================
plain      ``time org:… env:… api:… rev:… messageid:… thread LEVEL logger - Class.method() : text``;
           every context field may be absent, and the time where the line begins with ``org:``
prefixed   the same behind up to 200 characters that something put in front: ``grep -rn``'s
           ``file:12:``, a syslog or shipper header
=========  ==========================================================================================

Both are read as they are and as a document or mail wrapped them at blanks: blanks of the header match a
line break as well. The opener is a test on bytes, cheap enough for the hot path; the header is an
expression on text, run only on entries that matter. Facts: docs/log-format.md.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from logscan.models import Counters, Entry, Span

_LEVEL = "(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)"
_TIME = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_ZONE = r"(?:Z|[A-Z]{3,5}|[+-]\d\d:?\d\d)"
_KNOWN_ZONE = (
    r"(?:Z|UTC|GMT|[ECMP][SD]T|[CEW]ES?T|BST|MSK|IST|SGT|HKT|[JK]ST|A[CEW][SD]T|NZ[SD]T|[+-]\d\d:?\d\d)"
)
_KEY = "(?:org|env|api|rev|messageid):"
_ANY = r"[^\n]"
_NO_TIME = r"(?:(?!\d{4}-\d\d-\d\d[ T])[^\n])"
_TAIL = rf"{_ANY}{{0,300}}?[ \t]{_LEVEL}[ \t]+\S+[ \t]+-(?=\s|\Z)"
"""Thread, level, logger and dash on one line."""

_STRICT = rf"""
    {_TIME} (?:\ ?{_ZONE}(?=\s))?
    (?: [ \t]+{_KEY}                                              # context follows
      | (?=[ \t]){_TAIL}                                          # or the whole header does
      | [ \t]+\S+[ \t]+{_LEVEL}(?:[ \t]+\S+)?[ \t]*(?=\r?\n|\Z)   # or it was wrapped early
    )
"""
_OPENER = rf"""
    (?: {_STRICT}
      | org:\S*[ \t]+(?:env|api|rev|messageid):                   # printed without its time
      | org:\S*{_TAIL}
      | (?=\d)[^\n]{{0,40}}?\d:\d\d\S*{_TAIL}                     # a time that nobody can read
      | \S[^\n]{{0,40}}?[ \t]org:\S*[ \t]+env:\S*{_TAIL}
    )
"""


_BELOW = r"(?:\s|at\ |Caused\ by|\.\.\.|Suppressed|javax?\.|com\.)"
"""How lines begin that never open an entry: most of a stack trace."""


class Layout(NamedTuple):
    """One way in which entries stand in a file."""

    name: str
    opener: re.Pattern[bytes]
    """Matches at the start of a line that opens an entry; used as ``opener.match(buffer, at)``."""
    candidates: re.Pattern[bytes]
    """Finds the line breaks behind which an entry may open: passes over frames and causes quickly."""
    samples: tuple[bytes, ...]
    """Lines that it must open at, from the evidence."""


PLAIN = Layout(
    "plain",
    re.compile(rf"\0*(?!{_BELOW}){_OPENER}".encode(), re.VERBOSE),
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
    re.compile(rf"\0*[^\n]{{0,200}}?(?<!\w){_STRICT}".encode(), re.VERBOSE),
    re.compile(rb"\n"),
    (
        b"Nov 23 05:28:57 mp01 apigee[77]: 2017-10-23 05:28:57,813 org:o env:e api:a main INFO L - x",
        b"logs/system.log:12:2017-10-10 05:02:42,330 Apigee-Main-5 ERROR MESSAGING - x",
        b"<13>1 2026-11-25T00:00:00Z mp01 apigee - - 2017-10-10 05:02:42,330 main ERROR MESSAGING - x",
    ),
)
LAYOUTS = (PLAIN, PREFIXED)


def layout_named(name: str) -> Layout:
    """The layout of a name."""
    return next(layout for layout in LAYOUTS if layout.name == name)


_USUAL = re.compile(
    rf"""
    ({_TIME})\ {{1,2}}
    (?:org:([!-~]+)\ )?(?:env:([!-~]+)\ )?(?:api:([!-~]+)\ )?(?:rev:([!-~]+)\ )?(?:messageid:([!-~]+)\ )?\ ?
    ([!-9;-~]+)\ ({_LEVEL})\ ([!-~]+)\ -\ (?=\S)
    (?:([A-Za-z0-9_$<>]+(?:\.[A-Za-z0-9_$<>]+)+)\(\)\ :\ (?=\S)|(?![\w$<>.]+\(\)(?:\s|\Z)))
    """,
    re.VERBOSE,
)
"""What Message Processors write, on one line: a fast way for most entries. It accepts no more than
:data:`_HEADER` does and gives the same fields (a test holds them together)."""
_HEADER = re.compile(
    rf"""
    [\0\ufeff]*
    (?: (?P<time>{_TIME}) (?:\s?(?P<zone>{_ZONE}(?=\s+{_KEY})|{_KNOWN_ZONE}(?=\s)))? \s+
      | (?P<odd>(?!org:)\S[^\n]{{0,60}}?)\s+(?=org:)
      | (?P<odder>\d[^\n]{{0,40}}?\d:\d\d\S*)\s+
    )?
    (?P<context>(?:{_KEY}\S*\s+)*)
    (?P<thread>\S+|{_NO_TIME}{{1,300}}?)\s+
    (?P<level>{_LEVEL})\s+
    (?P<logger>\S+)\s+-(?:\s+|\Z)
    (?:(?P<method>[\w$<>]+(?:\.[\w$<>]+)+)\(\)\s+:\s*)?
    """,
    re.VERBOSE,
)
_CONTEXT = re.compile(r"(org|env|api|rev|messageid):(\S*)")
_IN_TEXT = re.compile(r"Message id:\s?(\S+)")
_OWN = _STRICT.replace(_ANY, _NO_TIME)  # a time in front may be a shipper's: the last one counts
_PREFIX = re.compile(rf"[^\n]{{1,200}}?(?<!\w)(?={_OWN})", re.VERBOSE)
_STARTS = re.compile(rf"[\0\ufeff]*(?:org:|{_OWN})", re.VERBOSE)
_PROSE_ENDS = re.compile(
    r"\s*(?:at\s|Caused by:|Suppressed:|Wrapped by:|\.\.\.|(?:[\w$]+\.)+[\w$]*(?:Exception|Error)\b|\Z)"
)


def layout_of(head: bytes | bytearray | memoryview) -> Layout:
    """The layout of a stream, judged by its first bytes; plain where nothing speaks for another."""
    text = bytes(head)
    for layout in LAYOUTS:
        position = 0
        while position < len(text):
            if layout.opener.match(text, position):
                return layout
            position = text.find(b"\n", position) + 1
            if not position:
                break
    return PLAIN


_BEGINS = re.compile(rf"\0*{_STRICT}".encode(), re.VERBOSE)


def begins_entry(buffer: bytes | bytearray, start: int, end: int) -> bool:
    """Whether an entry certainly begins there: by its time. Stricter than an opener, for the place
    where a file was cut: half a header must not pass for a whole one."""
    return _BEGINS.match(buffer, start, end) is not None


def parse(span: Span, counters: Counters) -> Entry:
    """Understand one span.

    What cannot be understood is kept: a header that does not parse gives an entry with ``None`` for its
    fields and the whole text as its body, and is counted; so is a time that does not exist.
    """
    text = decode(span.data)
    if span.orphan:
        return _unparsed(text, span)
    usual = _USUAL.match(text)
    if usual is not None:
        stamp, org, env, proxy, revision, message_id, thread, level, logger, method = usual.groups()
        body = text[usual.end() :]
        zone = odd = None
    else:
        if not _STARTS.match(text):
            text = _without_prefix(text)
        found = _HEADER.match(text)
        if found is None:
            counters.unparsed_entries += 1
            return _unparsed(text, span)
        stamp, zone, thread, level, logger, method = found.group(
            "time", "zone", "thread", "level", "logger", "method"
        )
        odd = found["odd"] or found["odder"]
        context = {key: value or None for key, value in _CONTEXT.findall(found["context"])}
        org, env, proxy = context.get("org"), context.get("env"), context.get("api")
        revision, message_id = context.get("rev"), context.get("messageid")
        body = text[found.end() :]
        if "\n" in found[0].rstrip():
            body = unwrapped(body)
    if message_id is None and body.startswith("Message id:"):
        named = _IN_TEXT.match(body)
        message_id = named[1] if named else None
    time = None
    if stamp is not None:
        try:
            time = datetime.fromisoformat(stamp)
        except ValueError:
            odd = stamp
    if odd:
        counters.bad_times += 1
    return Entry(
        time, zone, org, env, proxy, revision, message_id, thread, level, logger, method, body,
        span.place,
    )  # fmt: skip


def header_id(data: bytes) -> bytes | None:
    """The message id of a span's header, where it can be told without the grammar; ``None`` elsewhere."""
    at = data.find(b"messageid:", 0, 2048)
    dash = data.find(b" - ", 0, 2048)
    if at < 0 or 0 <= dash < at:
        return None
    rest = data[at + 10 : at + 1024].split(None, 1)
    return rest[0] if rest else None


def decode(data: bytes) -> str:
    r"""Bytes to text: the one place. Bytes that are no UTF-8 stay visible as ``\xNN``."""
    text = data.decode("utf-8", "backslashreplace")
    return text.replace("\r\n", "\n") if b"\r" in data else text


def unwrapped(body: str) -> str:
    """Join the prose lines in front of the stack trace, which a document or mail had wrapped."""
    lines = body.split("\n")
    for count, line in enumerate(lines):
        if count and _PROSE_ENDS.match(line):
            return "\n".join([" ".join(part.strip() for part in lines[:count]), *lines[count:]])
    return " ".join(part.strip() for part in lines)


def _unparsed(text: str, span: Span) -> Entry:
    return Entry(*(None,) * 11, text, span.place)


def _without_prefix(text: str) -> str:
    """Take off what stands before the first time, from continuation lines too where they have it."""
    found = _PREFIX.match(text)
    if found is None:
        return text
    # grep marks its context lines with '-' where a match has ':', and line numbers and times differ.
    similar = re.escape(found[0]).replace(":", "[:-]")
    similar = re.sub(r"\d+", r"\\d+", similar)
    first, line_break, rest = text[found.end() :].partition("\n")
    return first + line_break + re.sub(rf"(?m)^{similar}", "", rest)
