"""Readers of bytes from outside, one function each: whatever the bytes, it returns, or raises what it documents.

``python -m tests.fuzz.run TARGET SECONDS`` feeds them (see there); ``test_replay.py`` replays ``corpus/``. A new
reader of bytes from outside gets a function here, and what a run finds gets a file in ``corpus/TARGET/``.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from logscan.errors import InputError, UsageError
from logscan.values import Counters, Place, Span

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
TLS = DATA / "tls"
CORPUS = Path(__file__).parent / "corpus"
MAX_SEED = 256 << 10
"""Bytes of a file of the tests' data that is a seed."""


@dataclass(frozen=True)
class Target:
    """One reader, and what to begin with."""

    read: Callable[[bytes], object]
    raises: tuple[type[Exception], ...]
    """What it documents."""
    patterns: tuple[str, ...]
    """Files below ``tests/data``, and ``sample_logs``."""

    def __call__(self, data: bytes) -> None:
        """Feed it."""
        with contextlib.suppress(*self.raises):
            self.read(data)

    def seeds(self) -> Iterator[bytes]:
        """Whole files to begin with."""
        for pattern in self.patterns:
            for path in sorted(ROOT.glob(pattern)):
                if path.is_file() and path.stat().st_size <= MAX_SEED:
                    yield path.read_bytes()
        yield from (data for _, data in replay(self.read.__name__))


TARGETS: dict[str, Target] = {}


def target(
    *patterns: str, raises: tuple[type[Exception], ...] = (InputError,)
) -> Callable[[Callable[[bytes], object]], Callable[[bytes], object]]:
    """Make a function a target of its own name."""

    def add(read: Callable[[bytes], object]) -> Callable[[bytes], object]:
        TARGETS[read.__name__] = Target(read, raises, patterns)
        return read

    return add


def replay(name: str) -> Iterable[tuple[str, bytes]]:
    """What runs have found: file and content."""
    folder = CORPUS / name
    return ((path.name, path.read_bytes()) for path in sorted(folder.glob("*")))


@cache
def _folder() -> Path:
    """A directory for readers of files, in memory where there is such a place; removed at the end."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    keeper = tempfile.TemporaryDirectory(dir=place)
    _KEEPERS.append(keeper)
    return Path(keeper.name)


_KEEPERS: list[tempfile.TemporaryDirectory[str]] = []


def _file(data: bytes, name: str = "file") -> str:
    path = _folder() / name
    path.write_bytes(data)
    return str(path)


# -- evidence ---------------------------------------------------------------------------------------------------


@target("tests/data/tls/pki/*", "tests/data/tls/s_client/*", "tests/data/tls/edge_json/*", raises=())
def kind(data: bytes) -> object:
    """What a file is, by its beginning: never raises."""
    from logscan._evidence.kinds import HEAD, kind_of_evidence

    return kind_of_evidence(data[:HEAD])


@target("tests/data/tls/pki/*.pem", raises=(ValueError,))
def certificate(data: bytes) -> object:
    """A certificate in DER; of a text, those in PEM."""
    from logscan._evidence.certificates import certificate_from_der, signed_by
    from logscan._evidence.keystores.pem import pem_certificates

    if data[:1] == b"\x30":
        found = certificate_from_der.__wrapped__(data, "x")
        return found.fingerprint, found.self_issued, signed_by(found, found)
    return [(each.fingerprint, signed_by(each, each)) for each in pem_certificates(data, "x")]


@target("tests/data/tls/pki/*.p12", "tests/data/tls/pki/*.jks", "tests/data/tls/pki/*.pem")
def keystore(data: bytes) -> object:
    """PEM, DER, PKCS#12, JKS and JCEKS, with a password."""
    from logscan._evidence.keystores.read_keystore import read_keystore

    return read_keystore(data, "x", "x", ["changeit"])


