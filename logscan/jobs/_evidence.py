"""Evidence from paths: each file is taken for what its content says it is.

A file that cannot be read, or not understood, is told with its reason while the rest goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from logscan.diagnosis.cases import Groups
from logscan.entries.layouts import LAYOUTS
from logscan.errors import InputError, NoLogsError, problem_of, reason_of
from logscan.evidence import api_answers as management_api
from logscan.evidence import bundle, s_client, trace
from logscan.evidence.capture.connections import MAX_OPEN, Connection
from logscan.evidence.capture.keylog import KeyLog, is_key_log
from logscan.evidence.capture.packets import is_capture
from logscan.evidence.capture.read_capture import MAX_CONNECTIONS, CaptureCounters, read_capture
from logscan.evidence.collected import Evidence
from logscan.evidence.configuration import Proxy
from logscan.evidence.keystores import read_keystore as keystores
from logscan.evidence.keystores.read_keystore import Keystore, WrongPasswordError, read_keystore
from logscan.failures.selection import HostNames, Selection
from logscan.jobs._counting import failures_of
from logscan.jobs._spans import inputs_of
from logscan.reading.decompressors import unpacking_errors
from logscan.reading.remote import expand, is_remote
from logscan.reading.unpack import first_bytes, open_bytes
from logscan.scanning.plan import Limits, Progress
from logscan.store.inputs import stores_among
from logscan.values import Counters, Problem

if TYPE_CHECKING:
    from logscan.evidence.api_client import Fetcher, Management

HEAD = 1 << 16
"""Bytes by which a file is known."""
MAX_FILE = 64 << 20
"""Bytes of a file that is read as a whole (not a log, not a capture)."""
MAX_FILES = 100_000
"""Files of directories that are looked at."""

LOG, CAPTURE, BUNDLE, KEYSTORE, CERTIFICATES, S_CLIENT, KEY_LOG, TRACE, ANSWER = (
    "Message Processor log", "packet capture", "proxy bundle", "keystore", "certificates",
    "openssl s_client output", "key log", "debug session", "management API answer",
)  # fmt: skip


@dataclass(slots=True)
class EvidenceRequest:
    """What to read, and how."""

    paths: Sequence[str]
    selection: Selection = field(default_factory=lambda: Selection(alerts=frozenset()))
    """Which failures of logs. Without alerts or a family: all that a refused client certificate can cause."""
    keystore: str | None = None
    """The file of the keystore that is used."""
    backend_ca: Sequence[str] = ()
    keylogs: Sequence[str] = ()
    passwords: Sequence[str] = ()
    ask_password: Callable[[str], str | None] | None = None
    """Asks a person for the password of a file."""
    hosts: HostNames = field(default_factory=HostNames)
    limits: Limits = field(default_factory=Limits)
    management: Management | None = None
    """EvidenceRequest live for what the cases need."""
    org: str | None = None
    env: str | None = None
    """Organization and environment, where no log names them."""
    max_connections: int = MAX_CONNECTIONS
    max_open: int = MAX_OPEN


@dataclass(slots=True)
class Read:
    """What was read."""

    evidence: Evidence
    groups: Groups
    counters: Counters
    keystore: Keystore | None
    logs: list[str]
    captures: list[str]
    answers: dict[str, bytes]
    """What the management API answered live, by path."""


def collect(asked: EvidenceRequest, progress: Progress | None = None) -> Read:
    """Read all evidence.

    Raises:
        InputError: a file that was named for its role cannot be read.
    """
    counters = Counters()
    reader = _Reader(asked, counters)
    folders, paths = stores_among(asked.paths)
    for folder in folders:
        reader.logs.append(folder)
        reader.evidence.files[folder] = LOG
    for path, named in _files(paths, counters.problems):
        reader.take(path, named)
    for path in asked.keylogs:
        if not reader.keys.add(whole(path)):
            raise InputError(
                f"--keylog {path}: no secret of TLS 1.3 in it", "give the file that SSLKEYLOGFILE named"
            )
        reader.evidence.files[path] = KEY_LOG
    for path in asked.backend_ca:
        found = list(reader.read_keystore(path).entries)
        reader.evidence.backend_cas += [certificate for entry in found for certificate in entry.chain]
        reader.evidence.files[path] = "backend's trusted authorities"
    given = None
    if asked.keystore is not None:
        given = reader.read_keystore(asked.keystore)
        reader.evidence.files[asked.keystore] = KEYSTORE
        if given not in reader.evidence.keystores:
            reader.evidence.keystores.append(given)
    for path in reader.captures:
        reader.capture(path)
    groups = Groups(asked.selection.times.zone)
    if reader.logs:
        _scan_logs(reader.logs, asked, groups, counters, progress)
    groups.trace(reader.evidence.traces)
    answers: dict[str, bytes] = {}
    if asked.management is not None:
        answers = _fetch(asked, asked.management, groups, reader, counters)
    reader.evidence.environment = reader.answers.environment()
    return Read(reader.evidence, groups, counters, given, reader.logs, reader.captures, answers)


def _fetch(
    asked: EvidenceRequest, management: Management, groups: Groups, reader: _Reader, counters: Counters
) -> dict[str, bytes]:
    """Ask the management API for what the failures need: bundle, target servers, keystore of each proxy."""
    from logscan.evidence.api_client import Fetcher

    fetcher = Fetcher(management, reader.answers)
    places: dict[tuple[str, str], None] = {}
    evidence = reader.evidence
    try:
        for group in groups.emit():
            org, env = group.org or asked.org, group.env or asked.env
            if org is None or env is None:
                continue
            places[org, env] = None
            known = {(proxy.name, proxy.revision) for proxy in evidence.proxies}
            for revision in [name for name, _ in group.revisions.most_common(3)]:
                if (
                    group.proxy is None
                    or {(group.proxy, revision), (group.proxy, None), (None, None)} & known
                ):
                    continue
                proxy = fetcher.proxy(org, group.proxy, revision)
                if proxy is not None:
                    evidence.proxies.append(
                        Proxy(group.proxy, revision, proxy.targets, proxy.source, proxy.problems)
                    )
        if asked.org and asked.env:
            places[asked.org, asked.env] = None
        for org, env in places:
            _fetch_environment(fetcher, reader, org, env)
    except InputError as error:
        counters.problems.append(Problem("management API", str(error), error.hint))
    return fetcher.saved


def _fetch_environment(fetcher: Fetcher, reader: _Reader, org: str, env: str) -> None:
    """What the targets of one environment resolve to; everything, where no target is known."""
    targets = [target for proxy in reader.evidence.proxies for target in proxy.targets]
    for name in dict.fromkeys(server for target in targets for server in target.servers):
        fetcher.target_server(org, env, name)
    targets += list(reader.answers.environment().target_servers.values())
    settings = [target.tls for target in targets if target.tls is not None]
    for item in settings:
        fetcher.settings(org, env, item)
    if not settings:
        fetcher.everything(org, env)


def _scan_logs(
    paths: list[str], asked: EvidenceRequest, groups: Groups, counters: Counters, progress: Progress | None
) -> None:
    selection = asked.selection
    try:
        inputs = inputs_of(paths, counters, selection.times)
        found = failures_of(
            inputs, counters,
            limits=asked.limits, host_of=asked.hosts, progress=progress, times=selection.times,
        )  # fmt: skip
        for failures in found:
            for failure in failures:
                inside = selection.times.holds(failure.time, failure.zone)
                if inside is None:
                    counters.untimed += 1
                elif inside and selection.covers(failure):
                    groups.feed((failure,))
    except NoLogsError as error:
        counters.problems.append(Problem(", ".join(paths[:3]), str(error), error.hint))


def _files(paths: Sequence[str], problems: list[Problem]) -> Iterator[tuple[str, bool]]:
    """Every file of the paths, and whether it was named itself. A folder that is a bundle is one."""
    count = 0
    for path in paths:
        if is_remote(path):
            try:
                yield from ((name, name == path) for name in expand(path))
            except InputError as error:
                problems.append(problem_of(path, error))
            continue
        if path == "-" or not os.path.isdir(path):
            if path != "-" and not os.path.exists(path):
                problems.append(Problem(path, "no such file", "check the path"))
                continue
            yield path, True
            continue
        if bundle.is_bundle_folder(path):
            yield path, True
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in [name for name in folders if name in bundle.ROOTS]:
                folders.remove(name)
                yield os.path.join(folder, name), True
            for name in sorted(names):
                count += 1
                if count > MAX_FILES:
                    problems.append(
                        Problem(path, f"more than {MAX_FILES:,} files: the rest was not looked at")
                    )
                    return
                yield os.path.join(folder, name), False


def whole(path: str) -> bytes:
    """A file's unpacked bytes.

    Raises:
        InputError: it cannot be read, or is too large.
    """
    stream = open_bytes(path)
    parts, size = [], 0
    buffer = bytearray(1 << 18)
    try:
        with memoryview(buffer) as view:
            while count := stream.readinto(view):
                size += count
                if size > MAX_FILE:
                    raise InputError(f"{path}: more than {MAX_FILE:,} bytes", "is it the right file?")
                parts.append(bytes(buffer[:count]))
    except unpacking_errors() as error:
        raise InputError(f"{path}: damaged: {error}", "copy it again") from error
    finally:
        stream.close()
    return b"".join(parts)


class _Reader:
    """Takes files one by one."""

    def __init__(self, asked: EvidenceRequest, counters: Counters) -> None:
        self._asked, self._counters = asked, counters
        self.evidence = Evidence()
        self.answers = management_api.Answers()
        self.keys = KeyLog()
        self.logs: list[str] = []
        self.captures: list[str] = []
        self._passwords = list(asked.passwords)

    def _problem(self, path: str, reason: str, hint: str = "", fatal: bool = True) -> None:
        self._counters.problems.append(Problem(path, reason, hint, fatal))

    def take(self, path: str, named: bool) -> None:
        """Take one file, or a folder that is a bundle."""
        evidence = self.evidence
        try:
            if os.path.isdir(path):
                self._bundle(bundle.read_bundle_folder(path), path)
                return
            if not os.path.isfile(path) and path != "-" and not named:
                return  # a socket or pipe in a directory
            if path != "-" and not os.access(path, os.R_OK):
                with open(path, "rb"):
                    pass
            head = first_bytes(path, HEAD) if path != "-" else b""
            kind = LOG if path == "-" else kind_of(head)
            if kind is None:
                if named and head:
                    self._problem(
                        path, "not recognized as evidence",
                        "logs, captures, keystores, s_client output, answers of the API, bundles, traces",
                        fatal=False,
                    )  # fmt: skip
                elif head:
                    evidence.unrecognized.append(path)
                return
            evidence.files[path] = kind
            self._read(kind, path)
        except InputError as error:
            self._counters.problems.append(problem_of(path, error))
        except OSError as error:
            self._problem(path, reason_of(error))
        except ValueError as error:
            self._problem(path, str(error))

    def _read(self, kind: str, path: str) -> None:
        evidence = self.evidence
        if kind == LOG:
            self.logs.append(path)
        elif kind == CAPTURE:
            self.captures.append(path)
        elif kind == KEY_LOG:
            self.keys.add(whole(path))
        elif kind == S_CLIENT:
            run = s_client.read_s_client(whole(path), path)
            evidence.s_clients.append(run)
            if run.failed:
                self._problem(
                    path, f"s_client did not connect: {run.failed}", "check host and port", fatal=False
                )
            for line in run.unread[:3]:
                self._problem(path, f"not a distinguished name: {line}", fatal=False)
        elif kind == BUNDLE:
            data = whole(path)
            self._bundle(
                bundle.read_bundle_zip(data, path)
                if data[:2] == b"PK"
                else bundle.read_bundle_file(data, path),
                path,
            )
        elif kind == TRACE:
            evidence.traces += trace.read_trace(whole(path), path)
        elif kind == ANSWER:
            self.answers.take(whole(path), path, path)
        else:
            store = self.read_keystore(path)
            if any(entry.has_key for entry in store.entries) or store.kind in (
                keystores.PKCS12,
                keystores.JKS,
            ):
                evidence.keystores.append(store)
            else:
                evidence.files[path] = CERTIFICATES
                self.answers_pem(store, path)
                evidence.certificates += [item for entry in store.entries for item in entry.chain]

    def answers_pem(self, store: Keystore, path: str) -> None:
        """A PEM file whose path follows the API is the certificate of an alias there."""
        for entry in store.entries:
            self.answers.certificate(entry.chain, path, path)

    def _bundle(self, proxy: Proxy, path: str) -> None:
        self.evidence.files[path] = BUNDLE
        self.evidence.proxies.append(proxy)
        for problem in proxy.problems:
            self._problem(path, problem, fatal=False)
        if not proxy.targets:
            self._problem(
                path, "the bundle has no target that speaks TLS", "is it the right revision?", fatal=False
            )

    def read_keystore(self, path: str) -> Keystore:
        """A keystore; a person is asked for its password, if there is one to ask."""
        data = whole(path)
        name = os.path.basename(path)
        try:
            return read_keystore(data, name, path, self._passwords)
        except WrongPasswordError:
            password = self._asked.ask_password(path) if self._asked.ask_password else None
            if password is None:
                raise
            store = read_keystore(data, name, path, [password])
            self._passwords.append(password)
            return store

    def capture(self, path: str) -> None:
        """The connections of a capture that matter."""
        evidence, asked = self.evidence, self._asked
        counters: CaptureCounters = evidence.capture

        def problem(reason: str) -> None:
            self._problem(path, reason, fatal=False)

        try:
            for connection in read_capture(path, self.keys, counters, problem, asked.max_open):
                counters.connections += 1
                counters.asked += connection.asked is True
                if len(evidence.connections) < asked.max_connections:
                    evidence.connections.append(connection)
                elif not self._make_room(connection):
                    counters.left_out += 1
        except InputError as error:
            self._counters.problems.append(problem_of(path, error))

    def _make_room(self, connection: Connection) -> bool:
        """A refused handshake takes the place of one that was accepted."""
        if connection.accepted is True:
            return False
        kept = self.evidence.connections
        for at, other in enumerate(kept):
            if other.accepted is True:
                kept[at] = connection
                self.evidence.capture.left_out += 1
                return True
        return False


def kind_of(head: bytes) -> str | None:
    """What a file is, by its beginning."""
    if is_capture(head):
        return CAPTURE
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return BUNDLE
    if s_client.is_s_client(head):
        return S_CLIENT
    kind = keystores.kind_of(head)
    if kind is not None and (kind != keystores.PEM or head.lstrip()[:1] not in (b"{", b"[", b"<")):
        return KEYSTORE
    if is_key_log(head):
        return KEY_LOG
    start = head.lstrip()[:1]
    if start in (b"{", b"[", b"<"):
        if trace.is_trace(head):
            return TRACE
        if b"<TargetEndpoint" in head:
            return BUNDLE
        if management_api.is_answer(head):
            return ANSWER
    return LOG if _is_log(head) else None


def _is_log(head: bytes) -> bool:
    """Whether entries of a Message Processor stand in it."""
    at = 0
    for _ in range(400):
        if any(layout.opener.match(head, at) for layout in LAYOUTS):
            return True
        at = head.find(b"\n", at) + 1
        if not at:
            break
    return False
