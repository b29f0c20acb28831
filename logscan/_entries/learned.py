"""Learned layouts: a file's own first headers make a fast expression for all of its headers.

The grammar (:mod:`logscan._entries.parse`) accepts every header that Message Processors are known to print.
One file uses little of it: one padding, one shape of the time, one order of keys. From some of its openers
this module notes what the file uses (a :class:`~logscan._entries.layouts.Form`), and makes an expression on
bytes that matches just that, several times as fast. It is used only if it reads these lines field by field
as the grammar does, and it accepts no header that the grammar reads otherwise (a property test). What it
does not match goes through the grammar. So a learned layout changes how fast a file is read, never what is
read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from logscan._entries.layouts import (
    ID_IN_TEXT,
    KEY,
    KEYS,
    KNOWN_ZONE,
    LEVEL,
    ZONE,
    Blanks,
    Form,
    Key,
    Layout,
)
from logscan._entries.openers import Openers, layout_of
from logscan._entries.parse import HEADER, PREFIX, STARTS, parse
from logscan.values import Counters, Place, Span

LEARNED_LINES = 64
"""Openers that are looked at in a sample; what they do not show is learned from those that are missed."""
MOST_PREFIXES = 4
"""Different shapes of what stands before the time; a file with more is read by the grammar."""
LONGEST_PART = 200
"""Characters of a key's value, a thread, a logger; longer ones are read by the grammar."""
_LATEST: dict[str, Layout] = {}
"""Name → the layout that was learned last: files beside one another look alike."""


def learned_from(sample: bytes) -> Layout:
    """The layout of a text, judged by its first bytes, with a fast expression where its headers allow one."""
    layout = layout_of(sample)
    lines = list(_openers(sample, layout))
    latest = _LATEST.get(layout.name)
    if latest and latest.header and lines and all(map(latest.header.match, lines)):
        return latest
    layout = _LATEST[layout.name] = learned(layout, lines)
    return layout


def learned(layout: Layout, lines: Iterable[bytes]) -> Layout:
    """A layout with what further openers of a file show of its headers."""
    kept = list(lines)
    try:
        form = form_of(kept, layout.form)
        header = None if form is None else _expression(form)
        if header is None or not all(_agrees(header, line) for line in kept):
            return layout
    except Exception:  # nothing is lost: the grammar reads all  # noqa: BLE001
        return layout
    return layout._replace(form=form, header=header)


def form_of(lines: Iterable[bytes], form: Form | None = None) -> Form | None:
    """What some openers use of the grammar, and what a form holds already; ``None`` where it is too much."""
    for line in lines:
        seen = _form_of_line(line)
        if seen is not None:
            form = seen if form is None else _both(form, seen)
    if form is None or len(form.prefixes) > MOST_PREFIXES:
        return None
    return form


class Learner(NamedTuple):
    """Notes openers that a learned layout does not match, and says when to learn again."""

    missed: list[bytes]

    def again(self, layout: Layout, line: bytes, read: int) -> Layout:
        """The layout after one more missed opener, of so many that were read."""
        self.missed.append(line[: line.find(b"\n") + 1 or len(line)])
        if len(self.missed) < 64 or len(self.missed) * 20 < read:
            return layout
        layout = learned(layout, self.missed)
        self.missed.clear()
        return layout