@target("tests/data/tls/jsse17/*.pcap", "tests/data/tls/variants/*", "tests/data/tls/openssl/*.pcap")
def capture(data: bytes) -> object:
    """pcap and pcapng, with secrets; and the cut of it for support."""
    from logscan._diagnosis.facts_from_wire import facts_from_wire
    from logscan._evidence.capture.cutting import cut
    from logscan._evidence.capture.read_capture import CaptureCounters, read_capture

    path, counters = _file(data, "capture.pcap"), CaptureCounters()
    found = list(read_capture(path, _keys(), counters, lambda _: None))
    cut(path, found, lambda payload: payload)
    for connection in found:
        facts_from_wire(connection)
    assert counters.not_understood == 0, "the net caught something"
    return found


@cache
def _keys():  # type: ignore[no-untyped-def]
    from logscan._evidence.capture.keylog import KeyLog

    keys = KeyLog()
    keys.add((TLS / "openssl/sslkeylog_root.txt").read_bytes())
    return keys


@target("tests/data/tls/openssl/*.txt", raises=())
def keylog(data: bytes) -> object:
    """Lines of a key log."""
    from logscan._evidence.capture.keylog import KeyLog, is_key_log

    return is_key_log(data), KeyLog().add(data)


@target("tests/data/tls/s_client/*", raises=())
def s_client(data: bytes) -> object:
    """What openssl s_client printed: never raises."""
    from logscan._evidence.s_client import read_s_client

    return read_s_client(data, "x")


@target("tests/data/tls/dn/*", raises=(ValueError,))
def name(data: bytes) -> object:
    """A distinguished name, from DER or text."""
    from logscan._evidence.distinguished_names import from_der, parse

    if data[:1] == b"\x30":
        return from_der.__wrapped__(data)
    return parse.__wrapped__(data[:20_000].decode("utf-8", "surrogateescape"))


@target("tests/data/tls/edge_json/*", "tests/data/tls/edge_xml/*", raises=(ValueError,))
def answer(data: bytes) -> object:
    """An answer of the management API, JSON or XML, and what it joins to."""
    from logscan._evidence.api_answers import Answers

    answers = Answers()
    answers.take(data, "x", "/organizations/o/environments/e/keystores/k/aliases/a")
    for store in answers.environment().keystores.values():
        str(store).encode()  # no half characters
    return answers.understood


@target("tests/data/diagnose/*.json", raises=())
def api_error(data: bytes) -> object:
    """An error in place of an answer: never raises."""
    from logscan._evidence.api_errors import error_of

    found = error_of(data, "/organizations/o/environments/e/keystores/k/aliases/a")
    return found and found.explanation


@target("tests/data/engine_debug/*.txt", raises=())
def engine_debug(data: bytes) -> object:
    """Output of javax.net.debug, in blocks: never raises."""
    from logscan._evidence.engine_debug import EngineCounters
    from logscan._evidence.read_engine_debug import handshakes_of

    return handshakes_of(iter((data[:5000], data[5000:])), "x", EngineCounters())


@target(raises=())
def router_access(data: bytes) -> object:
    """A Router's access log, in blocks: never raises."""
    from logscan._evidence.router_access import RouterCounts, count_requests

    counts = RouterCounts()
    count_requests((data[:500], data[500:]), "x", counts)
    return counts


@target("tests/data/tls/proxy_bundle.zip")
def bundle(data: bytes) -> object:
    """A proxy bundle as a zip."""
    from logscan._evidence.bundle import read_bundle_zip

    return read_bundle_zip(data, "x")


@target("tests/fuzz/corpus/trace/*", raises=(ValueError,))
def trace(data: bytes) -> object:
    """A debug session, JSON or XML."""
    from logscan._evidence.trace import read_trace

    return read_trace(data, "x")


# -- files of logscan's own ---------------------------------------------------------------------------------------


