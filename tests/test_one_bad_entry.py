"""One bad entry never ends a run: hostile values, and stages that fail on purpose."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import logscan
from logscan._entries import arrow, parse
from logscan._store import roundtrip
from support.command import ROOT, environment
from support.command import logscan as cli
from support.lines import BAD, ONE, channel
from support.raising import BAD_ID, BAD_TEXT, REPORT, TAIL, failing
from support.tailing import append

COLUMNS: dict[str, tuple[Any, str]] = {
    "grammar": (parse, "_parse"), "bounds": (arrow, "entries_in"), "rows": (arrow, "usual_rows"),
}  # fmt: skip
STORE: dict[str, tuple[Any, str]] = {
    "grammar": (parse, "_parse"), "bounds": (roundtrip, "entries_in"), "rows": (roundtrip, "usual_rows"),
    "shapes": (roundtrip, "_with_shapes"),
}  # fmt: skip
REACHED = (
    "reading",
    "text",
    "line",
    "groups",
    "shapes",
    "records",
    "tally",
    "failure",
    "selection",
    "incidents",
)
"""Stages through which the bad message must go; the others may be passed by a shorter way."""
GOOD = ONE.replace("api:a", "api:good")
HEAD = "2026-11-23 02:14:07,640 org:o env:e api:a rev:1 messageid:m T ERROR A - x: "
NINES = "9" * 4301

HOSTILE = {
    "a": HEAD + f"Received fatal alert: <UNKNOWN ALERT: {NINES}>\n",
    "a, new words": HEAD + f"Received fatal alert: Unknown alert description ({NINES})\n",
    "b, port": channel(BAD).replace(":443", ":²"),
    "b, port of another script": channel(BAD).replace(":443", ":٤٤٣"),
    "b, long port": channel(BAD).replace(":443", f":{NINES}"),
    "b, use count": channel(BAD).replace("useCount=1", "useCount=²"),
    "b, long use count": channel(BAD).replace("useCount=1", f"useCount={NINES}"),
    "b, long age": channel(BAD).replace("age=529", f"age={NINES}"),
    "b, long connection": channel(BAD, c=int("9" * 400)),
    "c, zone": channel(BAD).replace(" org:", " +99:99 org:", 1),
    "c, first year east": channel(BAD).replace("2026-11-23 00:00:01,000", "0001-01-01 00:00:00,000 +14:00"),
    "c, last year west": channel(BAD).replace("2026-11-23 00:00:01,000", "9999-12-31 23:59:59,999 -14:00"),
    "c, year 0": channel(BAD).replace("2026-11-23", "0000-01-01"),
    "c, time of another script": channel(BAD).replace("2026-11-23", "٢٠٢٦-١١-٢٣"),
    "d, first year": channel(BAD).replace("2026-11-23 00:00:01,000", "0001-01-01 00:00:00,000"),
    "d, last year": channel(BAD).replace("2026-11-23 00:00:01,000", "9999-12-31 23:59:59,999"),
    "e, connection": channel(BAD, c=1 << 70),
    "e, port": channel(BAD).replace(":443", f":{1 << 70}"),
    "e, counters": channel(BAD)
    .replace("bytesRead=0", f"bytesRead={1 << 70}")
    .replace("age=529", f"age={1 << 70}"),
}
"""Row C2: what ended a run."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_is_counted(name: str, tmp_path: Path) -> None:
    """C2: the failure with it, and those around it, in every format and zone."""
    log = tmp_path / "system.log"
    log.write_text(GOOD + HOSTILE[name] + GOOD.replace("m-1", "m-9"))
    for tz in ("+14:00", "-14:00", None):
        done = logscan.report(log, alert="all", each=True, tz=tz)
        assert done.counters.failures == 3
        assert done.counters.not_understood == 0
        assert sum(incident.failed_handshakes for incident in done.incidents) == 3
    frame = logscan.read_failures(log, alert="all")
    assert len(frame) == 3
    frame.attrs.clear()
    frame.to_parquet(tmp_path / "out.parquet")
    assert len(logscan.read_incidents(log, alert="all", by=["day", "hour"])) >= 2


