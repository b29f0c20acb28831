"""What crosses ssh: what was counted there is what is read here, and what cannot be is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._failures.distinct import MOST_IDS, hash_of
from logscan._failures.in_common import joined
from logscan._failures.incidents import Incidents
from logscan._failures.members import EPOCH, MICROSECOND
from logscan._failures.seen import Seen
from logscan._failures.selection import Selection
from logscan._failures.tally import Counted, CountRequest
from logscan._hosts.rows import FoundFrames, failure_frames, read_failures, read_found
from logscan._hosts.tallies import TallyReader, counters_of, parts_of, read_counters, read_problems
from logscan._hosts.wire import Frames, WireError, name_of, packed, text, words
from logscan.values import Channel, Counters, FailedHandshake, Found, Place, Problem, Span, SslInfo

START = datetime(2026, 11, 23)
ADDRESS = "ssh://mp01"
BY = ("target", "host", "hour")
NAMES = st.one_of(st.none(), st.sampled_from(["a", "ä", "\u2028", "'", "x" * 200]))
FAILURES = st.builds(
    lambda seconds, org, proxy, alert, keystore, port, message, families: FailedHandshake(
        None if seconds is None else START + timedelta(seconds=seconds), None, org, "e", proxy, "1", message, "t",
        alert, families, "southbound", "peer", "why\n",
        None if port is None else Channel("SSLClientChannel", 1, "10.0.0.1", port, None, None, 1, 0, 0, -1, 1, None),
        None if keystore is None else SslInfo(keystore, "alias", "ts"), None, "mp01", Place("/x/system.log", 5),
    ),
    st.one_of(st.none(), st.integers(0, 10**7)), NAMES, NAMES, st.sampled_from(["bad_certificate", "?", "new"]), NAMES,
    st.one_of(st.none(), st.integers(0, 65_535)), NAMES,
    st.sampled_from([("client-certificate",), ("client-certificate", "server-certificate")]),
)  # fmt: skip


def crossed(value: dict[str, Any]) -> dict[str, Any]:
    """A frame as it arrives."""
    data = [packed(value), b""]
    frame = Frames(lambda: data.pop(0), 1 << 30).next()
    assert frame is not None
    return frame


def asked(by: tuple[str, ...] = (), *, group: bool = False) -> CountRequest:
    """A request."""
    return CountRequest(Selection(), by, datetime.max, lambda _: "mp01", group=group)


def begun(request: CountRequest) -> Counted:
    """Nothing counted yet."""
    return Counted(Incidents(request.by, request.max_incidents, group=request.group))


def counted(request: CountRequest, failures: list[FailedHandshake]) -> Counted:
    """What is counted of some failures."""
    made = begun(request)
    for failure in failures:
        seen = Seen()
        name = None if failure.message_id is None else failure.message_id.encode()
        moment = None if failure.time is None else (failure.time - EPOCH) // MICROSECOND
        seen.add(moment, name, hash_of(name or b""))
        made.incidents.take(failure, seen)
        (made.possible if failure.families[1:] else made.certain).take(failure, seen)
        made.others.add(failure.alert, 1)
        made.places.take(failure, 1)
        made.unnamed += name is None
        if name is not None:
            made.ids.add(hash_of(name))
    return made


def read_back(request: CountRequest, value: Counted) -> Counted:
    """The same after it has crossed."""
    reader, made = TallyReader(request, "mp01"), begun(request)
    for part in parts_of(value):
        made.merge(reader.read(crossed(part)))
    return made


def shown(value: Counted) -> list[Any]:
    """All that a report makes of it."""
    groups = (value.certain, value.possible)
    return [
        value.incidents.emit(), value.messages, value.elsewhere, value.others.counter(),
        [value.places.seen(name) for name in ("org", "env", "proxy")],
        [[each.count, each.first, each.last, each.shared(), each.alerts(), each.bars(), each.timeline] for each in groups],
        [[timed.spans() for timed in (each.keystores, each.revisions, each.hosts)] for each in groups],
        [each.beside("target", "10.0.0.1:443", "proxy") for each in groups],
    ]  # fmt: skip


@given(st.lists(FAILURES, max_size=30), st.booleans(), st.sampled_from([(), BY]))
def test_what_was_counted_is_read(failures: list[FailedHandshake], group: bool, by: tuple[str, ...]) -> None:
    """Incidents, what they have in common, places, alerts, messages: alone, and merged with what was here."""
    request = asked(by, group=group and bool(by))
    assert shown(read_back(request, counted(request, failures))) == shown(counted(request, failures))
    both = counted(request, failures[:9])
    both.merge(read_back(request, counted(request, failures[9:])))
    assert shown(both) == shown(counted(request, failures))


def test_a_storm_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond every limit of what is kept of an incident, in parts of which each may cross."""
    monkeypatch.setattr("logscan._hosts.tallies._MOST_HELD", MOST_IDS)
    request = asked()
    (base,) = [
        FailedHandshake(
            START, None, "o", "e", "p", "1", "m", "t", "bad_certificate", ("client-certificate",), "southbound",
            "peer", "why", None, SslInfo("k", "a", "t"), None, "mp01", Place("/x", 0),
        )
    ]  # fmt: skip
    made = begun(request)
    for proxy in range(2):
        for number in range(2_500):
            one = base._replace(
                proxy=f"p{proxy}", ssl_info=SslInfo(f"k{number}", "a", "t"), revision=str(number)
            )
            seen = Seen()
            for again in range(8):
                name = b"%d-%d-%d" % (proxy, number, again)
                seen.add((START - EPOCH) // MICROSECOND + number, name, hash_of(name))
            made.incidents.take(one, seen)
            made.certain.take(one, seen)
    parts = list(parts_of(made))
    assert len(parts) == 3  # each incident with many message ids is a part of its own
    assert shown(read_back(request, made)) == shown(made)
    (first, *_) = made.incidents.emit()
    assert (first.messages > MOST_IDS, "messages" in first.approximate) == (True, True)


@given(st.lists(FAILURES, max_size=20))
def test_failures_are_read(failures: list[FailedHandshake]) -> None:
    """Every field; the path has the address of the host before it."""
    back = [
        each for frame in failure_frames(failures) for each in read_failures(crossed(frame), ADDRESS, "mp01")
    ]
    assert back == [each._replace(place=Place(f"{ADDRESS}{each.place.path}", 5)) for each in failures]


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans(), st.integers(0, 1 << 40)), max_size=30))
def test_entries_are_read(entries: list[tuple[bytes, bool, int]]) -> None:
    """Any bytes."""
    found = [Found(Span(data, Place("/\udcff", at), at, odd, at), not odd) for data, odd, at in entries]
    frames = FoundFrames()
    sent = [*map(frames.add, found), frames.rest()]
    back = [each for frame in sent if frame is not None for each in read_found(crossed(frame), ADDRESS)]
    assert [each.span.place.path for each in back] == [f"{ADDRESS}/\udcff"] * len(found)
    assert [each.span._replace(place=found[0].span.place) for each in back] == [
        each.span._replace(place=found[0].span.place) for each in found
    ]
    assert [each.matches for each in back] == [each.matches for each in found]


