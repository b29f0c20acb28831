"""Counting by a selection: each failed handshake is in exactly one count, and parts add up to the whole."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._failures import tally as counting_module
from logscan._failures.log_lines import Line
from logscan._failures.members import EPOCH, MICROSECOND, Context, Member, Reading, Template
from logscan._failures.selection import HostNames, Selection
from logscan._failures.tally import Counted, CountRequest, Tally
from logscan.times import TimeRange
from logscan.values import FailedHandshake
from support.lines import failure

NIGHT = datetime(2026, 11, 23)
HORIZON = NIGHT + timedelta(days=1)


def tally(
    failures: list[FailedHandshake], selection: Selection | None = None, *, each: bool = True
) -> Counted:
    """Count failures, each of a message of its own."""
    counting = Tally(CountRequest(selection or Selection(), (), HORIZON, HostNames(["mp"]), each))
    for one in failures:
        moment = None if one.time is None else (one.time - EPOCH) // MICROSECOND
        name = (one.message_id or "").encode()
        context = Context(one.org, one.env, one.proxy, one.revision)
        reading = Reading(Line())
        member = Member(
            moment, 0, None, context, name, b"t", reading, None, None, None, (), "x", one.place.offset, 0
        )
        template = Template(
            0, None, None, one.alert, one.families, one.side, one.refused_by, one.reason, None
        )
        counting.feed([member], [template])
    return counting.done()


def counts(counted: Counted) -> object:
    return (
        counted.incidents.emit(),
        sorted(counted.failures, key=repr),
        counted.others.counter(),
        counted.elsewhere,
        counted.counters,
        counted.ids.number(),
    )


def test_each_failure_is_in_one_count() -> None:
    """Selected, of another alert, elsewhere, outside of the time range, or without a time in one."""
    times = TimeRange(NIGHT, NIGHT + timedelta(hours=1), None)
    alerts = frozenset({"bad_certificate"})
    selection = Selection(alerts=alerts, proxies=("pay*",), not_proxies=("pay-test",), times=times)
    selected = failure("payments", number=1)
    late = failure("payments", number=2)._replace(time=NIGHT + timedelta(hours=2))
    untimed = failure("payments", number=3)._replace(time=None)
    done = tally(
        [selected, late, untimed, failure("orders"), failure("pay-test"), failure("payments", "unknown_ca")],
        selection,
    )
    assert done.failures == [selected]
    assert done.others.counter() == {"unknown_ca": 1}
    assert (done.elsewhere, done.counters.untimed, done.counters.future_times) == (2, 1, 0)
    (incident,) = done.incidents.emit()
    assert incident.failed_handshakes == 1


def test_times_after_the_horizon_are_counted() -> None:
    """They are selected all the same: a host's clock may be wrong."""
    at, after = (failure()._replace(time=HORIZON + timedelta(seconds=number)) for number in (0, 1))
    done = tally([at, after])
    assert (len(done.failures), done.counters.future_times) == (2, 1)


def test_single_failures_are_kept_only_if_asked() -> None:
    done = tally([failure()], each=False)
    assert done.failures == []
    assert len(done.incidents.emit()) == 1


def test_many_kinds_are_put_together_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """More kinds of failures than are counted apart: the counts are the same."""
    failures = [failure(f"p{number % 7}", number=number) for number in range(100)]
    expected = counts(tally(failures))
    monkeypatch.setattr(counting_module, "MOST_CELLS", 3)
    assert counts(tally(failures)) == expected


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["bad_certificate", "unknown_ca"])), max_size=20),
    st.integers(0, 20),
)  # fmt: skip
def test_parts_add_up(kinds: list[tuple[str, str]], cut: int) -> None:
    """Two parts of the failures, merged, are the whole."""
    failures = [failure(proxy, alert, number) for number, (proxy, alert) in enumerate(kinds)]
    selection = Selection(proxies=("a",))
    first, second = tally(failures[:cut], selection), tally(failures[cut:], selection)
    first.merge(second)
    assert counts(first) == counts(tally(failures, selection))


def test_names_of_hosts() -> None:
    """A rule first, then what is known of the file or of its log, then its place."""
    names = HostNames(["mp01=logs/mp01/*", "mp02=*/two.log"], {"kept.log": "mp03"})
    paths = ("logs/mp01/x.log", "logs/two.log", "kept.log", "logs/mp05/system.log.3.gz", "-")
    assert [names(path) for path in paths] == ["mp01", "mp02", "mp03", "mp05", "standard input"]
    assert HostNames(["mp09"])("any.log") == "mp09"
    assert HostNames(known={"a/system.log": "mp06"})("a/system.log.2.gz") == "mp06"
    assert names.knowing({"new.log": "mp04"})("new.log") == "mp04"
    assert names.knowing({"new.log": "mp04"})("kept.log") == "mp03"
