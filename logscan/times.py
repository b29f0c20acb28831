"""Time ranges: what a person types as a time, in the zone of the log, daylight saving included.

A log's times are wall times of its host. A range is asked for as two moments; here they become two wall
times between which an entry's printed time must lie. In the hour that is printed twice when clocks go
back an entry may mean either moment; it is let in when one of them lies in the range, so that nothing is
lost, and a night's reports still meet without a gap (docs/times.md).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

from logscan.errors import UsageError, choose_from

EXAMPLES = "2026-11-23, 2026-11-23T05:28, yesterday, 'yesterday 22:00', 14:30, '2 hours ago', -24h"

_UNITS = {
    "s": "seconds", "sec": "seconds", "second": "seconds", "m": "minutes", "min": "minutes",
    "minute": "minutes", "h": "hours", "hr": "hours", "hour": "hours", "d": "days", "day": "days",
    "w": "weeks", "week": "weeks", "month": "months", "year": "years",
}  # fmt: skip
_AMOUNT = re.compile(r"(\d{1,9}+)\s*+([a-z]{1,20}?)s?(?=$|[\s\d,])\s*+,?+\s*+(?:and\s++)?+", re.ASCII)
_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}
_SLASHES = re.compile(r"\d{1,2}[/.]\d{1,2}[/.]\d{2,4}")


class TimeRange(NamedTuple):
    """Wall times of the log: ``since`` is included, ``until`` is not; ``None`` is open."""

    since: datetime | None
    until: datetime | None
    zone: tzinfo | None
    """The log's zone; ``None`` for that of this machine."""

    def holds(self, time: datetime | None, printed_zone: str | None = None) -> bool | None:
        """Whether a printed time lies in the range; ``None`` when the entry has no time."""
        if self.since is None and self.until is None:
            return True
        if time is None:
            return None
        time = in_zone(time, printed_zone, self.zone)
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)


def zone_named(name: str | None) -> tzinfo | None:
    """The zone of an IANA name, ``UTC`` or an offset like ``+02:00``; ``None`` for this machine's.

    Raises:
        UsageError: no such zone.
    """
    if name is None or name.lower() == "local":
        try:  # of this machine, by TZ
            datetime.now().astimezone()
        except (ValueError, OverflowError, OSError) as error:
            raise UsageError(
                f"TZ={os.environ.get('TZ', '')}: no time zone whose times can be reckoned",
                "set TZ to a name like Europe/Berlin, or give --tz",
            ) from error
        return None
    offset = _offset(name.removeprefix("UTC"))
    if offset is not None:
        return offset
    from dateutil import tz

    zone = None
    # Other texts are paths of files, or say how clocks change: neither is meant as a zone's name.
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,3}", name):
        with suppress(Exception):  # whatever a damaged file of the system, or an odd name, makes it raise
            zone = tz.gettz(name)
    if zone is None or not _usable(zone):
        raise UsageError(
            f"{name}: no such time zone",
            _near(name) + "use a name like Europe/Berlin, UTC or +02:00",
            argument="tz",
        )
    return zone


LONGEST_ZONE = 40
"""Characters of a name for which similar ones are looked up."""


def _near(name: str) -> str:
    """The question whether a zone of a similar name was meant; empty if there is none."""
    from zoneinfo import available_timezones

    zones = available_timezones() if len(name) <= LONGEST_ZONE else ()
    hint = choose_from(name, sorted(zones)) if zones else ""
    return f"{hint} " if hint.startswith("did") else ""


def _usable(zone: tzinfo) -> bool:
    """Whether times can be reckoned in a zone: an offset of a day or more cannot."""
    try:
        return datetime.now(zone).utcoffset() is not None
    except (ValueError, OverflowError):
        return False


