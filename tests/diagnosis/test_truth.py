"""No verdict that is called certain is wrong, and no cause that is true is left out: over all recorded cases."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import diagnosis_truth
import pytest
from diagnosis_truth import LAB, LEFT_OUT, PARTS, WRONG, faults, judged, lab_rows, runs_of, tls_runs


def check(part: str, folder: Path, every: int) -> None:
    """Judge each so many runs of a part, and name what is wrong."""
    runs = runs_of(part, folder, every)
    outcomes = [judged(run) for run in (runs if part == "damaged" else islice(runs, 0, None, every))]
    assert len(outcomes) > 50
    wrong = [outcome for outcome in outcomes if outcome.kind in (WRONG, LEFT_OUT)]
    assert not wrong, "\n".join(faults(outcomes))


@pytest.mark.parametrize(("part", "every"), [("tls", 13), ("lab", 7), ("damaged", 487)])
def test_a_sample(part: str, every: int, tmp_path: Path) -> None:
    """Some of each part."""
    check(part, tmp_path, every)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", PARTS)
def test_all(part: str, tmp_path: Path) -> None:
    """Everything; of the 40,000 damaged captures each tenth (the benchmark runs all)."""
    check(part, tmp_path, 10 if part == "damaged" else 1)


def test_the_table_sees_what_is_wrong() -> None:
    """The same run with another truth is wrong or leaves it out; with none it is a false alarm."""
    (run,) = [
        run for run in tls_runs()
        if run.name == "openssl/expired_v1.2.pcap" and run.level == "capture + log + keystore, TLS 1.2"
    ]  # fmt: skip
    assert judged(run).kind == diagnosis_truth.RIGHT
    assert judged(replace(run, causes=("ca_mismatch",))).kind == WRONG
    assert judged(replace(run, causes=())).kind == WRONG
    empty = replace(run, paths=run.paths[1:], options={}, causes=("wrong_sni",))
    assert judged(empty).kind in (LEFT_OUT, diagnosis_truth.IN_SET)


def test_the_lab_is_whole() -> None:
    """Each recording is there, each control stands beside a situation, and each near miss is another cause."""
    rows = {row["name"]: row for row in lab_rows()}
    assert len(rows) > 120
    for row in rows.values():
        evidence = row["evidence"]
        files = [row["pcap"], *row["log"], *evidence.get("more", ()), *evidence.get("backend_ca", ())]
        files += [evidence[name] for name in ("keystore", "truststore") if name in evidence]
        assert [name for name in files if not (LAB / name).is_file()] == []
        assert row["beside"] is None or row["beside"] in rows
        assert not set(row["near"]) & set(row["causes"])
        assert row["causes"] or row["beside"] or row["name"].startswith("ok_")
    recorded = [path for path in LAB.rglob("*") if path.suffix in {".pcap", ".log", ".json", ".p12"}]
    assert sum(path.stat().st_size for path in recorded) < 1_500_000
