"""Names of a log are cut where they enter (H7), and incidents and alerts have a cap (M14, M10)."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import product
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import logscan
from logscan._failures.incidents import OTHERS, Incidents
from logscan._failures.names import LONGEST_ALERT, cut, cut_bytes
from logscan._failures.tally import MOST_ALERTS, Alerts
from logscan._render.formats import FORMATS, Shape, render
from logscan.values import Incident
from support.command import environment
from support.hostile import FIELDS, line_of
from support.lines import failure


@given(st.text(st.characters(), min_size=0, max_size=400), st.integers(40, 300))
def test_cut(text: str, most: int) -> None:
    """H7: at most so long, the same when cut again, and unchanged when short."""
    once = cut(text, most)
    assert len(once) <= most
    assert cut(once, most) == once
    assert (once == text) == (len(text) <= most)


def test_long_names_stay_different() -> None:
    """H7: those of equal beginning, too; bytes that are no UTF-8 are no obstacle."""
    names = {"x" * 1000 + str(number) for number in range(1000)}
    assert len({cut(name) for name in names}) == 1000
    assert cut("x" * 300).startswith("xxx")
    assert "…[300 characters, " in cut("x" * 300)
    assert cut_bytes(b"\xff" * 1000).decode("utf-8", "surrogateescape") == cut("\udcff" * 1000)


def test_a_long_name_multiplies_nothing(tmp_path: Path) -> None:
    """H7: names of 100 KB in ninety incidents, in every field: every output is small, and each failure is counted."""
    lines = []
    for number, field in product(range(10), [*FIELDS[:-2]]):
        line = line_of(number, field, f"{number}-" + "x" * 100_000)
        lines.append(line.replace("api:p ", f"api:p-{number}-{field} "))
    (tmp_path / "system.log").write_text("".join(lines))
    report = logscan.report(tmp_path / "system.log", each=True)
    assert len(report.incidents) == len(lines) == 90
    assert sum(incident.failed_handshakes for incident in report.incidents) == 90
    for form in FORMATS:
        assert (
            len(render(report, Shape(format=form, what="x", details=100, each=form in ("ecs", "otel"))))
            < 600_000
        )


def counted(failures: list[logscan.FailedHandshake], most: int, cuts: list[int]) -> list[Incident]:
    """The incidents of some failures that are counted in parts."""
    parts = [Incidents(most=most) for _ in range(len(cuts) + 1)]
    for start, end, part in zip([0, *cuts], [*cuts, len(failures)], parts, strict=True):
        part.feed(failures[start:end])
    first, *others = parts
    for part in others:
        first.merge(part)
    return first.emit()


NUMBERS = st.lists(st.integers(0, 30).map(lambda n: n * n // 30), max_size=80)


@given(NUMBERS, st.lists(st.integers(0, 80), max_size=3))
def test_under_the_cap_a_cut_changes_nothing(numbers: list[int], cuts: list[int]) -> None:
    """M14: cut anywhere, the same incidents."""
    failures = [failure(f"p{number}", number=at) for at, number in enumerate(numbers)]
    cuts = sorted(min(place, len(failures)) for place in cuts)
    assert counted(failures, 31, cuts) == counted(failures, 31, [])


@given(NUMBERS, st.lists(st.integers(0, 80), max_size=3), st.integers(1, 8))
def test_over_the_cap_the_totals_are_exact(numbers: list[int], cuts: list[int], most: int) -> None:
    """M14: wherever the input is cut: failures, incidents, first and last time; a number that is not exact says so."""
    failures = [failure(f"p{number}", number=at) for at, number in enumerate(numbers)]
    cuts = sorted(min(place, len(failures)) for place in cuts)
    found = counted(failures, most, cuts)
    truth = {f"p{number}": numbers.count(number) for number in numbers}
    assert sum(incident.failed_handshakes for incident in found) == len(failures)
    assert sum(incident.together for incident in found) == len(truth)
    listed = [incident for incident in found if incident.alert != OTHERS]
    assert len(listed) == min(most, len(truth))
    for incident in listed:
        exact = "failed_handshakes" not in incident.approximate
        number = truth[incident.proxy or ""]
        assert incident.failed_handshakes == number if exact else incident.failed_handshakes <= number
    if failures:
        assert min(i.first_time for i in found if i.first_time) == min(f.time for f in failures if f.time)
        assert max(i.last_time for i in found if i.last_time) == max(f.time for f in failures if f.time)


def test_the_largest_are_listed() -> None:
    """M14: ten thousand proxies of one failure each do not push out those that fail all the time."""
    numbers = [f"p{number}" for number in range(10_000)] + [f"large-{number % 5}" for number in range(2_000)]
    random.Random(1).shuffle(numbers)
    failures = [failure(name, number=at) for at, name in enumerate(numbers)]
    found = counted(failures, 100, [4_000, 9_000])
    assert {incident.proxy for incident in found[:5]} == {f"large-{number}" for number in range(5)}
    assert all(incident.failed_handshakes > 380 for incident in found[:5])
    assert len(found) == 101
    assert found[-1].proxy == "others (9,905 incidents)"
    assert found == counted(failures, 100, [4_000, 9_000])


def test_what_an_incident_lists_is_the_same_in_parts() -> None:
    """However many combinations of keystores, targets and revisions there are."""
    base = [
        failure("p", number=number)._replace(host=f"h{number % 7}", revision=f"{number % 5}")
        for number in range(70)
    ]
    assert counted(base, 10, [3, 5, 40]) == counted(base, 10, [])
    assert counted(base[:9], 10, [3, 5]) == counted(base[:9], 10, [])


def test_max_incidents(tmp_path: Path) -> None:
    """M14: the option, the row, the note, the counter; the row is no incident to compare with."""
    lines = [line_of(number, "proxy", f"p-{number if number > 5 else 0}") for number in range(20)]
    (tmp_path / "system.log").write_text("".join(lines))
    run = [sys.executable, "-m", "logscan", "report", "system.log", "--max-incidents", "3"]
    done = subprocess.run(
        [*run, "--history", "h", "--stats"], capture_output=True, cwd=tmp_path, env=environment(), timeout=60
    )
    text = done.stdout.decode()
    assert "20 failed handshakes in 15 incidents" in text
    assert "others (12 incidents)" in text
    assert (
        "Note: 12 incidents with few failures each counted together, as the last one (--max-incidents lists more)."
        in text
    )
    assert "incidents counted together" in done.stderr.decode()
    again = logscan.report(tmp_path / "system.log", max_incidents=3)
    assert [i.failed_handshakes for i in again.incidents] == [6, 1, 1, 12]
    assert again.counters.incidents_together == 12
    assert logscan.read_incidents(tmp_path / "system.log", max_incidents=3)["failed_handshakes"].sum() == 20


def test_alerts_that_nobody_knows_have_a_cap(tmp_path: Path) -> None:
    """M10: names from the log are cut; outside the selection so many are counted by name, and the rest as one; the same
    however the log is cut."""
    names = [
        f"alert{'_' * 100}{chr(97 + number % 26)}_{chr(97 + number // 26 % 26)}" for number in range(600)
    ]
    whole, first, second = Alerts(), Alerts(), Alerts()
    for at, name in enumerate([*names, "unknown_ca", "unknown_ca"]):
        whole.add(name, at)
        (first if at < 250 else second).add(name, at)
    second.merge(first)
    found = whole.counter()
    assert found == second.counter()
    assert len(found) == MOST_ALERTS + 2
    assert found["unknown_ca"] == 600 + 601
    assert found.total() == sum(range(602))
    text = line_of(1, "reason", "").replace("bad_certificate", "q" * 100_000)
    (tmp_path / "system.log").write_text(text)
    (incident,) = logscan.report(tmp_path / "system.log", alert="all").incidents
    assert len(incident.alert) == LONGEST_ALERT


def test_memory_is_flat(tmp_path: Path) -> None:
    """M14: eighteen times as many incidents as are listed take no more memory than six times as many."""
    peaks = []
    for number in (3_000, 9_000):
        log = tmp_path / f"{number}.log"
        log.write_text(
            "".join(line_of(at, "proxy", f"p-{at}").partition("\n")[0] + "\n" for at in range(number))
        )
        code = (
            "import logscan, resource, sys\n"
            "from logscan._failures import tally\n"
            "tally.MOST_CELLS = 500\n"
            "report = logscan.report(sys.argv[1], max_incidents=500, workers=1)\n"
            "assert len(report.incidents) == 501\n"
            "print(sum(i.failed_handshakes for i in report.incidents), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, log], capture_output=True, env=environment(), timeout=120, check=True
        )
        total, peak = map(int, done.stdout.split())
        assert total == number
        peaks.append(peak)
    assert peaks[1] < peaks[0] * 1.3
