"""Counting: mergeable in any order, bounded, with the documented columns."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import logscan
from logscan._failures.frames import COLUMNS, FAILURE_COLUMNS, as_dict, to_frame
from logscan._failures.incidents import BY, SHOWN, Incidents
from logscan.values import Channel, FailedHandshake, Place, SslInfo

START = datetime(2026, 11, 23)


def failure(
    number: int, proxy: str = "a", alert: str = "bad_certificate", keystore: str = "null"
) -> FailedHandshake:
    return FailedHandshake(
        START + timedelta(seconds=number * 7 % 20), None, "o", "e", proxy, str(number % 3), f"m-{number}", "t", alert,
        ("client-certificate",), "southbound", "peer", "r",
        Channel("SSLClientChannel", number, f"10.0.0.{number % 5}", 443, None, None, 1, 0, 0, 1, 1, None),
        SslInfo(keystore, "alias", "ts"), None, "host", Place("p", number),
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from("ab"), st.sampled_from(["null", "K@1", "K@2"])), max_size=40),
    st.randoms(use_true_random=False),
    st.integers(0, 40),
)  # fmt: skip
def test_counts_merge_in_any_order(items: list[tuple[int, str, str]], random: object, cut: int) -> None:
    """Two partial tallies, in any order, are one tally over all."""
    failures = [failure(number, proxy, keystore=keystore) for number, proxy, keystore in items]
    whole = Incidents(["target"])
    for one in failures:
        whole.feed([one])
    shuffled = list(failures)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = Incidents(["target"]), Incidents(["target"])
    for one in shuffled[:cut]:
        first.feed([one])
    for one in shuffled[cut:]:
        second.feed([one])
    second.merge(first)
    assert second.emit() == whole.emit()


def test_every_column_of_by() -> None:
    """Its value for a failure that has everything, and for one that has nothing."""
    full, bare = failure(3), failure(3)._replace(ssl_info=None, channel=None, time=None, revision=None)
    values = {column: value(full) for column, value in BY.items()}
    assert values == {
        "revision": "0", "target": "10.0.0.3:443", "alias": "alias", "keystore": "null", "truststore": "ts",
        "host": "host", "family": "client-certificate", "refused_by": "peer", "reason": "r",
        "day": "2026-11-23", "hour": "2026-11-23 00:00", "minute": "2026-11-23 00:00",
    }  # fmt: skip
    given = {column for column, value in BY.items() if value(bare) is not None}
    assert given == {"host", "family", "refused_by", "reason"}


def test_they_travel_to_another_process() -> None:
    """With all columns, and they go on counting there."""
    for group, by in ((False, tuple(BY)), (True, ("env", "hour"))):
        counted, plain = Incidents(by, group=group), Incidents(by, group=group)
        arrived = pickle.loads(pickle.dumps(counted))
        for each in (arrived, plain):
            each.feed([failure(3)])
        assert [one.by for one in arrived.emit()] == [one.by for one in plain.emit()] != []


def test_messages_are_counted_once_a_message() -> None:
    """Two failed handshakes of one message are one message; without an id each is its own."""
    incidents = Incidents()
    incidents.feed([failure(1), failure(1)])
    incidents.feed([failure(2)._replace(message_id=None), failure(3)._replace(message_id=None)])
    (incident,) = incidents.emit()
    assert (incident.failed_handshakes, incident.messages) == (4, 3)


def test_what_is_kept_of_an_incident_is_bounded() -> None:
    """However many targets, ids and keystores there are; how many is said, exactly or about."""
    incidents = Incidents()
    for number in range(600):
        incidents.feed([failure(number, keystore=f"K@{number}")])
    (incident,) = incidents.emit()
    assert len(incident.keystores) == SHOWN
    assert incident.failed_handshakes == incident.messages == 600
    assert incident.different == (("keystores", 600),)
    assert incident.approximate == ()
    for number in range(600, 5000):
        incidents.feed([failure(number, keystore=f"K@{number}")])
    (incident,) = incidents.emit()
    assert incident.approximate == ("keystores",)
    assert 4500 < dict(incident.different)["keystores"] < 5500
    assert incident.sample_message_ids == ("m-0", "m-100", "m-1000")


def test_by_takes_every_documented_column() -> None:
    """Each value has its incident; an unknown column is a usage error."""
    for name in BY:
        incidents = Incidents([name])
        incidents.feed([failure(1)])
        (incident,) = incidents.emit()
        assert incident.by[0][0] == name
        frame = to_frame([incident], [name])
        assert list(frame.columns) == list(as_dict(incident))
    with pytest.raises(logscan.UsageError, match="colour"):
        Incidents(["colour"])


def test_read_incidents_has_documented_columns_and_dtypes() -> None:
    """The same columns and dtypes with rows and without."""
    frame = logscan.read_incidents("sample_logs")
    empty = logscan.read_incidents("sample_logs/noise")
    assert list(frame.columns) == list(empty.columns) == list(COLUMNS)
    assert frame.dtypes.astype(str).to_dict() == empty.dtypes.astype(str).to_dict()
    dtypes = frame.dtypes.astype(str)
    assert dtypes["failed_handshakes"] == "int64"
    assert dtypes["first_time"] == "datetime64[ms]"
    assert dtypes["org"] == "str"
    assert frame["failed_handshakes"].sum() == 20
    assert frame.attrs["problems"] == []


def test_read_failures_has_a_row_for_each() -> None:
    """Every TLS failure of the samples, by time."""
    frame = logscan.read_failures("sample_logs", alert="all")
    assert list(frame.columns) == list(FAILURE_COLUMNS)
    assert len(frame) == 21
    assert frame["time"].is_monotonic_increasing
    assert frame["channel_id"].dtype == pd.Int64Dtype()
    assert frame.loc[frame["alert"] == "certificate_required", "keystore"].isna().all()


def test_mixed_keystores_are_said(tmp_path: object) -> None:
    """Some connections without a keystore, some with: both are told."""
    incidents = Incidents()
    incidents.feed([failure(1)])
    incidents.feed([failure(2, keystore="K@1")])
    (incident,) = incidents.emit()
    assert "no keystore is configured for this target in 1 of them; elsewhere" in incident.hint
