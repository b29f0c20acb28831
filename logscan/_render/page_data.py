"""The incidents of a report as the page's script reads them: small, and safe to stand in a page.

Each text stands once, in a list; rows name it by its number. Large data is packed. When that is still larger
than allowed, the incidents with fewest failures give up sample ids, timelines and rare values first, and only
then rows.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from logscan._render import summary, timeaxis
from logscan._render.safe import safe_json
from logscan.shown import safe
from logscan.values import Incident, Report

FIELDS = (
    "id", "org", "env", "proxy", "alert", "side", "by", "family", "failed", "messages", "first", "last",
    "state", "possible", "keystores", "aliases", "truststores", "targets", "revisions",
    "hosts", "ids", "hint", "bars", "mark", "change", "more", "about", "together",
    "proxies", "envs", "alerts",
)  # fmt: skip
"""What a row contains, in this order; trailing empty fields are left out."""
BACKEND = "\ue000"
"""Stands for the first backend in a hint, so that equal hints are one text. No text that is shown has it."""
PLAIN = 700_000
"""Bytes of data up to which it stands in the page as it is: to be read without a script, too."""
WHOLE = 500
"""Incidents that give up nothing."""
STILL, OVER, UNKNOWN = "still", "over", ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What is kept of the incidents beyond the first."""

    ids: int
    spans: int | None
    values: int


LEVELS = (Budget(3, None, 10), Budget(1, 24, 4), Budget(1, 8, 2), Budget(0, 0, 1))


@dataclass(slots=True)
class Encoded:
    """The data of a page."""

    text: str
    """JSON in which nothing ends a script or begins a tag; or the same packed."""
    is_packed: bool
    rows: int
    """Incidents in it; the others are left out."""
    cut: bool
    """Whether some of them gave something up."""


@dataclass(slots=True)
class Texts:
    """Texts by number."""

    numbers: dict[str, int] = field(default_factory=dict)

    seen: dict[str, int] = field(default_factory=dict)
    """The same before they are made safe."""

    def number(self, text: str | None) -> int:
        """Number of a text; -1 for none."""
        if text is None:
            return -1
        number = self.seen.get(text)
        if number is None:
            number = self.seen[text] = self.raw(safe(text))
        return number

    def raw(self, text: str) -> int:
        """Number of a text that is safe already."""
        return self.numbers.setdefault(text, len(self.numbers))

    def several(self, texts: Iterable[str | None]) -> list[int]:
        """Numbers of some texts."""
        return [self.number(text) for text in texts]