@target("tests/data/store*/**/logscan-store.json")
def manifest(data: bytes) -> object:
    """The manifest of a store of version 0.1.0; no path in it leads outside."""
    from logscan._store.old_manifest import read_manifest
    from logscan._store.storage import OLD_MANIFEST

    loaded = read_manifest(_file(data, OLD_MANIFEST))
    for name, each in loaded.files:
        assert not {"..", ""} & {*name.split("/"), *each.name.split("/")}
    return loaded


@target("tests/fuzz/corpus/configuration/*", raises=(UsageError,))
def configuration(data: bytes) -> object:
    """logscan.toml, with the options of every command."""
    from logscan._cli import _configuration
    from logscan._cli._commands import COMMANDS

    return _configuration.defaults(
        _group(), _configuration.load(_file(data)), _configuration.HERE, COMMANDS, lambda *_: None
    )


@cache
def _group():  # type: ignore[no-untyped-def]
    from logscan._cli._commands import grouped

    return grouped(())


@target("tests/fuzz/corpus/checkpoint/*")
def checkpoint(data: bytes) -> object:
    """What tail saved."""
    from logscan._live.checkpoint import load

    return load(_file(data))


@target("tests/fuzz/corpus/index/*")
def index(data: bytes) -> object:
    """An index: its files, and where ids stand."""
    from logscan._index.database import IndexDatabase

    database = IndexDatabase(_file(data, "index"))
    try:
        return [database.ranges(file, [b"rrt-1", b"x"]) for file in database.files()]
    finally:
        database.close()


# -- logs ---------------------------------------------------------------------------------------------------------


@target("sample_logs/*/*.log", "tests/data/log/**/*", raises=())
def entry(data: bytes) -> object:
    """One entry: its header, what it names, and its failure."""
    from logscan._entries.parse import parse
    from logscan._failures.log_lines import read_line
    from logscan.times import in_utc

    parsed = parse(Span(data[: 1 << 20], Place("x", 0)), Counters())
    if parsed.time is not None:
        in_utc(parsed.time, parsed.zone, None)
    return read_line(parsed)


@target("sample_logs/*/*.log", "tests/data/log/**/*")
def log(data: bytes) -> object:
    """A whole log, as report reads it."""
    import logscan

    return logscan.report(_file(data, "system.log"), alert="all", workers=1)


@target("tests/fuzz/corpus/unpack/*")
def unpack(data: bytes) -> object:
    """gz, zst, bz2, xz: the first 16 MiB of what they hold."""
    from logscan._reading.decompressors import unpacking_errors
    from logscan._reading.unpack import open_bytes, read_up_to

    with contextlib.closing(open_bytes(_file(data, "packed"))) as stream:
        return len(read_up_to(stream, 16 << 20, unpacking_errors()))


@target("tests/fuzz/corpus/redact/*", "sample_logs/*/*.log", raises=())
def redact(data: bytes) -> object:
    """Masking of secrets."""
    from logscan._support.redact import redact as mask

    return mask(data.decode("utf-8", "surrogateescape"), Counter())


# -- what hosts say -------------------------------------------------------------------------------------------------


@target(raises=())
def wire(data: bytes) -> object:
    """Bytes of a host: noise, the mark, frames."""
    from logscan._hosts.wire import Frames, WireError

    parts = [data[:7], data[7:]]
    frames = Frames(lambda: parts.pop(0) if parts else b"", 64 << 20)
    with contextlib.suppress(WireError):
        frames.line(1 << 20)
        while frames.next() is not None:
            pass
    return frames


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    """The values of frames, one in a line, as they cross."""
    from logscan._hosts.wire import Frames, WireError, packed

    for line in data.splitlines():
        try:
            sent = [packed(json.loads(line))]
            frame = Frames(sent.pop, 64 << 20).next()
        except (ValueError, RecursionError, WireError):
            continue
        if frame is not None:
            yield frame