@pytest.mark.parametrize(
    ("form", "tz"),
    [
        ("ecs", "+14:00"),
        ("ecs", "-14:00"),
        ("otel", "+14:00"),
        ("otel", "-14:00"),
        ("html", "UTC"),
        ("parquet", "UTC"),
    ],
)
def test_hostile_values_in_every_format(form: str, tz: str, tmp_path: Path) -> None:
    """C2 d, e: all of them in one log, east and west of UTC."""
    log, out = tmp_path / "system.log", tmp_path / "out"
    log.write_text(
        "".join(text.replace("messageid:m", f"messageid:m{n}") for n, text in enumerate(HOSTILE.values()))
    )
    each = ["--each"] if form == "parquet" else []
    done = cli("report", "--alert", "all", "--format", form, *each, "--tz", tz, "-o", out, log)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert out.stat().st_size


def test_a_time_range_at_the_ends_of_time(tmp_path: Path) -> None:
    """C2 d: a range that begins with the year 1 or ends with 9999 covers all, in files and stores."""
    log = tmp_path / "system.log"
    log.write_text("".join(HOSTILE[name] for name in ("d, first year", "d, last year")) + GOOD)
    logscan.ingest(log, store=tmp_path / "store")
    for path in (log, tmp_path / "store"):
        done = logscan.report(path, alert="all", since="0001-01-02", until="9999-12-30", tz="UTC")
        assert done.counters.failures == (3 if path == log else done.counters.failures)
        assert [incident.proxy for incident in done.incidents] == ["good"]


@pytest.mark.parametrize(
    "blank", ["\t", "\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u2003", "\u2028", "\u2029", "  "]
)
@pytest.mark.parametrize("key", ["org:", "env:", "api:", "rev:"])
def test_a_blank_in_a_value(key: str, blank: str, tmp_path: Path) -> None:
    """A6 and the low row on kinds of blanks: the header is counted, and its message id is not lost."""
    log = tmp_path / "system.log"
    log.write_text(GOOD * 3 + channel(BAD, m="odd").replace(key, f"{key}x{blank}y"), newline="")
    done = logscan.report(log, alert="all", each=True)
    assert [failure.message_id for failure in done.failures][-1] == "odd"
    assert done.counters.unparsed_entries == 1
    rows = logscan.read_entries(log)
    assert rows["message_id"].iloc[-1] == "odd"


def many(count: int = 40) -> str:
    return "".join(GOOD.replace("m-1", f"g-{number}") for number in range(count))


def is_noted(problems: list[str], path: Path) -> bool:
    """Whether the place of an entry of the bad message is among some problems."""
    text = path.read_bytes()
    first, last = text.find(BAD_TEXT.encode()[:40]), text.find(BAD_ID.encode())
    begin, end = text.rfind(b"\n", 0, last) + 1, text.rfind(BAD_ID.encode())
    places = [
        int(at.replace(",", ""))
        for each in problems
        for at in re.findall(r"byte ([\d,]+) was not understood", each)
    ]
    return first >= 0 and bool(places) and all(begin <= at <= end for at in places)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A log with one bad message among good ones."""
    path = tmp_path / "system.log"
    path.write_text(many() + BAD_TEXT + many().replace("g-", "h-"))
    return path


@pytest.mark.parametrize("stage", REPORT)
def test_a_stage_of_report_fails(stage: str, mixed: Path) -> None:
    """C2: the other failures are counted, and the entry's place is shown."""
    with failing(REPORT[stage]) as raised:
        done = logscan.report(mixed, alert="all", workers=1)
    counts = {incident.proxy: incident.failed_handshakes for incident in done.incidents}
    assert counts["good"] == 80
    assert counts.get("bad", 0) <= 1
    if stage in REACHED:
        assert raised
        assert done.counters.not_understood
    if done.counters.not_understood:
        assert is_noted([str(problem) for problem in done.problems], mixed)


