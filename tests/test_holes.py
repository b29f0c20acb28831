"""NUL bytes, blanks and long lines anywhere: the right result, counted, and quickly."""

from __future__ import annotations

import gzip
import time
from itertools import product
from pathlib import Path

import pytest

import logscan
from support.command import logscan as cli
from support.lines import BAD, HEAD, ONE, channel
from support.profiles import sampled

SIZE = 2 << 20
FIRST, LAST = ONE, ONE.replace("m-1", "m-2")
ODD = HEAD.format(s=1, ms=5, m="m-3", t="T") + f"X - says: {BAD}\n"


def log_with(place: str, filling: str) -> tuple[str, int]:
    """A log with something many times in one place, and how many messages fail in it."""
    return {
        "start": (filling + FIRST + LAST, 2),
        "between": (FIRST + filling + LAST, 2),
        "before one alone": (filling + ODD, 1),
        "inside": (FIRST + ODD[:-1] + filling + "\n" + LAST, 3),
        "header": (FIRST + ODD.replace("env:e", "env:" + filling) + LAST, 3),
        "end": (FIRST + LAST + filling, 2),
    }[place]


PLACES = ("start", "between", "before one alone", "inside", "header", "end")


@pytest.mark.parametrize(("place", "packed"), sampled([*product(PLACES, (False, True))], 7))
def test_nul_bytes(place: str, packed: bool, tmp_path: Path) -> None:
    """Row C2 and the rows on NUL bytes: 2 MB of them in every place, in every command."""
    text, messages = log_with(place, "\0" * SIZE)
    log = tmp_path / ("system.log.gz" if packed else "system.log")
    log.write_bytes(gzip.compress(text.encode(), 1) if packed else text.encode())
    begun = time.process_time()
    done = logscan.report(log, alert="all", workers=1)
    ids = {name for incident in done.incidents for name in incident.sample_message_ids}
    if place == "header":  # longer than what is kept of an entry
        assert ids >= {"m-1", "m-2"}
        assert done.counters.cut_entries == 1
    else:
        assert done.counters.messages == messages
        assert len(ids) == messages
    if place in ("start", "between", "before one alone", "end"):
        assert done.counters.nul_bytes == SIZE
    wanted = "m-3" if place == "before one alone" else "m-2"
    found = list(logscan.search(wanted, paths=log))
    assert [each.span.data[:10] for each in found] == [b"2026-11-23"] * len(found)
    assert len(found) == (1 if wanted == "m-3" else 3)
    rows = logscan.read_entries(log)
    assert rows["message_id"].tolist().count(wanted) == len(found)
    logscan.ingest(log, store=tmp_path / "store", workers=1)
    assert cli("cat", "--store", tmp_path / "store").stdout == text.encode()
    stored = logscan.report(tmp_path / "store", alert="all")
    assert stored.counters.messages >= messages - (place == "header")
    assert time.process_time() - begun < 20


@pytest.mark.parametrize(
    "filling",
    sampled(["\0", " ", "\t", "    \n", "\n", "\r\n", "Caused by: a\n", "\tat a.b.C(D)\n"], 4),
)
def test_fillings_cost_little(filling: str, tmp_path: Path) -> None:
    """Rows H1, H2: a filling of 4 MB inside an entry costs at most in proportion to one of 1 MB."""
    times = []
    for size in (1 << 20, 4 << 20):
        log = tmp_path / f"{size}.log"
        log.write_text(log_with("inside", filling * (size // len(filling)))[0])
        logscan.report(log, alert="all", workers=1)
        begun = time.process_time()
        done = logscan.report(log, alert="all", workers=1)
        rows = logscan.export(log, workers=1)
        assert sum(batch.num_rows for batch in rows) == done.counters.candidates
        times.append(time.process_time() - begun)
        assert done.counters.messages == 3
    assert times[1] < max(1.0, 10 * times[0])


def test_many_alerts(tmp_path: Path) -> None:
    """Row M10's kind: 20,000 different names of alerts are counted, each once."""
    log = tmp_path / "system.log"

    def name(number: int) -> str:
        return "x_" + "".join(chr(97 + int(digit)) for digit in str(number))

    log.write_text(
        "".join(channel(BAD.replace("bad_certificate", name(n)), m=f"m-{n}") for n in range(20_000))
    )
    done = logscan.report(log, workers=1)
    assert done.counters.failures == 20_000
    assert sum(done.other_alerts.values()) == 20_000
