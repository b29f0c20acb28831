"""The generator prints what its options say, and its truth is what a reader finds."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import generate
import printing
import pytest
from faults import JAVAS
from generate import IRREGULAR, Recipe

from support.command import ROOT, Run
from support.profiles import sampled

FIELDS = (
    "time", "message_id", "org", "env", "proxy", "revision", "alert", "refused_by", "side", "channel_id",
    "remote_host", "remote_port", "keystore", "key_alias", "truststore",
)  # fmt: skip
OPENER = re.compile(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,]\d{3}")


class Made(NamedTuple):
    """A generated log and its truth."""

    data: bytes
    truth: list[dict[str, Any]]


def made(size: int, **more: Any) -> Made:
    log, truth = io.BytesIO(), io.StringIO()
    generate.write(log, truth, size, **more)
    return Made(log.getvalue(), [json.loads(line) for line in truth.getvalue().splitlines()])


def rows(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The fields that a reader must find, in an order that does not depend on it."""
    return sorted((tuple(row[name] for name in FIELDS) for row in found), key=str)


def found_by(run: Run, data: bytes) -> list[dict[str, Any]]:
    """What logscan reports of a log, with times as the truth writes them."""
    done = run("report", "--alert", "all", "--each", "--format", "jsonl", "-", stdin=data)
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for row in found:
        row["time"] = row["time"] and row["time"][:23].replace("T", " ").replace(".", ",")
    return found


BEFORE = {
    "--size 300kB --seed 4": (
        "87c4d491ae2c28d34a9c98e86dca384c07ee80244a486b7694c7c84c45d5f0f7",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    "--size 2MB --seed 7 --failing 0.1": (
        "9c060e3b15cb426ace354da8788a6b5279f9198f48d9dc36c6de002222d5d0fd",
        "c4fcf6ab3cb33e4297faa15bec6645a685bc50d150a308b15346c74c27384c76",
    ),
    "--size 500kB --seed 11 --failing 1.0 --milliseconds 40 --start 2025-02-03": (
        "5fa64c7525d14e493fa8ab6a09870339039e76355125f7dcc0a9b227e6976a86",
        "a3e0b50326551944816267b9df1995d10433292030a4e843f3b6b4b8d3321313",
    ),
}
"""Log and truth that version 0.1.0 wrote for the same arguments."""


@pytest.mark.parametrize("arguments", BEFORE)
def test_the_same_arguments_give_the_bytes_of_before(arguments: str, tmp_path: Path) -> None:
    """Figures of different versions are figures of one log."""
    path = tmp_path / "system.log"
    script = ROOT / "benchmarks" / "generate.py"
    subprocess.run([sys.executable, script, path, *arguments.split()], check=True, capture_output=True)
    written = (path, tmp_path / "system.log.truth.jsonl")
    assert tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in written) == BEFORE[arguments]


@pytest.mark.parametrize("seed", [3, 4])
def test_a_seed_says_it_all(seed: int) -> None:
    """Twice the same, also with everything that a recipe can ask for; another seed, another log."""
    recipe = Recipe(
        layout="random", java=11, root_first=True, irregular=0.5, one_id=50, exceptions_of_one_id=20
    )
    first = made(200_000, seed=seed, failing=0.3, recipe=recipe)
    assert first == made(200_000, seed=seed, failing=0.3, recipe=recipe)
    assert first != made(200_000, seed=seed + 1, failing=0.3, recipe=recipe)


@pytest.mark.parametrize("name", sampled(list(printing.LAYOUTS), 2))
def test_the_truth_holds_in_each_layout(name: str, run: Run) -> None:
    """Every failed handshake, every field that the layout prints; nothing more."""
    log = made(600_000, seed=21, failing=0.2, recipe=Recipe(layout=name))
    assert len(log.truth) > 80
    assert rows(found_by(run, log.data)) == rows(log.truth)


@pytest.mark.parametrize("seed", sampled(range(8), 2))
def test_the_truth_holds_in_drawn_layouts(seed: int, run: Run) -> None:
    """Parts of layouts that no named one combines."""
    log = made(200_000, seed=seed, failing=0.3, recipe=Recipe(layout="random"))
    assert rows(found_by(run, log.data)) == rows(log.truth)


def test_layouts_differ_and_are_drawn_from_the_seed() -> None:
    """No two named layouts print one log alike; the drawn ones vary in every part."""
    logs = {name: made(50_000, seed=2, recipe=Recipe(layout=name)).data for name in printing.LAYOUTS}
    assert len(set(logs.values())) == len(logs)
    assert logs["crlf"].count(b"\r\n") == logs["crlf"].count(b"\n") > 100
    assert re.search(rb" INFO  [A-Z]", logs["padded"])
    assert re.search(rb"  INFO [A-Z]", logs["padded-left"])
    drawn = [printing.layout_of("random", seed) for seed in range(60)]
    assert drawn == [printing.layout_of("random", seed) for seed in range(60)]
    for values in zip(*drawn, strict=True):
        assert len(set(values)) > 1