def row_id(incident: Incident) -> str:
    """Eight hexadecimal digits that are the same for the same incident in each report."""
    key = (incident.org, incident.env, incident.proxy, incident.alert, incident.side, *incident.by)
    return blake2b(repr(key).encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()


def state_of(incident: Incident, report: Report) -> str:
    """Whether it still failed at the end of the logs."""
    return {"goes on": STILL, "over": OVER}.get(summary.state_of(incident, report.overview), UNKNOWN)


def hint_of(incident: Incident) -> str:
    """Its hint, with a mark in place of the backend."""
    hint = safe(incident.hint)
    return hint.replace(safe(incident.targets[0]), BACKEND) if incident.targets else hint


def encode(
    report: Report,
    facts: Mapping[str, Any],
    changes: Mapping[Incident, tuple[str, str]],
    size: int,
) -> Encoded:
    """The data of the page within so many bytes.

    Args:
        report: the report.
        facts: further values for the script, by name.
        changes: incident → its state since an earlier run, and the change in words.
        size: bytes that the text may have.
    """
    incidents = report.incidents
    text = _text(report, incidents, facts, changes, LEVELS[0])
    if len(text) <= min(size, PLAIN):
        return Encoded(text, False, len(incidents), False)
    for level in LEVELS:
        if level is not LEVELS[0]:
            text = _text(report, incidents, facts, changes, level)
        packed = pack(text)
        if len(packed) <= size:
            return Encoded(packed, True, len(incidents), level is not LEVELS[0] and len(incidents) > WHOLE)
    keep = len(incidents)
    while len(packed) > size and keep > 1:
        keep = max(1, min(keep - 1, keep * size * 95 // (100 * len(packed))))
        packed = pack(_text(report, incidents[:keep], facts, changes, LEVELS[-1]))
    return Encoded(packed, True, keep, True)


def pack(text: str) -> str:
    """The same as raw deflate in base64, which browsers since 2023 unpack."""
    compressor = zlib.compressobj(9, wbits=-15)
    return base64.b64encode(compressor.compress(text.encode()) + compressor.flush()).decode()


def _text(
    report: Report,
    incidents: Sequence[Incident],
    facts: Mapping[str, Any],
    changes: Mapping[Incident, tuple[str, str]],
    level: Budget,
) -> str:
    texts = Texts()
    overview = report.overview
    rows = [
        _row(incident, texts, state_of(incident, report), changes.get(incident, ("", "")),
             LEVELS[0] if number < WHOLE else level)
        for number, incident in enumerate(incidents)
    ]  # fmt: skip
    value = {
        **facts,
        "fields": FIELDS,
        "rows": rows,
        "left_out": len(report.incidents) - len(incidents),
        "bars": [
            [texts.number(alert), _bars(
                [timeaxis.Counted(timeaxis.seconds(time), bars.width // timedelta(seconds=1), count)
                 for time, count in bars.counts], None,
            )]
            for alert, bars in overview.bars
        ],
        "shared": {} if overview.possible else {
            each.dimension: [each.different, [[texts.number(text), count] for text, count in each.values]]
            for each in overview.shared if each.dimension in ("target", "host", "alias", "keystore")
        },
        "texts": list(texts.numbers),
    }  # fmt: skip
    return in_script(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def in_script(text: str) -> str:
    """JSON that may stand in a script element: it has no tag, no comment and no entity."""
    text = safe_json(text)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _row(incident: Incident, texts: Texts, state: str, change: tuple[str, str], level: Budget) -> list[Any]:
    def seconds(name: str) -> int | None:
        time = getattr(incident, name)
        return None if time is None else timeaxis.seconds(time)

    first, last = seconds("first_time"), seconds("last_time")
    row = [
        row_id(incident),
        *texts.several((incident.org, incident.env, incident.proxy, incident.alert, incident.side)),
        texts.several(value for _, value in incident.by), texts.number(incident.family),
        incident.failed_handshakes, incident.messages, first, last, state,
        int(incident.is_ambiguous),
        *(texts.several(values[: level.values]) for values in (
            incident.keystores, incident.key_aliases, incident.truststores, incident.targets,
            incident.revisions, incident.hosts,
        )),
        texts.several(incident.sample_message_ids[: level.ids]), texts.raw(hint_of(incident)),
        _bars(timeaxis.points_of(incident), level.spans), *change,
        dict(incident.different), list(incident.approximate),
        0 if incident.together == 1 else incident.together,
        *(texts.several(values) for values in (incident.proxies, incident.envs, incident.alerts)),
    ]  # fmt: skip
    while row and row[-1] in (0, "", [], {}):
        row.pop()
    return row


def _bars(points: Sequence[timeaxis.Counted], spans: int | None) -> list[int]:
    """Width and beginning of the first span; then counts, each after the spans since the one before."""
    if not points:
        return []
    width, start = points[0].width, points[0].start
    length = (points[-1].start - start) // width + 1
    if spans is not None and len(points) > spans:
        if spans == 0:
            return []
        factor = -(-length // spans)
        merged: dict[int, int] = {}
        for point in points:
            at = (point.start - start) // width // factor
            merged[at] = merged.get(at, 0) + point.failures
        width *= factor
        points = [timeaxis.Counted(start + at * width, width, count) for at, count in merged.items()]
    numbers = [width, start]
    before = start
    for point in points:
        numbers += [(point.start - before) // width, point.failures]
        before = point.start
    return numbers