@target(raises=())
def tallies(data: bytes) -> object:
    """What a host has counted, merged with what was counted here, and all that a report makes of it."""
    from datetime import datetime

    from logscan._failures.incidents import Incidents
    from logscan._failures.selection import HostNames, Selection
    from logscan._failures.tally import Counted, CountRequest
    from logscan._hosts.rows import read_failures
    from logscan._hosts.tallies import TallyReader, read_counters
    from logscan._hosts.wire import WireError
    from logscan._jobs._overview import overview_of
    from logscan._scanning.plan import Inputs

    request = CountRequest(Selection(orgs=("o",)), ("hour",), datetime(2026, 11, 23), HostNames(()))
    made, reader = Counted(Incidents(request.by)), TallyReader(request, "mp01")
    with contextlib.suppress(WireError):
        for frame in _lines(data):
            if frame.get("k") == "failures":
                made.failures += read_failures(frame, "ssh://mp01", "mp01")
            elif frame.get("k") == "counters":
                made.counters.add(read_counters(frame, "ssh://mp01"))
            else:
                made.merge(reader.read(frame))
    end = {"mp01": None, "mp02": datetime(2026, 11, 23)}
    overview = overview_of(made, Inputs((), ()), request.selection, HostNames(()), end)
    return made.incidents.emit(), made.messages, made.others.counter(), overview


@target(raises=())
def rows(data: bytes) -> object:
    """Failures and entries of a host, and how far it has read."""
    from logscan._hosts.rows import read_failures, read_found
    from logscan._hosts.wire import WireError
    from logscan._jobs._tail_elsewhere import state_in
    from logscan._live.checkpoint import as_data, from_data

    made: list[object] = []
    for frame in _lines(data):
        with contextlib.suppress(WireError):
            if frame.get("k") == "found":
                made += read_found(frame, "ssh://mp01")
            elif frame.get("k") == "state":
                state = as_data(state_in(frame))
                assert as_data(from_data(state, kept=float("inf"))) == state
            else:
                made += [each.target for each in read_failures(frame, "ssh://mp01", "mp01")]
    return made


class _Agent:
    """A session with an agent that says what it likes."""

    def __init__(self, frames: Iterator[dict[str, Any]]) -> None:
        from logscan._reading.ssh import Host

        self.host, self._frames = Host("mp01"), frames

    def ask(self, _: object) -> None:
        """Take a question."""

    def receive(self) -> dict[str, Any]:
        """The next frame."""
        frame = next(self._frames, None)
        if frame is None:
            raise InputError("the connection ended")
        return frame

    def answer(self, end: str) -> Iterator[dict[str, Any]]:
        """The frames up to one."""
        while (frame := self.receive()).get("k") != end:
            yield frame

    def refusal(self, error: Exception) -> InputError:
        """What is said of a frame that cannot be."""
        return InputError(str(error))


@target()
def agent(data: bytes) -> object:
    """An agent: its files, copies and entries, and what is counted and followed of them."""
    from datetime import datetime

    from logscan._failures.count_unit import needles_of
    from logscan._failures.handshakes import DEFAULT_RULE
    from logscan._failures.selection import HostNames, Selection
    from logscan._failures.tally import CountRequest
    from logscan._hosts.agent_client import AgentClient
    from logscan._jobs._elsewhere import _Units
    from logscan._live.live_joiner import LiveJoiner
    from logscan._live.options import FollowOptions
    from logscan.times import TimeRange

    times = TimeRange(datetime(2026, 11, 22), None, None)
    request = CountRequest(Selection(times=times), (), datetime(2026, 11, 23), HostNames(("mp01=*",)))
    counters, live = Counters(), LiveJoiner(Counters(), lambda _: "mp01", DEFAULT_RULE, FollowOptions())
    client = AgentClient(_Agent(_lines(data)), counters, times)  # type: ignore[arg-type]
    client.discover(["/"])
    units = _Units(request, counters)
    for entries in client.scan(needles_of(False), 1 << 20):
        list(units.feed(3600, client.slices, entries))
        live.feed(client.slices[entries.stream].stream[0].path, entries.spans())
    return [part.incidents.emit() for part in units.end()], live.release(), client.end
