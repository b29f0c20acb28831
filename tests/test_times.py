"""Times as people type them, in the log's zone, on both days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan.errors import UsageError
from logscan.times import in_utc, in_zone, time_range, zone_named

NOW = datetime(2026, 10, 26, 8, 0, tzinfo=UTC)  # a Monday, the day after Berlin's clocks went back
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("since", "wall"),
    [
        ("2026-10-20", "2026-10-20T00:00"),
        ("2026-10-20T05:28:57", "2026-10-20T05:28:57"),
        ("2026-10-20 05:28:57,813", "2026-10-20T05:28:57.813"),
        ("2026-10-20T05:00Z", "2026-10-20T07:00"),
        ("today", "2026-10-26T00:00"),
        ("yesterday", "2026-10-25T00:00"),
        ("yesterday 22:00", "2026-10-25T22:00"),
        ("14:30", "2026-10-26T14:30"),
        ("now", "2026-10-26T09:00"),
        ("2 hours ago", "2026-10-26T07:00"),
        ("-90m", "2026-10-26T07:30"),
        ("-24h", "2026-10-25T09:00"),
        ("1 day ago", "2026-10-25T09:00"),
        ("-36h", "2026-10-24T22:00"),  # the day of the change had 25 hours
        ("1d12h ago", "2026-10-24T22:00"),
        ("1 week ago", "2026-10-19T09:00"),
        ("3 days and 2 hours ago", "2026-10-23T07:00"),
        ("Oct 3 2026 5pm", "2026-10-03T17:00"),
    ],
)
def test_what_people_type(since: str, wall: str) -> None:
    """Each notation, as a wall time of the log."""
    assert time_range(since, None, BERLIN, NOW).since == at(wall)


@pytest.mark.parametrize(
    "text", ["foo", "-5x", "03/04/2026", "3.4.2026", "yesterday noonish", "2026-13-01", "ago"]
)
def test_what_nobody_can_read(text: str) -> None:
    """Refused with examples rather than guessed."""
    with pytest.raises(UsageError) as error:
        time_range(text, None, BERLIN, NOW)
    assert error.value.hint


def test_an_end_before_its_start() -> None:
    """Contradictions are refused, in moments and not in wall times."""
    with pytest.raises(UsageError, match="later than"):
        time_range("today", "yesterday", BERLIN, NOW)
    time_range("2026-10-25T02:50+02:00", "2026-10-25T02:10+01:00", BERLIN, NOW)


def test_an_unknown_zone() -> None:
    """A zone that is none."""
    with pytest.raises(UsageError, match="Mars"):
        zone_named("Mars/Olympus")


def test_the_night_when_an_hour_is_missing() -> None:
    """29 March 2026, Berlin: 23 hours, each printed time in exactly one of two neighbouring nights."""
    now = datetime(2026, 3, 30, 6, tzinfo=UTC)
    night = time_range("yesterday", "today", BERLIN, now)
    assert (night.since, night.until) == (at("2026-03-29"), at("2026-03-30"))
    jumped = time_range("2026-03-29T02:30", None, BERLIN, now)
    assert jumped.since == at("2026-03-29T03:30")


@given(st.integers(0, 3 * 3600), st.integers(0, 3 * 3600))
def test_the_hour_that_is_printed_twice(first: int, length: int) -> None:
    """No moment of a range is lost around the change, and nothing outside the repeated hour is added."""
    zone = ZoneInfo(BERLIN)
    begin = datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + timedelta(seconds=first)
    end = begin + timedelta(seconds=length)
    wanted = time_range(begin.isoformat(), end.isoformat(), BERLIN)
    for offset in range(-1800, length + 1800, 300):
        moment = begin + timedelta(seconds=offset)
        wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        inside = begin <= moment < end
        repeated = at("2026-10-25T02:00") <= wall < at("2026-10-25T03:00")
        if inside or not repeated:
            assert wanted.holds(wall) is inside


def test_printed_zones_count() -> None:
    """A time printed with UTC or an offset is compared as the moment that it is."""
    night = time_range("2026-11-23", "2026-11-24", BERLIN)
    assert night.holds(at("2026-11-22T23:30"), "UTC")
    assert not night.holds(at("2026-11-23T23:30"), "UTC")
    assert in_zone(at("2026-11-23T10:00"), "+0530", zone_named("UTC")) == at("2026-11-23T04:30")
    assert in_zone(at("2026-11-23T10:00"), "XYZ", zone_named("UTC")) == at("2026-11-23T10:00")
    assert in_zone(at("2026-11-23T10:00"), "+9999", zone_named("UTC")) == at("2026-11-23T10:00")
    assert in_zone(at("0001-01-01T00:00"), "+0530", zone_named("UTC")) == at("0001-01-01T00:00")
    assert night.holds(None) is None
    assert time_range(None, None).holds(None)


def test_utc_at_the_ends_of_the_calendar() -> None:
    """A moment that UTC cannot hold is not known; every other is."""
    assert in_utc(at("0001-01-01T00:00"), None, zone_named("+14:00")) is None
    assert in_utc(at("0001-01-01T00:00"), "+1400", zone_named("UTC")) is None
    assert in_utc(at("9999-12-31T23:00"), None, zone_named("-12:00")) is None
    assert in_utc(at("2026-07-01T12:00"), None, zone_named(BERLIN)) == datetime(2026, 7, 1, 10, tzinfo=UTC)