@pytest.mark.parametrize(("java", "root_first"), sampled([*product(JAVAS, (False, True))], 3))
def test_the_truth_holds_for_each_java(java: int, root_first: bool, run: Run) -> None:
    """Frames with and without a module, packaging data of every kind, root causes first and last."""
    log = made(600_000, seed=java, failing=0.3, recipe=Recipe(java=java, root_first=root_first))
    assert rows(found_by(run, log.data)) == rows(log.truth)
    assert (b"\nWrapped by: " in log.data) is root_first
    assert (b"at java.base/" in log.data) is (java > 8)
    packaging = {8: rb"~\[na:1.8.0_101\]", 11: rb"~\[\?:\?\]", 17: rb"~\[na:na\]", 21: rb"~\[nio.jar:\?\]"}
    assert re.search(packaging[java], log.data)


@pytest.mark.parametrize("layout", sampled(["single", "empty-keys", "crlf", "grep", "random"], 2))
def test_regular_failures_stay_exact_beside_irregular_ones(layout: str, run: Run) -> None:
    """Each way occurs, is named, and changes nothing of other messages."""
    log = made(1_500_000, seed=5, failing=0.4, recipe=Recipe(irregular=0.5, layout=layout))
    ways = Counter(row.get("irregular") for row in log.truth)
    prefixed = printing.layout_of(layout, 5).prefix
    assert set(ways) == {None, *IRREGULAR} - ({"untimed"} if prefixed else set())
    assert ways[None] > 150
    odd = {row["message_id"] for row in log.truth if "irregular" in row}
    regular = [row for row in log.truth if row["message_id"] not in odd]
    found = found_by(run, log.data)
    assert rows([row for row in found if row["message_id"] not in odd | {None}]) == rows(regular)
    assert {row["message_id"] for row in found} >= odd


def test_a_retry_comes_more_than_a_second_later() -> None:
    """Where nothing else is left to log, the time goes on."""
    log = made(300_000, seed=6, failing=0.5, recipe=Recipe(irregular=1.0))
    times: dict[str, list[str]] = {}
    for row in log.truth:
        if row.get("irregular") == "later-retry":
            times.setdefault(row["message_id"], []).append(row["time"])
    assert times
    for first, second in times.values():
        passed = datetime.fromisoformat(second) - datetime.fromisoformat(first)
        assert 1.0 < passed.total_seconds() < 10.0
    stamps = OPENER.findall(log.data)
    assert stamps == sorted(stamps)


def test_one_message_of_many_entries(run: Run) -> None:
    """As many as asked for, also without other traffic; each retry is a failure of the truth."""
    log = made(0, seed=8, recipe=Recipe(one_id=602))
    assert len(OPENER.findall(log.data)) == log.data.count(b" messageid:") == 602
    assert len({row["message_id"] for row in log.truth}) == 1
    assert len(log.truth) == 200
    assert rows(found_by(run, log.data)) == rows(log.truth)
    beside = made(400_000, seed=8, failing=0.2, recipe=Recipe(one_id=300))
    assert rows(found_by(run, beside.data)) == rows(beside.truth)


def test_one_message_of_many_exceptions() -> None:
    """Nothing but exceptions, and their rows say so."""
    log = made(0, seed=9, recipe=Recipe(exceptions_of_one_id=70))
    assert len(OPENER.findall(log.data)) == 70
    assert log.data.count(b" - AbstractResponseListener.onException() :") == 70
    assert [row["irregular"] for row in log.truth] == ["exceptions-of-one-id"] * 70
    assert len({row["message_id"] for row in log.truth}) == 1


@pytest.mark.parametrize("way", IRREGULAR)
def test_one_way_to_be_irregular(way: str, run: Run) -> None:
    """Each can be asked for alone; every such message is found."""
    log = made(150_000, seed=10, failing=0.5, recipe=Recipe(irregular=1.0, ways=(way,)))
    assert {row["irregular"] for row in log.truth} == {way}
    assert {row["message_id"] for row in found_by(run, log.data)} == {row["message_id"] for row in log.truth}


def test_an_unknown_way_is_named(tmp_path: Path) -> None:
    """Also among known ones."""
    script = ROOT / "benchmarks" / "generate.py"
    argv = [sys.executable, str(script), str(tmp_path / "log"), "--ways", "untimed,sideways"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "sideways" in done.stderr
    assert "untimed" not in done.stderr.splitlines()[-1]
