"""The report on a terminal: golden screens, and what holds for all of them.

``python tests/render/test_screen.py --write`` writes the golden screens anew: look at the difference.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._failures.findings import findings_of
from logscan._failures.in_common import InCommon
from logscan._failures.incidents import Incidents
from logscan._failures.members import EPOCH, MICROSECOND
from logscan._failures.seen import Seen
from logscan._render.fit import Column, cut_to, row_of, width_of, widths_for, wrapped
from logscan._render.formats import Shape
from logscan._render.screen import screen
from logscan.overviews import Event, Onset, Overview
from logscan.values import Channel, Counters, FailedHandshake, Place, Report, SslInfo
from support.profiles import fewer

SCREENS = Path(__file__).parent.parent / "data" / "screens"
NUMBERS = (0, 1, 12, 1_500, 50_000)
WIDTHS = (80, 100, 140)
ONSET = datetime(2026, 11, 25, 3, 14, 2)
ALERTS = ("bad_certificate",) * 6 + ("certificate_required", "unknown_ca", "handshake_failure")
FAMILIES = {"handshake_failure": ("protocol-cipher", "client-certificate")}


def failure(number: int, rnd: random.Random) -> FailedHandshake:
    alert = ALERTS[number % len(ALERTS)]
    backend = "10.0.45.15" if rnd.random() < 0.9 else f"payments-{number % 7}.internal.example.com"
    return FailedHandshake(
        ONSET + timedelta(seconds=rnd.random() ** 2 * 1200), None, "acme", rnd.choice(("prod", "prod-eu-west")),
        f"payments-v{number}" if number % 5 else f"customer-onboarding-identity-verification-{number}",
        "7", f"rrt-{number}", "t", alert, FAMILIES.get(alert, ("client-certificate",)), "southbound", "peer", alert,
        Channel("SSLClientChannel", 1, backend, 443, "10.1.1.5", 41000, *(None,) * 6),
        SslInfo("java.security.KeyStore@52de60d9", "payments-key", "java.security.KeyStore@6ec45759"), None,
        f"mp{number % 3:02}", Place("system.log", number),
    )  # fmt: skip


@cache
def report(number: int) -> Report:
    """A storm of so many incidents, from a seed."""
    rnd = random.Random(number)
    incidents, certain, possible = Incidents(), InCommon(), InCommon()
    for kind in range(number):
        one = failure(kind, rnd)
        seen = Seen()
        for _ in range(1 + int(20 * rnd.random() ** 4)):
            assert one.time is not None
            moment = (one.time - EPOCH) // MICROSECOND + rnd.randrange(10**8)
            seen.add(moment, b"m-%d" % rnd.randrange(10**9), rnd.randrange(1 << 64))
        incidents.take(one, seen)
        (possible if len(one.families) > 1 else certain).take(one, seen)
    listed = sorted(incidents.emit(), key=lambda each: (each.is_ambiguous, each.alert != "bad_certificate"))
    counters = Counters(files=8, bytes=1 << 30)
    if not number:
        return Report([], [], Counter(), 0, counters, Overview("client-certificate", zone="UTC", hosts=8))
    overview = Overview(
        what="client-certificate",
        failed=certain.count,
        possible=possible.count,
        alerts=(
            *((name, count, False) for name, count in certain.alerts()),
            *((name, count, True) for name, count in possible.alerts()),
        ),
        first=ONSET, last=ONSET + timedelta(seconds=1290), log_end=ONSET + timedelta(seconds=1300), is_over=False,
        zone="Europe/Berlin", bars=(*certain.bars(), *possible.bars()), shared=certain.shared(),
        findings=findings_of(certain, 8), hosts=8,
        onset=Onset(
            ONSET, (Event("revision", ONSET - timedelta(seconds=12), "revision 8 of payments-v1 (prod) is first seen;"
                          " before it was revision 7"),), 16 << 20,
        ),
    )  # fmt: skip
    others = Counter({"untrusted_certificate": 309, "handshake_timeout": 117, "hostname_mismatch": 3})
    return Report(listed, [], others, 0, counters, overview)


def shown(number: int, width: int, **more: Any) -> list[str]:
    shape = Shape(
        format="table", what="client-certificate", details=None, terminal=True, width=width, height=24,
        paths=("/opt/apigee/var/log/edge-message-processor/logs",), **more,
    )  # fmt: skip
    return [line.rstrip() for line in screen(report(number), shape)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("number", [*NUMBERS[:-1], pytest.param(NUMBERS[-1], marks=pytest.mark.thorough)])
def test_screens(number: int, width: int) -> None:
    """One screen of 24 lines whatever the input, no line too long, no alert and no number cut."""
    lines = shown(number, width)
    assert "\n".join(lines) + "\n" == (SCREENS / f"{number}-{width}.txt").read_text(encoding="utf-8")
    assert max(map(width_of, lines)) <= width
    assert len(lines) < 24
    rows = [line for line in lines if re.match(r" *\d+ +[\d,]+  ", line)]
    assert len(rows) >= min(3, number)
    known = {*ALERTS, *("untrusted_certificate", "handshake_timeout", "hostname_mismatch", "s_client")}
    for word in re.findall(r"[a-z]+_[a-z_]+…?", "\n".join(lines)):
        assert word in known, word


@pytest.mark.parametrize("number", [12, 1_500])
def test_more_of_it(number: int) -> None:
    """--top and --details are obeyed beyond a screen."""
    lines = shown(number, 140, rows=12)
    assert sum(bool(re.match(r" *\d+ +[\d,]+  ", line)) for line in lines) == 12
    assert all(len(line) <= 140 for line in lines)


def test_colours_change_nothing_else() -> None:
    plain, coloured = shown(1_500, 100), shown(1_500, 100, colour=True)
    assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in coloured] == plain
    assert any(
        "\x1b[1;31mbad_certificate\x1b[0m" in line for line in coloured
    ) or "alert bad_certificate" in "\n".join(plain)


TEXT = st.text(st.sampled_from("abcdefgh-. é漢字"), max_size=30)


@fewer(1)
@given(
    cells=st.lists(st.tuples(TEXT, TEXT, st.integers(0, 10**9)), min_size=1, max_size=5),
    width=st.integers(40, 120),
)
def test_a_row_fits(cells: list[tuple[str, str, int]], width: int) -> None:
    columns = [Column("one"), Column("two", weight=2), Column("number", True, True)]
    rows = [[one, two, f"{number:,}"] for one, two, number in cells]
    widths = widths_for(columns, rows, width)
    for row in rows:
        line = row_of(columns, row, widths)
        assert width_of(line) <= width
        assert line.endswith(row[2])


@fewer(1)
@given(text=TEXT, width=st.integers(1, 40))
def test_words_stay_whole(text: str, width: int) -> None:
    assert width_of(cut_to(text, width)) <= width
    lines = wrapped(text, width)
    assert all(width_of(line) <= width for line in lines)
    whole = [word for word in text.split(" ") if width_of(word) <= width]
    assert [word for line in lines for word in line.split(" ") if "…" not in word and word] == [
        w for w in whole if w
    ]


if __name__ == "__main__" and "--write" in sys.argv:
    for number_ in NUMBERS:
        for width_ in WIDTHS:
            text_ = "\n".join(shown(number_, width_)) + "\n"
            (SCREENS / f"{number_}-{width_}.txt").write_text(text_, encoding="utf-8")