def _openers(sample: bytes, layout: Layout) -> Iterator[bytes]:
    """Openers from all over a text that stand in it as whole lines."""
    end = sample.rfind(b"\n") + 1
    starts = Openers(layout).all(sample, 0, end)
    for at in starts[:: 1 + len(starts) // LEARNED_LINES]:
        yield sample[at : sample.find(b"\n", at) + 1]


def _form_of_line(line: bytes) -> Form | None:
    """What one opener uses; ``None`` where the fast expression cannot serve it."""
    whole = line.decode("latin-1")
    text, prefix = whole, ""
    if not STARTS.match(text):
        found = PREFIX.match(text)
        if found is None:
            return None
        prefix, text = found[0], text[found.end() :]
    header = HEADER.match(text)
    if header is None or header["time"] is None or "\n" in header[0] or header.start("time"):
        return None
    names = {key: name for name, key in KEYS.items()}
    context = list(re.finditer(rf"({KEY})(\S*)(\s+)", header["context"]))
    order = [names[part[1]] for part in context]
    if order != [name for name in KEYS if name in order]:
        return None
    zone = header["zone"]
    thread = header["thread"]
    gap = text[header.end("zone" if zone else "time") : header.start("context")]
    return Form(
        (_generalized(prefix),) if prefix else (),
        (re.sub(r"\d", "d", header["time"]),),
        zone is not None,
        tuple(Key(name, True, not part[2]) for name, part in zip(order, context, strict=True)),
        _blanks(gap),
        _widest(_blanks(part[3]) for part in context) if context else Blanks(),
        _blanks(text[header.end("thread") : header.start("level")]),
        _blanks(text[header.end("level") : header.start("logger")]),
        _blanks(text[header.end("logger") : text.index("-", header.end("logger"))]),
        bool(re.search(r"\s", thread)),
        ":" in thread,
    )


def _both(one: Form, other: Form) -> Form:
    """A form that covers two."""
    keys = {key.name: key for key in one.keys}
    theirs = {key.name: key for key in other.keys}
    merged = []
    for name in KEYS:
        mine, yours = keys.get(name), theirs.get(name)
        if mine or yours:
            always = bool(mine and yours and mine.always and yours.always)
            merged.append(Key(name, always, bool((mine and mine.empty) or (yours and yours.empty))))
    blanks = {
        name: _widest((getattr(one, name), getattr(other, name)))
        for name in ("after_time", "before_level", "after_level", "before_dash")
    }
    after_key = [form.after_key for form in (one, other) if form.keys]
    return Form(
        prefixes=tuple(dict.fromkeys(one.prefixes + other.prefixes)),
        stamps=tuple(dict.fromkeys(one.stamps + other.stamps)),
        zone=one.zone if one.zone == other.zone else None,
        keys=tuple(merged),
        after_key=_widest(after_key) if after_key else Blanks(),
        thread_blanks=one.thread_blanks or other.thread_blanks,
        thread_colons=one.thread_colons or other.thread_colons,
        **blanks,
    )


def _blanks(gap: str) -> Blanks:
    return Blanks(max(1, len(gap)), max(1, len(gap)), "\t" in gap)


def _widest(all_: Iterable[Blanks]) -> Blanks:
    seen = list(all_)
    return Blanks(
        min(part.least for part in seen), max(part.most for part in seen), any(part.tabs for part in seen)
    )


def _generalized(prefix: str) -> str:
    """An expression for prefixes like this one: other numbers, other words, the same signs."""
    parts = re.findall(r"[0-9]+|[A-Za-z]+|.", prefix, re.DOTALL)
    kinds = (
        "[0-9]++"
        if p[0] in "0123456789"
        else "[A-Za-z]++"
        if p[0].isalpha() and p.isascii()
        else re.escape(p)
        for p in parts
    )
    return "".join(kinds)


@lru_cache(maxsize=64)
def _expression(form: Form) -> re.Pattern[bytes]:
    """The expression of a form: a header in one line, of visible ASCII and blanks."""
    value = rf"[!-~]{{1,{LONGEST_PART}}}"
    before = f"(?:{'|'.join(form.prefixes)})" if form.prefixes else ""
    dates, fractions = set(), set()
    for stamp in form.stamps:
        dates.add(stamp[10])
        fractions.add((stamp[19:20], len(stamp) - 20))
    second = rf"\d{{4}}-\d\d-\d\d[{''.join(sorted(dates))}]\d\d:\d\d:\d\d"
    signs = "".join(sorted(sign for sign, _ in fractions if sign))
    widths = [width for sign, width in fractions if sign]
    digits = f"{{{min(widths)},{max(widths)}}}" if widths else ""
    fraction = rf"[{signs}](\d{digits})" if widths else "((?!))?"
    if widths and any(not sign for sign, _ in fractions):
        fraction = f"(?:{fraction})?"
    zoned = rf"(?:{ZONE}(?=[ \t]+{KEY})|{KNOWN_ZONE}(?=[ \t]))"
    zone = rf"[ ]?({zoned})" if form.zone else "((?!))?" if form.zone is False else rf"(?:[ ]?({zoned}))?"
    if not form.zone:
        zone += rf"(?![ \t]?{zoned})"  # what the grammar takes for a zone is one
    keys = {key.name: key for key in form.keys}
    context = "".join(_key(keys[name], value, form) for name in list(KEYS)[:-1] if name in keys)
    message_id = _key(keys["message_id"], f"({value})", form) if "message_id" in keys else "((?!))?"
    thread = value if form.thread_colons else rf"[!-9;-~]{{1,{LONGEST_PART}}}"
    if form.thread_blanks:
        thread = rf"[!-~](?:(?!\d{{4}}-\d\d-\d\d[ T]| {KEY})[ -~]){{0,{LONGEST_PART}}}?(?<! )"
    name = rf"[\w$<>]{{1,{LONGEST_PART}}}(?:\.[\w$<>]{{1,{LONGEST_PART}}}){{1,32}}"
    in_text = "" if keys.get("message_id") == Key("message_id", True, False) else f"(?!{ID_IN_TEXT})"
    return re.compile(
        rf"{before}({second}){fraction}{zone}{_gap(form.after_time)}"
        rf"({context}){message_id}(?!{KEY})(?![!-~]{{0,{LONGEST_PART}}}\d\d-\d\dT)({thread}){_gap(form.before_level)}"
        rf"({LEVEL}){_gap(form.after_level)}({value}){_gap(form.before_dash)}- (?=[!-~])"
        rf"(?:({name})\(\) : (?=[!-~])|(?![\w$<>.\x80-\xff]{{1,600}}\(\)(?![!-~])))"
        rf"{in_text}".encode("latin-1")
    )


def _key(key: Key, value: str, form: Form) -> str:
    """The expression of a key, its value and what follows."""
    if key.empty:
        value = value.replace("{1,", "{0,")
    part = f"{KEYS[key.name]}{value}{_gap(form.after_key)}"
    return part if key.always else f"(?:{part})?"


def _gap(blanks: Blanks) -> str:
    sign = r"[ \t]" if blanks.tabs else "[ ]"
    if blanks.most == 1:
        return sign
    return f"{sign}{{{blanks.least},{blanks.most}}}"


def _agrees(header: re.Pattern[bytes], line: bytes) -> bool:
    """Whether the expression reads an opener as the grammar does, or not at all."""
    span = Span(line, Place("", 0))
    return parse(span, Counters(), header) == parse(span, Counters())