def time_range(
    since: str | datetime | None,
    until: str | datetime | None,
    tz_name: str | None = None,
    now: datetime | None = None,
) -> TimeRange:
    """Read both ends as typed.

    Args:
        since: first moment, or ``None``; a naive ``datetime`` is a wall time of the log.
        until: first moment that is out again, or ``None``.
        tz_name: the log's zone (:func:`zone_named`).
        now: an aware time, for tests.

    Raises:
        UsageError: an end that nobody can read, an unknown zone, or an end before its start.
    """
    zone = zone_named(tz_name)
    if since is None and until is None:
        return TimeRange(None, None, zone)
    moment = _local(now or datetime.now(UTC), zone)
    begin = read_time(since, moment, zone, "since") if since else None
    end = read_time(until, moment, zone, "until") if until else None
    try:
        is_empty = begin and end and begin.astimezone(UTC) > end.astimezone(UTC)
        range_ = TimeRange(
            _earliest(begin, zone) if begin else None, _latest(end, zone) if end else None, zone
        )
    except (OverflowError, ValueError) as error:  # in UTC before year 1, or after year 9999
        text, argument = (since, "since") if begin and begin.year < 1000 else (until or since, "until")
        raise _unreadable(str(text), argument) from error
    if is_empty:
        raise UsageError(f"since {since} is later than until {until}", "swap them, or leave one out")
    return range_


def time_range_around(
    around: str | datetime, within: str, tz_name: str | None = None, now: datetime | None = None
) -> TimeRange:
    """Some time before and after a moment.

    Args:
        around: the moment, as :func:`time_range` reads it.
        within: how long, on each side: ``5m``, ``90 seconds``.
        tz_name: the log's zone.
        now: an aware time, for tests.

    Raises:
        UsageError: a time that nobody can read, or an unknown zone.
    """
    zone = zone_named(tz_name)
    middle = read_time(around, _local(now or datetime.now(UTC), zone), zone, "around")
    begin = _before(middle, within.strip().lower().removeprefix("-"), zone, within, "within")
    try:
        end = _local(middle.astimezone(UTC) + (middle.astimezone(UTC) - begin.astimezone(UTC)), zone)
    except (OverflowError, ValueError) as error:
        raise _unreadable(str(around), "around") from error
    return time_range(begin, end, tz_name, now)


def moved(time: datetime, by: timedelta) -> datetime:
    """A time moved by some time; the first or last that there is where it would be beyond."""
    try:
        return time + by
    except OverflowError:
        return datetime.min if by < timedelta() else datetime.max


def read_time(text: str | datetime, now: datetime, zone: tzinfo | None, argument: str) -> datetime:
    """One moment, aware, from what a person typed.

    Raises:
        UsageError: it cannot be read.
    """
    if isinstance(text, datetime):
        return text if text.tzinfo else _aware(text, zone)
    words = text.strip().lower()
    if words in ("now", ""):
        return now
    relative = words.removeprefix("-") if words.startswith("-") else words.removesuffix(" ago")
    if relative != words:
        return _before(now, relative, zone, text, argument)
    day, _, rest = words.partition(" ")
    if day in _DAYS:
        wall = _midnight(now) + timedelta(days=_DAYS[day])
        return _aware(_clock(wall, rest.strip(), text, argument) if rest else wall, zone)
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        parsed = _lenient(text, now, argument)
    return parsed if parsed.tzinfo else _aware(parsed, zone)


def in_zone(time: datetime, printed: str | None, zone: tzinfo | None) -> datetime:
    """A printed time as a wall time of the zone; only a printed zone that says its offset counts."""
    own = _printed_zone(printed)
    if own is None:
        return time
    try:
        return _local(time.replace(tzinfo=own), zone).replace(tzinfo=None)
    except (OverflowError, OSError, ValueError):  # before year 1 there, or after year 9999
        return time


