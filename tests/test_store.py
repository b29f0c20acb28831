"""The store: what comes out is what went in, and answers are those of the files, however they were ingested."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_export import entries
from test_scanner import logs

from logscan import pipeline
from logscan.models import Counters, FailedHandshake
from logscan.pipeline import HostNames, Limits, Selection
from logscan.pipeline import ingest as ingesting
from logscan.pipeline.ingest import Ingested, ingest
from logscan.store import writing
from logscan.store.reading import Store

ALL = Selection(alerts=frozenset())
QUIET = settings(
    max_examples=int(os.environ.get("EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def put(folder: Path, *paths: Path, **options: object) -> Ingested:
    done = ingest([str(path) for path in paths], str(folder / "store"), HostNames(), workers=1, **options)  # type: ignore[arg-type]
    assert done.counters.problems == []
    return done


def nameless(failure: FailedHandshake) -> FailedHandshake:
    """Without the file's name: a store keeps the one that it had then."""
    return failure._replace(place=failure.place._replace(path=""))


def same_answers(logs_folder: Path, folder: Path, ids: list[str]) -> None:
    """Reports and searches of the files and of the store."""
    store = str(folder / "store")
    files, stored = (
        pipeline.report([where], ALL, each=True, limits=Limits(workers=1))
        for where in (str(logs_folder), store)
    )
    assert stored.incidents == files.incidents
    assert [nameless(one) for one in stored.failures] == [nameless(one) for one in files.failures]
    assert (stored.other_alerts, stored.elsewhere) == (files.other_alerts, files.elsewhere)
    assert stored.counters.bytes == files.counters.bytes
    for name in ids:
        found, kept = (
            [
                (one.span.data.rstrip(b"\n"), one.span.place.offset)
                for one in pipeline.find([name], [where], Counters())
            ]
            for where in (str(logs_folder), store)
        )
        assert kept == found, name
        for more in ({"before": 1, "after": 1}, {"prefix": True}, {"mentions": True}, {"lines": True}):
            whole, again = (
                [
                    (one.span.data.rstrip(b"\n"), one.span.place.offset, one.span.line, one.matches)
                    for one in pipeline.find([name], [where], Counters(), **more)
                ]
                for where in (str(logs_folder), store)
            )
            assert again == whole, (name, more)


@QUIET
@given(
    data=st.one_of(logs(), entries()),
    seed=st.integers(0, 1 << 20),
    block=st.sampled_from([1 << 9, 1 << 12, 1 << 20]),
    longest=st.sampled_from([1 << 11, 8 << 20]),
)
def test_what_comes_out_is_what_went_in(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, seed: int, block: int, longest: int
) -> None:
    """A log that grows, is rotated and packed, and is ingested now and then: text and answers stay the same."""
    folder = tmp_path_factory.mktemp("store")
    logs_folder = folder / "logs"
    logs_folder.mkdir()
    rnd = random.Random(seed)
    first = b"2026-11-22 23:00:00,000 main INFO FIRST - of its kind\n"  # by which the file is known
    data = first + data
    places = range(len(first), len(data))
    cuts = sorted(rnd.sample(places, min(rnd.randrange(6), len(places))))
    log = logs_folder / "system.log"
    number = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "BLOCK", block)
        patch.setattr(writing, "LONGEST", longest)
        patch.setattr(writing, "ROW_GROUP", rnd.choice([3, 50, 32_768]))
        patch.setattr(ingesting, "RANGE", rnd.choice([1 << 11, 1 << 20]))
        patch.setattr(ingesting, "MANY", rnd.choice([2, 16]))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            with log.open("ab") as file:
                file.write(data[start:end])
            if rnd.random() < 0.6:
                put(folder, logs_folder)
            if rnd.random() < 0.3 and end < len(data):
                log.rename(logs_folder / f"system-2026-11-23.{number}.log")
                if rnd.random() < 0.5:
                    rotated = logs_folder / f"system-2026-11-23.{number}.log"
                    (logs_folder / f"{rotated.name}.gz").write_bytes(gzip.compress(rotated.read_bytes()))
                    rotated.unlink()
                number += 1
        if not log.exists():
            log.write_bytes(b"")
        put(folder, logs_folder)
        again = put(folder, logs_folder)
        assert (again.new, again.grown, again.rows) == (0, 0, 0)
    held = Store(str(folder / "store"))
    assert b"".join(b"".join(held.text(source.id, Counters())) for source in held.ordered) == data
    ids = [f"m-{n}" for n in range(4)] + ["m", "mm-1", "mm-2"]
    if longest > len(data):
        same_answers(logs_folder, folder, ids)