def test_many_small_entries_cross() -> None:
    """More than a frame may have are sent in several."""
    frames = FoundFrames()
    one = Found(Span(b"x", Place("/x", 0)), True)
    sent = [frame for _ in range(25_000) if (frame := frames.add(one)) is not None]
    assert sum(len(read_found(frame, ADDRESS)) for frame in sent) == 20_000


def test_counters_are_read() -> None:
    """Numbers, and problems under the address of the host: never under another's."""
    counters = Counters(bytes=7, files=2, problems=[Problem("/x", "r", "h"), Problem("ssh://mp012/x", "r")])
    back = read_counters(crossed(counters_of(counters)), ADDRESS)
    assert (back.bytes, back.files) == (7, 2)
    assert [each.path for each in back.problems] == ["ssh://mp01/x", "ssh://mp01/ssh://mp012/x"]
    assert read_problems({"problems": [["0/y", "r", "h", True, False]]}, ADDRESS)[0].path == "ssh://mp01/0/y"


def at(*where: Any, value: Any) -> Callable[[list[dict[str, Any]]], None]:
    """A change of the parts of a count."""

    def change(parts: list[dict[str, Any]]) -> None:
        held: Any = parts
        for step in where[:-1]:
            held = held[step]
        held[where[-1]] = value

    return change


TALLY = (1, "incidents", 0, 6)