def in_utc(time: datetime, printed: str | None, zone: tzinfo | None) -> datetime | None:
    """A printed time in UTC; ``None``: it lies before year 1 there, or after year 9999.

    Args:
        time: wall time, as printed.
        printed: the zone that stands beside it.
        zone: of a log that prints none; ``None``: this machine's.
    """
    own = _printed_zone(printed) or zone
    try:
        return (time.replace(tzinfo=own) if own is not None else time.astimezone()).astimezone(UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _printed_zone(printed: str | None) -> tzinfo | None:
    """The zone that a log prints beside a time; ``None``: its offset is not known."""
    return UTC if printed in ("UTC", "GMT", "Z") else _offset(printed or "")


def _offset(text: str) -> tzinfo | None:
    """The zone of an offset like ``+02:00`` or ``+0200``; ``None``: it is no offset."""
    found = re.fullmatch(r"([+-])([01]\d|2[0-3]):?([0-5]\d)", text, re.ASCII)
    if found is None:
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    return timezone(timedelta(minutes=minutes if found[1] == "+" else -minutes))


def _before(now: datetime, amounts: str, zone: tzinfo | None, text: str, argument: str) -> datetime:
    from dateutil.relativedelta import relativedelta

    elapsed = timedelta()
    calendar = relativedelta()
    position = 0
    for found in _AMOUNT.finditer(amounts):
        unit = _UNITS.get(found[2])
        if found.start() != position or unit is None:
            break
        position = found.end()
        if unit in ("seconds", "minutes", "hours"):
            elapsed += timedelta(**{unit: int(found[1])})
        else:  # a day ago is the same wall time, however long the day was
            calendar += relativedelta(**{unit: int(found[1])})  # type: ignore[arg-type]
    if not position or position != len(amounts):
        raise _unreadable(text, argument)
    try:
        moment = _aware(now.replace(tzinfo=None) - calendar, zone) if calendar else now
        return _local(moment.astimezone(UTC) - elapsed, zone)
    except (OverflowError, ValueError) as error:
        raise _unreadable(text, argument) from error


def _lenient(text: str, now: datetime, argument: str) -> datetime:
    """Other notations through dateutil; not those in which day and month can be mistaken."""
    from dateutil import parser

    if _SLASHES.search(text):
        raise UsageError(
            f"{text}: day and month could be exchanged", "write it as 2026-11-23", argument=argument
        )
    try:
        return parser.parse(text, default=_midnight(now))
    except (ValueError, OverflowError) as error:
        raise _unreadable(text, argument) from error


def _clock(wall: datetime, text: str, whole: str, argument: str) -> datetime:
    from dateutil import parser

    try:
        return parser.parse(text, default=wall)
    except (ValueError, OverflowError) as error:
        raise _unreadable(whole, argument) from error


def _unreadable(text: str, argument: str) -> UsageError:
    return UsageError(f"{text}: cannot be read as a time", f"try one of {EXAMPLES}", argument=argument)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


def _local(moment: datetime, zone: tzinfo | None) -> datetime:
    return moment.astimezone(zone)


def _own(zone: tzinfo | None) -> tzinfo:
    if zone is not None:
        return zone
    from dateutil import tz

    return tz.gettz() or tz.tzlocal()


def _aware(wall: datetime, zone: tzinfo | None) -> datetime:
    """A wall time as a moment; one that clocks jumped over becomes the moment after the jump."""
    from dateutil import tz

    return tz.resolve_imaginary(wall.replace(tzinfo=_own(zone)))


def _earliest(moment: datetime, zone: tzinfo | None) -> datetime:
    """The first wall time that can mean a moment from here on."""
    from dateutil import tz

    own = _own(zone)
    local = moment.astimezone(UTC).astimezone(own)
    wall = local.replace(tzinfo=None, fold=0)
    if tz.datetime_ambiguous(wall, own) and not tz.enfold(local, local.fold).fold:
        # The first of two passes: all of the second lies ahead.
        while tz.datetime_ambiguous(wall - timedelta(minutes=1), own):
            wall -= timedelta(minutes=1)
        return wall.replace(second=0, microsecond=0)
    return wall


def _latest(moment: datetime, zone: tzinfo | None) -> datetime:
    """The first wall time that cannot mean a moment before here."""
    from dateutil import tz

    own = _own(zone)
    local = moment.astimezone(UTC).astimezone(own)
    wall = local.replace(tzinfo=None, fold=0)
    if tz.datetime_ambiguous(wall, own) and local.fold:
        # The second of two passes: all of the first is over.
        while tz.datetime_ambiguous(wall, own):
            wall += timedelta(minutes=1)
        return wall.replace(second=0, microsecond=0)
    return wall
