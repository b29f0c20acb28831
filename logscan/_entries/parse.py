r"""The Message Processor's line grammar: which line opens an entry, and what an entry's header says.

One entry is an *opener* line and all lines up to the next opener (stack trace, causes, blank lines, the
rest of a several-line message). Two layouts are known, each with sample lines that a test runs:

=========  ==========================================================================================
plain      ``time org:… env:… api:… rev:… messageid:… thread LEVEL logger - Class.method() : text``;
           every context field may be absent, and the time where the line begins with ``org:``
prefixed   the same after up to 200 characters that something put before it: ``grep -rn``'s
           ``file:12:``, a syslog or shipper header
=========  ==========================================================================================

Both are read as they are and as a document or mail wrapped them at blanks: blanks of the header match a
line break as well. The opener is a test on bytes, cheap enough for the hot path; the header is an
expression on text, run only on entries that matter. Facts: docs/log-format.md.
"""

from __future__ import annotations

import re

from logscan._entries.layouts import (
    ANY,
    ID_IN_TEXT,
    INDENT,
    KEY,
    KEYS,
    KNOWN_ZONE,
    LEVEL,
    NO_TIME,
    STRICT,
    TIME,
    ZONE,
    moment,
)
from logscan.values import Counters, Entry, Place, Span

_ID_KEY = KEYS["message_id"].encode()
_MOST_KEYS = 16
"""Keys of a context that are read; Message Processors print each of five once."""
_CONTEXT_AS_USUAL = "".join(rf"(?:{key}([!-~]++)\ )?" for key in KEYS.values())
_USUAL = re.compile(
    rf"""
    ({TIME})\ {{1,2}}
    {_CONTEXT_AS_USUAL}\ ?
    ([!-9;-~]++)\ ({LEVEL})\ ([!-~]++)\ -\ (?=\S)
    (?:([A-Za-z0-9_$<>]++(?:\.[A-Za-z0-9_$<>]++)++)\(\)\ :\ (?=\S)|(?![\w$<>.]++\(\)(?:\s|\Z)))
    """,
    re.VERBOSE,
)
"""What Message Processors write, on one line: a fast way for most entries. It accepts no more than
:data:`HEADER` does and gives the same fields (a test holds them together)."""
HEADER = re.compile(
    rf"""
    [\0\ufeff]*+ (?:{INDENT}(?=org:))?+
    (?: (?P<time>{TIME}) (?:\s?(?P<zone>{ZONE}(?=\s++{KEY})|{KNOWN_ZONE}(?=\s)))? \s++
      | (?P<odd>(?!org:)\S[^\n]{{0,60}}?)(?<!\s)\s++(?=org:)
      | (?P<odder>\d[^\n]{{0,40}}?\d:\d\d\S*+)\s++
    )?
    (?P<context>(?:{KEY}\S*+\s++){{0,{_MOST_KEYS}}})
    (?P<thread>\S++|{NO_TIME}{{1,300}}?)(?<!\s)\s++
    (?P<level>{LEVEL})\s++
    (?P<logger>\S++)\s++-(?:\s++|\Z)
    (?:(?P<method>[\w$<>]++(?:\.[\w$<>]++)++)\(\)\s++:\s*+)?
    """,
    re.VERBOSE,
)
CONTEXT = re.compile(rf"({KEY})(\S*+)")
_KEY_WITHIN = re.compile(rf"(?<=\s){KEY}")
_IN_TEXT = re.compile(rf"{ID_IN_TEXT}\s?(\S++)")
_OWN = STRICT.replace(ANY, NO_TIME)  # an earlier time may be a shipper's: the last one counts
PREFIX = re.compile(rf"[^\n]{{1,200}}?(?<!\w)(?={_OWN})", re.VERBOSE)
STARTS = re.compile(rf"[\0\ufeff]*+(?:(?:{INDENT})?+org:|{_OWN})", re.VERBOSE)
_PROSE_ENDS = re.compile(
    r"\s*+(?:at\s|Caused by:|Suppressed:|Wrapped by:|\.\.\.|(?:[\w$]++\.)+[\w$]*(?:Exception|Error)\b|\Z)"
)


def parse(span: Span, counters: Counters, header: re.Pattern[bytes] | None = None) -> Entry:
    """Understand one span. It never raises: a log says what others write into it.

    What cannot be understood is kept: a header that does not parse gives an entry with ``None`` for its
    fields and the whole text as its body, and is counted; so is a time that does not exist, and an entry at
    which this module fails.

    Args:
        span: the bytes of an entry.
        counters: takes what cannot be understood.
        header: the learned expression of its file (:attr:`Layout.header`): a faster way to the same.
    """
    try:
        return _parse(span, counters, header)
    except Exception as error:  # noqa: BLE001
        counters.note_not_understood(span.place, error)
        return _unparsed(decode(span.data), span)


