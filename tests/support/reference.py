"""The slow reference: one page that does line by line what the engine does by blocks, units and shapes.

It shares the grammar, what a line says, and the join with the engine, and nothing of the rest: no needles over blocks,
no learned layouts, no remembered shapes, no units, no seams. What both give must be equal.
"""

from __future__ import annotations

from collections.abc import Iterable

from logscan._entries.openers import layout_of
from logscan._entries.parse import parse
from logscan._failures.catalog import NEEDLES
from logscan._failures.handshakes import DEFAULT_RULE, Records, Rule
from logscan._failures.log_lines import read_line
from logscan._failures.members import EPOCH, MICROSECOND, Context, Member, Reading
from logscan._scanning.scanner import DEFAULT_MAX_ENTRY
from logscan.values import Counters, FailedHandshake, Place, Span


def split_entries(data: bytes, path: str = "x", limit: int = DEFAULT_MAX_ENTRY) -> tuple[list[Span], int]:
    """All entries of a log, and the number of lines before the first."""
    skipped = len(data) - len(data.lstrip(b"\0"))
    opener = layout_of(data[: 1 << 16]).opener
    spans: list[Span] = []
    orphans = 0
    offset = skipped
    for line in data[skipped:].splitlines(keepends=True) if b"\r" not in data else _lines(data[skipped:]):
        if opener.match(line):
            spans.append(Span(line, Place(path, offset)))
        elif spans:
            spans[-1] = spans[-1]._replace(data=spans[-1].data + line)
        else:
            orphans += 1
        offset += len(line)
    return [_limited(span, limit) for span in spans], orphans


def _lines(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _limited(span: Span, limit: int) -> Span:
    beyond = max(0, len(span.data) - limit)
    return span._replace(data=span.data[: len(span.data) - beyond], cut=beyond)


def failures_of(
    data: bytes,
    path: str = "x",
    limit: int = DEFAULT_MAX_ENTRY,
    rule: Rule = DEFAULT_RULE,
) -> list[FailedHandshake]:
    """All failed handshakes of one log."""
    whole, _ = split_entries(data, path, 1 << 60)
    spans = [_limited(span, limit) for span in whole if any(needle in span.data for needle in NEEDLES)]
    return joined([member for span in spans if (member := member_of(span))], rule)


def member_of(span: Span, neighbours: bool = False) -> Member | None:
    """An entry as a member, by the grammar alone."""
    entry = parse(span, Counters())
    line = read_line(entry, neighbours)
    if line is None:
        return None
    moment = None if entry.time is None else (entry.time - EPOCH) // MICROSECOND
    name, thread = (
        None if text is None else text.encode("utf-8", "surrogateescape")
        for text in (entry.message_id, entry.thread)
    )  # fmt: skip
    context = Context(entry.org, entry.env, entry.proxy, entry.revision)
    return Member(
        moment, span.place.offset, entry.zone, context, name, thread, Reading(line), None, None, line.ssl_info,
        line.objects, *span.place,
    )  # fmt: skip


def joined(
    members: Iterable[Member], rule: Rule = DEFAULT_RULE, neighbours: bool = False
) -> list[FailedHandshake]:
    """The failed handshakes of the entries of one stream: each pair of entries of one id (or, without one, of one
    thread) that follow each other belongs to one group if the rule holds for it."""
    groups: list[list[Member]] = []
    latest: dict[object, list[Member]] = {}
    for member in members:
        key: object = (member.thread,) if member.message_id is None else member.message_id
        own = rule if member.message_id is not None else rule._replace(time=min(rule.time, 50_000))
        if key not in latest or not own.holds(latest[key][-1], member):
            groups.append([])
            latest[key] = groups[-1]
        latest[key].append(member)
    found: list[FailedHandshake] = []
    for group in groups:
        records = Records(rule, neighbours)
        templates = [template for n, member in enumerate(group) for template in records.add(n, member)]
        found += [template.failure(group, group[0].path) for template in [*templates, *records.end()]]
    return found


def entries_of(data: bytes, ids: Iterable[bytes]) -> list[bytes]:
    """The entries of some messages, by a plain reading of their headers."""
    wanted = set(ids)
    counters = Counters()
    return [
        span.data
        for span in split_entries(data)[0]
        if (parse(span, counters).message_id or "").encode() in wanted
    ]