def test_a_stage_of_report_fails_in_workers(tmp_path: Path) -> None:
    """C2: the same in forked workers; the command's counters and problems name the place."""
    path = tmp_path / "system.log"
    path.write_text(many(60) + BAD_TEXT + many(60).replace("g-", "h-"))
    run = subprocess.run(
        [sys.executable, "-m", "support.raising", path], capture_output=True, cwd=ROOT / "tests",
        env=environment(PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}"), timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr.decode()
    answer = json.loads(run.stdout)
    assert answer["forked"] == len(REPORT)
    for stage, (incidents, not_understood, problems) in answer["results"].items():
        assert ["good", 120] in incidents, stage
        if stage in set(REACHED) - {"selection"}:
            assert not_understood, stage
            assert is_noted(problems, path), stage


def test_the_note(mixed: Path) -> None:
    """C2: the notes of a report, its JSON and its statistics have the number; the run's status is good."""
    script = (
        "from support.raising import *; from logscan._cli import main\nwith failing(REPORT['text']): main()"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script, "report", *options, mixed], capture_output=True,
            env=environment(PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}"),
        ) for options in (["--stats"], ["--format", "json"])
    ]  # fmt: skip
    assert [run.returncode for run in runs] == [0, 0]
    assert re.search(rb"\d entr(y|ies) or pieces of evidence not understood, and not counted", runs[0].stdout)
    assert b"was not understood (RuntimeError: on purpose)" in runs[0].stderr
    assert json.loads(runs[1].stdout)["counters"]["not_understood"] > 0


@pytest.mark.parametrize("stage", TAIL)
def test_a_stage_of_tail_fails(stage: str, log: Path) -> None:
    """C2: the failures after it are given."""
    log.write_text(GOOD)
    append(log, BAD_TEXT + GOOD.replace("m-1", "m-2") + GOOD.replace("m-1", "last"))
    names: list[str | None] = []
    with failing(TAIL[stage]), logscan.tail(log, from_start=True, quiet_time=0.01) as watcher:
        for update in watcher:
            names += [failure.message_id for failure in update.failures]
            if "last" in names:
                break
        assert [name for name in names if name not in (BAD_ID, None)] == ["m-1", "m-2", "last"]
        assert watcher.counters.not_understood


@pytest.mark.parametrize("stage", COLUMNS)
def test_a_stage_of_export_fails(stage: str, mixed: Path) -> None:
    """C2: no row is lost, and all are in their places."""
    plain = logscan.read_entries(mixed)
    with failing(COLUMNS[stage]) as raised:
        rows = logscan.read_entries(mixed, workers=1)
    assert rows["offset"].tolist() == plain["offset"].tolist()
    good = plain["message_id"] != BAD_ID
    assert rows[good].equals(plain[good]) or rows[good].astype(str).equals(plain[good].astype(str))
    assert bool(raised) == bool(rows.attrs["counters"].not_understood)
    assert raised or stage == "grammar"


@pytest.mark.parametrize("stage", STORE)
def test_a_stage_of_ingest_fails(stage: str, mixed: Path, tmp_path: Path) -> None:
    """C2: the store gives every byte back, and its failures."""
    with failing(STORE[stage]) as raised:
        done = logscan.ingest(mixed, store=tmp_path / "store", workers=1)
    # The columns of these lines need no grammar: it is asked for them only to learn the layout, which loses nothing.
    assert bool(raised) == bool(done.counters.not_understood) or stage == "grammar"
    assert cli("cat", "--store", tmp_path / "store", mixed).stdout == mixed.read_bytes()
    assert logscan.report(tmp_path / "store", alert="all").counters.failures == 81


@pytest.mark.parametrize("options", [{}, {"prefix": True}, {"mentions": True}, {"before": 1}])
def test_the_grammar_fails_in_a_search(options: dict[str, bool], tmp_path: Path) -> None:
    """C2: an entry that is not understood is printed, and counted."""
    path = tmp_path / "system.log"
    north = f"2026-11-23 00:00:01,000 org:o env:e main ERROR HTTP.SERVICE - Message id:{BAD_ID} text\n"
    path.write_text(GOOD + north + GOOD.replace("m-1", "m-2"))
    with failing(REPORT["grammar"]):
        found = logscan.search(BAD_ID, paths=path, **options)  # type: ignore[arg-type]
        entries = [each.span.data for each in found if each.matches]
    assert entries == [north.encode()]
    assert found.counters.not_understood == 1
    assert [problem.path for problem in found.counters.problems] == [str(path)]