@pytest.mark.parametrize(
    "change",
    [
        at(0, "certain", "values", "target", value=[[["x", 1]], 1]),  # leaves out those of other hosts
        at(0, "ids", value=["", 1]), at(*TALLY, 4, value=["", 5]), at(0, "places", "org", value=[[], 1]),
        at(0, "certain", "pairs", 0, value=[[["x", 1]], 0]), at(0, "certain", "pairs", value=[]),
        at(0, "certain", "keystores", value=[[[["a\0b", 1]], 0], [["a\0b", 0, 0]]]),
        at(0, "certain", "revisions", value=[[[["a", 1]], 0], [["a", 0, 0]]]),
        at(0, "certain", "hosts", value=[[[["a", 1]], 0], [["a", 5, 4]]]), at(0, "certain", "first", value=None),
        at(0, "certain", "last", value=0), at(*TALLY, 0, value=0), at(*TALLY, 0, value=3), at(*TALLY, 5, value=2),
        at(*TALLY, 1, value=1 << 63), at(*TALLY, 2, value=-(10**15)), at(*TALLY, 8, value=[[["f"], 1]]),
        at(1, "incidents", 0, 2, value="x\udc80"),
        at(1, "incidents", 0, 3, value=None), at(0, "others", value=[[["x", True]], [[], 0], 0]),
        at(0, "unnamed", value=1 << 60), at(0, "rest", value=[]), at(0, "certain", "every", value=[1, []]),
    ],
)  # fmt: skip
def test_counts_that_cannot_be(change: Callable[[list[dict[str, Any]]], None]) -> None:
    """They would leave out what other hosts say, or end a report."""
    request = asked()
    one = FailedHandshake(
        START, None, "o", "e", "p", "1", "m", "t", "bad_certificate", ("client-certificate",), "southbound", "peer",
        "why", None, SslInfo("k", "a", "t"), None, "mp01", Place("/x", 0),
    )  # fmt: skip
    parts = [crossed(part) for part in parts_of(counted(request, [one]))]
    for part in copy.deepcopy(parts):
        TallyReader(request, "mp01").read(part)
    change(parts)
    with pytest.raises(WireError):
        _ = [TallyReader(request, "mp01").read(part) for part in parts]


def test_names_of_other_hosts_do_not_come_here() -> None:
    """Keystores and times of another host are those of the host that says so."""
    request = asked()
    (sent, *_) = parts_of(begun(request))
    sent["certain"]["keystores"] = [
        [[[joined("mp02", "a", "k"), 1]], 0],
        [[joined("mp02", "a", "k"), 0, 1]],
    ]
    sent["certain"]["hosts"] = [[[["mp02", 1]], 0], [["mp02", 0, 1]]]
    read = TallyReader(request, "mp01").read(crossed(sent))
    assert list(read.certain.keystores.spans()) == [joined("mp01", "a", "k")]
    assert list(read.certain.hosts.spans()) == ["mp01"]


@pytest.mark.parametrize("path", ["0/system.log", ".evil.org/x", "", "x"])
def test_paths_begin_at_the_root(path: str) -> None:
    """After the address of a host, another would name a file of another host."""
    with pytest.raises(WireError):
        read_found({"rows": [[path, 0, 0, False, 0, 1, True]], "data": "x"}, ADDRESS)
    with pytest.raises(WireError):
        name_of(path)


@pytest.mark.parametrize(
    "row", [["/x", 0, 0, False, 0, 2, True], ["/x", 0, 0, False, 0, 0, True], ["/x", -1, 0, False, 0, 1, True], ["/x"]]
)  # fmt: skip
def test_entries_that_do_not_fit(row: list[Any]) -> None:
    """Sizes that are not those of the bytes, offsets below zero, rows of another form."""
    with pytest.raises(WireError):
        read_found({"rows": [row], "data": "x"}, ADDRESS)


def test_half_characters() -> None:
    """In paths as Python reads bytes that are no UTF-8; elsewhere never."""
    assert text("/\udcff") == "/\udcff"
    for check, value in ((text, "\ud800"), (words, "\udcff")):
        with pytest.raises(WireError):
            check(value)


def frames_of(data: bytes, size: int = 1 << 16) -> Frames:
    """Frames of some bytes."""
    left = [data[begin : begin + size] for begin in range(0, len(data), size)]
    return Frames(lambda: left.pop(0) if left else b"", 1 << 30)


def test_frames_of_many_parts() -> None:
    """A frame of empty lists takes many times its bytes in memory: it is not made."""
    with pytest.raises(WireError, match="too many parts"):
        frames_of(packed({"x": [[]] * (3 << 20)})).next()


def test_all_frames_together_are_bounded() -> None:
    """A bomb across many frames."""
    one = packed({"x": "y" * (1 << 20)})
    left = [one] * 10
    frames = Frames(lambda: left.pop() if left else b"", 5 << 20)
    with pytest.raises(WireError, match="more than it may"):
        _ = list(iter(frames.next, None))
    assert len(left) == 5


def test_numbers_of_json() -> None:
    """NaN, infinity, floats and endless numbers are no numbers."""
    for number in ("NaN", "Infinity", "-Infinity", "1.0", "1e9", "9" * 10_000):
        import struct
        import zlib

        data = zlib.compress(b'{"x":%s}' % number.encode())
        with pytest.raises(WireError, match="damaged"):
            frames_of(struct.pack(">I", len(data)) + data).next()
    assert json.loads("NaN") != 0  # Python would take it
