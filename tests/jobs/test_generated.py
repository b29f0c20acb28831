"""Done when: the generator knows the truth, and every way of reading gives exactly it."""

from __future__ import annotations

import gzip
import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import generate
import pytest

from logscan._entries.parse import parse
from logscan._failures.frames import failure_dict
from logscan._failures.incidents import Incidents
from logscan._jobs.search import find
from logscan._render.text import show_time
from logscan.values import Counters
from support.command import Run
from support.engine import scan
from support.reference import split_entries

KEYS = ("time", "message_id", "channel_id")


def truths(path: Path) -> list[dict[str, Any]]:
    lines = path.with_name(path.name + ".truth.jsonl").read_text().splitlines()
    return sorted((json.loads(line) for line in lines), key=_order)


def _order(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[key]) for key in KEYS)


def found(*paths: Path) -> list[dict[str, Any]]:
    """Every failed handshake that logscan finds, in the truth's words."""
    wanted = ("message_id", "org", "env", "proxy", "revision", "alert", "refused_by", "side", "channel_id",
              "remote_host", "remote_port", "keystore", "key_alias", "truststore")  # fmt: skip
    counters = Counters()
    rows = []
    for failure in scan([str(path) for path in paths], counters):
        row = failure_dict(failure)
        rows.append({key: row[key] for key in wanted} | {"time": show_time(failure.time, milliseconds=True)})
    assert not counters.problems
    assert counters.early_failures == 0
    return sorted(rows, key=_order)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 MiB, one message in twenty failing."""
    path = tmp_path_factory.mktemp("generated") / "system.log"
    with path.open("wb") as file, path.with_name("system.log.truth.jsonl").open("w") as truth:
        generate.write(file, truth, 12 << 20, seed=11, failing=0.05, start=datetime(2026, 11, 23))
    return path


def test_exactly_the_truth(log: Path) -> None:
    """Every failed handshake, every field; nothing more."""
    truth = truths(log)
    assert len(truth) > 700
    assert found(log) == truth


def test_the_same_from_gz_stdin_and_any_cut(log: Path, tmp_path: Path, run: Run) -> None:
    """Plain, packed, piped, and cut at random bytes into a rotated family: the same totals."""
    data = log.read_bytes()
    truth = truths(log)
    packed = tmp_path / "packed.log"
    packed.write_bytes(gzip.compress(data, 1))
    assert found(packed) == truth
    rnd = random.Random(5)
    for round_ in range(4):
        folder = tmp_path / f"family{round_}"
        folder.mkdir()
        places = sorted(rnd.randrange(len(data)) for _ in range(3))
        pieces = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
        names = [
            "system-2026-11-22.9.log.gz",
            "system-2026-11-22.10.log",
            "system-2026-11-23.0.log.gz",
            "system.log",
        ]
        for name, piece in zip(names, pieces, strict=True):
            (folder / name).write_bytes(gzip.compress(piece, 1) if name.endswith(".gz") else piece)
        assert found(folder) == truth
    piped = run("report", "--alert", "all", "--format", "json", "-", stdin=data)
    direct = run("report", "--alert", "all", "--format", "json", log)
    drop = ("hosts", "keystores")
    rows = [
        [{k: v for k, v in row.items() if k not in drop} for row in json.loads(done.stdout)["incidents"]]
        for done in (piped, direct)
    ]
    assert rows[0] == rows[1]
    assert sum(row["failed_handshakes"] for row in rows[0]) == len(truth)


def test_incidents_equal_a_count_of_the_truth(log: Path) -> None:
    """The list of incidents, by org, env, proxy, alert and side."""
    counts: dict[tuple[str, ...], list[str]] = {}
    for row in truths(log):
        key = (row["org"], row["env"], row["proxy"], row["alert"], row["side"])
        counts.setdefault(key, []).append(row["message_id"])
    incidents = Incidents()
    incidents.feed(scan([str(log)], Counters()))
    got = {
        (i.org, i.env, i.proxy, i.alert, i.side): (i.failed_handshakes, i.messages) for i in incidents.emit()
    }
    assert got == {key: (len(ids), len(set(ids))) for key, ids in counts.items()}


def test_search_finds_what_a_plain_reading_finds(log: Path) -> None:
    """A thousand random ids at once, and fifty of them one by one."""
    counters = Counters()
    by_id: dict[str, list[bytes]] = {}
    for span in split_entries(log.read_bytes())[0]:
        name = parse(span, counters).message_id
        if name:
            by_id.setdefault(name, []).append(span.data)
    ids = random.Random(3).sample(sorted(by_id), 1000)
    together: dict[str, list[bytes]] = {name: [] for name in ids}
    for one in find(ids, [str(log)], Counters()):
        name = parse(one.span, counters).message_id
        assert name is not None
        together[name].append(one.span.data)
    assert together == {name: by_id[name] for name in ids}
    for name in ids[:50]:
        alone = [one.span.data for one in find([name], [str(log)], Counters())]
        assert alone == by_id[name]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """The generator is deterministic."""
    for name in ("a", "b"):
        with (tmp_path / name).open("wb") as file:
            generate.write(file, None, 300_000, seed=4)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0), (2, 3), (5, 5)])
def test_context_counts_entries(log: Path, before: int, after: int) -> None:
    """As a plain reading marks them: each entry once, in order."""
    counters = Counters()
    spans = split_entries(log.read_bytes()[:400_000])[0]
    names = [parse(span, counters).message_id for span in spans]
    wanted = random.Random(before).sample(sorted({name for name in names if name}), 25)
    hits = [at for at, name in enumerate(names) if name in wanted]
    shown = sorted(
        {at for hit in hits for at in range(max(0, hit - before), min(len(spans), hit + after + 1))}
    )
    short = log.with_name(f"short{before}{after}.log")
    short.write_bytes(log.read_bytes()[:400_000])
    found = list(find(wanted, [str(short)], Counters(), before=before, after=after))
    assert [one.span.data for one in found] == [spans[at].data for at in shown]
    assert [one.matches for one in found] == [at in hits for at in shown]