def _parse(span: Span, counters: Counters, header: re.Pattern[bytes] | None) -> Entry:  # noqa: C901
    if header is not None and not span.orphan:
        learned = _learned(span, header)
        if learned is not None:
            return learned
    text = decode(span.data)
    if span.orphan:
        return _unparsed(text, span)
    usual = _USUAL.match(text)
    if usual is not None:
        stamp, org, env, proxy, revision, message_id, thread, level, logger, method = usual.groups()
        body = text[usual.end() :]
        zone = odd = None
    else:
        if not STARTS.match(text):
            text = _without_prefix(text)
        found = HEADER.match(text)
        if found is None:
            counters.unparsed_entries += 1
            return _unparsed(text, span)
        stamp, zone, thread, level, logger, method = found.group(
            "time", "zone", "thread", "level", "logger", "method"
        )
        odd = found["odd"] or found["odder"]
        keys = found["context"]
        if _KEY_WITHIN.search(thread):
            counters.unparsed_entries += 1
            keys, thread = _with_keys_of_thread(keys, thread)
        context = {key: value or None for key, value in CONTEXT.findall(keys)}
        org, env, proxy, revision, message_id = map(context.get, KEYS.values())
        body = text[found.end() :]
        if "\n" in found[0].rstrip():
            body = unwrapped(body)
    if message_id is None and body.startswith(ID_IN_TEXT):
        named = _IN_TEXT.match(body)
        message_id = named[1] if named else None
    time = None
    if stamp is not None:
        try:
            time = moment(stamp)
        except ValueError:
            odd = stamp
    if odd:
        counters.bad_times += 1
    return Entry(
        time, zone, org, env, proxy, revision, message_id, thread, level, logger, method, body,
        span.place,
    )  # fmt: skip


def _with_keys_of_thread(keys: str, thread: str) -> tuple[str, str | None]:
    """The context and the thread of a header in which a value has a blank of any kind: the keys after it
    stand in what seems to be the thread."""
    *_, last = CONTEXT.finditer(thread)
    return keys + thread[: last.end()], thread[last.end() :].strip() or None


def _learned(span: Span, header: re.Pattern[bytes]) -> Entry | None:
    """An entry by the learned expression of its file; ``None`` where the grammar must decide."""
    found = header.match(span.data)
    if found is None:
        return None
    body = span.data[found.end() :]
    if found.start(1) and b"\n" in body[:-1]:
        return None  # a prefix may stand before the lines below, too
    second, fraction, zone, context, message_id, thread, level, logger, method = (
        None if part is None else part.decode("ascii") for part in found.groups()
    )
    try:
        time = moment(f"{second},{fraction}" if fraction else second or "")
    except ValueError:
        return None
    held = {key: value or None for key, value in CONTEXT.findall(context)} if context else {}
    return Entry(
        time, zone, held.get("org:"), held.get("env:"), held.get("api:"), held.get("rev:"),
        message_id or None, thread, level, logger, method, decode(body), span.place,
    )  # fmt: skip


def parse_entry(entry: Span | bytes | str) -> Entry:
    """Understand one entry: a span of :func:`logscan.search`, or its text.

    A header that cannot be read gives an entry with ``None`` for its fields and the whole text as its body.
    """
    if isinstance(entry, str):
        entry = entry.encode("utf-8", "surrogateescape")
    span = entry if isinstance(entry, Span) else Span(entry, Place("", 0))
    return parse(span, Counters())


def header_id(data: bytes) -> bytes | None:
    """The message id of a span's header, where it is clear without the grammar; ``None`` elsewhere."""
    at = data.find(_ID_KEY, 0, 2048)
    dash = data.find(b" - ", 0, 2048)
    if at < 0 or 0 <= dash < at or (at and data[at - 1] > 0x20):
        return None
    if data.find(_ID_KEY, at + 1, max(0, dash)) >= 0:
        return None  # the grammar takes the last one, which may follow what a shipper put before the entry
    value = data[at + len(_ID_KEY) : at + 1024]
    words = value.split(None, 1)  # two, else the id is empty, or longer than what was looked at
    return words[0] if len(words) == 2 and value[:1] > b" " else None


def owner_of(data: bytes) -> str | None:
    """The message to which a search counts some lines, whether they open an entry or not; its id as
    :func:`decode` gives it."""
    data = data.lstrip(b"\0")
    named = header_id(data)
    return parse(Span(data, Place("", 0)), Counters()).message_id if named is None else decode(named)


def decode(data: bytes) -> str:
    r"""Bytes to text: the one place. Bytes that are no UTF-8 stay visible as ``\xNN``."""
    text = data.decode("utf-8", "backslashreplace")
    return text.replace("\r\n", "\n") if b"\r" in data else text


def unwrapped(body: str) -> str:
    """Join the prose lines before the stack trace, which a document or mail had wrapped."""
    lines = body.split("\n")
    for count, line in enumerate(lines):
        if count and _PROSE_ENDS.match(line):
            return "\n".join([" ".join(part.strip() for part in lines[:count]), *lines[count:]])
    return " ".join(part.strip() for part in lines)


def _unparsed(text: str, span: Span) -> Entry:
    return Entry(*(None,) * 11, text, span.place)


def _without_prefix(text: str) -> str:
    """Take off what stands before the first time, from continuation lines too where they have it."""
    found = PREFIX.match(text)
    if found is None:
        return text
    similar = similar_to(found[0])
    first, line_break, rest = text[found.end() :].partition("\n")
    return first + line_break + re.sub(rf"(?m)^{similar}", "", rest)


def similar_to(prefix: str) -> str:
    """An expression for what stands before the further lines of an entry that has a prefix: grep marks its
    context lines with '-' where a match has ':', and line numbers and times differ."""
    similar = re.escape(prefix).replace(":", "[:-]")
    return re.sub("[0-9]+", "[0-9]++", similar)
