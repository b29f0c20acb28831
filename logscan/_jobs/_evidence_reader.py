"""Evidence from paths: each file is read as what its content says it is.

A file that cannot be read, or not understood, is reported with its reason, and the others are read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from logscan._evidence import bundle, s_client, trace
from logscan._evidence.api_answers import Answers
from logscan._evidence.capture.flow import MAX_OPEN
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.read_capture import MAX_CONNECTIONS, read_capture
from logscan._evidence.collected import Evidence
from logscan._evidence.configuration import Proxy
from logscan._evidence.keystores.keystore import JKS, PKCS12, Keystore, WrongPasswordError
from logscan._evidence.keystores.read_keystore import read_keystore
from logscan._evidence.kinds import (
    ANSWER,
    BUNDLE,
    CAPTURE,
    CERTIFICATES,
    HEAD,
    KEY_LOG,
    KEYSTORE,
    LOG,
    S_CLIENT,
    TRACE,
    kind_of_evidence,
    read_whole,
)
from logscan._failures.catalog import CLIENT_CERTIFICATE
from logscan._failures.handshakes import DEFAULT_RULE, Rule
from logscan._failures.selection import HostNames, Selection
from logscan._reading.decompressors import unpacking_errors
from logscan._reading.remote import expand, is_remote
from logscan._reading.unpack import first_bytes, open_bytes, read_up_to
from logscan._scanning.plan import Limits
from logscan._store.inputs import stores_among
from logscan.errors import InputError, LogscanError, caught, first_line, problem_of, reason_of
from logscan.nodes import is_stream
from logscan.shown import without_password
from logscan.values import Counters, Problem

if TYPE_CHECKING:
    from logscan._evidence.api_client import Management

MAX_FILES = 100_000
"""Files of directories that are looked at."""
MAX_KEPT_BYTES = 256 << 20
"""Bytes of certificates and names in the connections of captures that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRequest:
    """What to read, and how."""

    paths: Sequence[str] = ()
    selection: Selection = field(default_factory=lambda: Selection(family=None))
    """Which failures of logs."""
    families: frozenset[str] | None = frozenset({CLIENT_CERTIFICATE})
    """Failures of these families are cases by themselves; others are only where a capture shows that the
    backend refused. ``None``: all are."""
    keystore: str | None = None
    """The file of the keystore that is used."""
    alias: str | None = None
    """The alias that is used, where no log or bundle names it."""
    backend_ca: Sequence[str] = ()
    """Files of the authorities that the backend trusts."""
    keylogs: Sequence[str] = ()
    """Files of TLS 1.3 secrets."""
    passwords: Sequence[str] = ()
    """Of keystores; each is tried for each."""
    ask_password: Callable[[str], str | None] | None = None
    """Asks a person for the password of a file."""
    hosts: HostNames = field(default_factory=HostNames)
    rule: Rule = DEFAULT_RULE
    limits: Limits = field(default_factory=Limits)
    management: Management | None = None
    """Client of the management API; missing evidence is fetched with it."""
    org: str | None = None
    env: str | None = None
    """Organization and environment, where no log names them."""
    max_connections: int = MAX_CONNECTIONS
    max_open: int = MAX_OPEN


def _files(paths: Sequence[str], problems: list[Problem]) -> Iterator[tuple[str, bool]]:
    """Every file of the paths, and whether it was named itself. A folder that is a bundle is one file."""
    for path in paths:
        if is_remote(path):
            try:
                yield from ((name, name == without_password(path)) for name in expand(path))
            except InputError as error:
                problems.append(problem_of(path, error))
        elif path != "-" and not os.path.exists(path):
            problems.append(Problem(path, "no such file", "check the path"))
        elif path == "-" or not os.path.isdir(path) or bundle.is_bundle_folder(path):
            yield path, True
        else:
            yield from _files_below(path, problems)


def _files_below(path: str, problems: list[Problem]) -> Iterator[tuple[str, bool]]:
    count = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in [name for name in folders if name in bundle.ROOTS]:
            folders.remove(name)
            yield os.path.join(folder, name), True
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                problems.append(
                    Problem(path, f"more than {MAX_FILES:,} files: the others were not looked at")
                )
                return
            yield os.path.join(folder, name), False


class EvidenceReader:
    """Reads the files of a request; logs are listed, to be scanned by those who know what to count."""

    def __init__(self, request: EvidenceRequest, counters: Counters) -> None:
        self._request, self._counters = request, counters
        self._passwords = list(request.passwords)
        self._keys = KeyLog()
        self.evidence = Evidence()
        self.answers = Answers()
        self.keystore: Keystore | None = None
        """The one that was named as used."""
        self.logs: list[str] = []
        """Logs and stores."""
        self.captures: list[str] = []
        self._kept_bytes = 0
        self._accepted: list[int] = []
        """Which of the kept connections were accepted."""

    def read(self) -> None:
        """Read all files.

        Raises:
            InputError: a file that was named for its role cannot be read.
        """
        request, evidence = self._request, self.evidence
        stores, paths = stores_among(request.paths)
        self.logs += stores
        evidence.files.update(dict.fromkeys(stores, LOG))
        for path, named in _files(paths, self._counters.problems):
            with caught(self._counters, path):
                self._take(path, named)
        for path in request.keylogs:
            with self._role(path):
                if not self._keys.add(read_whole(path)):
                    raise InputError(
                        f"{path}: a key log without a secret of TLS 1.3",
                        "give the file that SSLKEYLOGFILE named",
                    )
                evidence.files[path] = KEY_LOG
        for path in request.backend_ca:
            with self._role(path):
                entries = self._keystore(path).entries
                evidence.backend_cas += [certificate for entry in entries for certificate in entry.chain]
                evidence.files[path] = "backend's trusted authorities"
        if request.keystore is not None:
            with self._role(request.keystore):
                self.keystore = self._keystore(request.keystore)
                evidence.files[request.keystore] = KEYSTORE
                if self.keystore not in evidence.keystores:
                    evidence.keystores.append(self.keystore)
        for path in self.captures:  # last: key logs open what they hold
            with caught(self._counters, path):
                self._capture(path)
        for source, reason in self.answers.problems:
            self._problem(source, reason, fatal=False)
        self.answers.problems.clear()

    @contextmanager
    def _role(self, path: str) -> Iterator[None]:
        """A net around a file that was named for its role: a known fault ends the run, so that the right
        file is named; what nobody expected does not."""
        try:
            yield
        except LogscanError:
            raise
        except Exception:
            with caught(self._counters, path):
                raise

    def _problem(self, path: str, reason: str, hint: str = "", *, fatal: bool = True) -> None:
        self._counters.problems.append(Problem(path, reason, hint, fatal))

    def _take(self, path: str, named: bool) -> None:
        """Take one file, or a folder that is a bundle."""
        try:
            if os.path.isdir(path):
                self._bundle(bundle.read_bundle_folder(path), path)
                return
            stream = is_stream(path)  # read once: as a log
            if stream and not named:
                self._problem(path, "is no file: skipped", "give it by its name to read it", fatal=False)
                return
            if not stream and not os.access(path, os.R_OK):
                with open(path, "rb"):
                    pass
            head = first_bytes(path, HEAD) if not stream else b""
            kind = LOG if stream else kind_of_evidence(head)
            if kind is not None:
                self.evidence.files[path] = kind
                self._read(kind, path)
            elif named and head:
                known = "logs, captures, keystores, s_client output, answers of the API, bundles, traces"
                self._problem(path, "not recognized as evidence", known, fatal=False)
            elif head:
                self.evidence.unrecognized.append(path)
            elif os.path.getsize(path):
                self._problem(path, _fault_of(path))
        except InputError as error:
            self._counters.problems.append(problem_of(path, error))
        except OSError as error:
            self._problem(path, reason_of(error))
        except ValueError as error:
            self._problem(path, str(error))

    def _read(self, kind: str, path: str) -> None:
        if kind == LOG:
            self.logs.append(path)
        elif kind == CAPTURE:
            self.captures.append(path)
        elif kind == KEY_LOG:
            self._keys.add(read_whole(path))
        elif kind == S_CLIENT:
            self._s_client(path)
        elif kind == BUNDLE:
            data = read_whole(path)
            packed = data[:2] == b"PK"
            read = bundle.read_bundle_zip if packed else bundle.read_bundle_file
            self._bundle(read(data, path), path)
        elif kind == TRACE:
            traces = trace.read_trace(read_whole(path), path)
            self.evidence.traces += traces
            if len(traces) == trace.MAX_MESSAGES:
                reason = f"messages after the first {trace.MAX_MESSAGES:,}: not read"
                self._problem(path, reason, fatal=False)
        elif kind == ANSWER:
            self.answers.take(read_whole(path), path, path)
        else:
            self._keystore_or_certificates(path)

    def _s_client(self, path: str) -> None:
        run = s_client.read_s_client(read_whole(path), path)
        self.evidence.s_clients.append(run)
        if run.failed:
            reason = f"s_client did not connect: {run.failed}"
            self._problem(path, reason, "check host and port", fatal=False)
        for line in run.unread[:3]:
            self._problem(path, f"not a distinguished name: {line}", fatal=False)
        self._notes(path, run.notes)

    def _notes(self, path: str, notes: Sequence[str]) -> None:
        """Certificates that are not understood in full, each counted, the first of a file shown."""
        self._counters.not_understood += len(notes)
        for note in notes[:3]:
            self._problem(path, note.removeprefix(f"{path}, "), fatal=False)
        if len(notes) > 3:
            self._problem(path, f"{len(notes) - 3:,} more of this kind", fatal=False)

    def _keystore_or_certificates(self, path: str) -> None:
        store = self._keystore(path)
        if store.kind in (PKCS12, JKS) or any(entry.has_key for entry in store.entries):
            self.evidence.keystores.append(store)
            return
        self.evidence.files[path] = CERTIFICATES
        for entry in store.entries:
            # A PEM file whose path follows the API is the certificate of an alias there.
            self.answers.certificate(entry.chain, path, path)
            self.evidence.certificates += entry.chain

    def _bundle(self, proxy: Proxy, path: str) -> None:
        self.evidence.files[path] = BUNDLE
        self.evidence.proxies.append(proxy)
        for problem in proxy.problems:
            self._problem(path, problem, fatal=False)
        if not proxy.targets:
            reason = "the bundle has no target that uses TLS"
            self._problem(path, reason, "is it the right revision?", fatal=False)

    def _keystore(self, path: str) -> Keystore:
        """A keystore; a person is asked for its password, where that is possible."""
        data = read_whole(path)
        name = os.path.basename(path)
        try:
            store = read_keystore(data, name, path, self._passwords)
        except WrongPasswordError:
            ask = self._request.ask_password
            password = ask(path) if ask else None
            if password is None:
                raise
            store = read_keystore(data, name, path, [password])
            self._passwords.append(password)
        certificates = [certificate for entry in store.entries for certificate in entry.chain]
        odd = [f"{item.source}: {note}" for item in certificates for note in item.notes]
        self._notes(path, [*(note for note in store.notes if "cannot be read" in note), *odd])
        return store

    def _capture(self, path: str) -> None:
        """The connections of a capture that matter."""
        request, counters = self._request, self.evidence.capture
        kept = self.evidence.connections
        before = counters.not_understood

        def problem(reason: str) -> None:
            self._problem(path, reason, fatal=False)

        for connection in read_capture(path, self._keys, counters, problem, request.max_open):
            counters.connections += 1
            counters.certificate_requested += connection.certificate_requested is True
            if len(kept) < request.max_connections and self._has_room(connection.size):
                if connection.accepted is True:
                    self._accepted.append(len(kept))
                kept.append(connection)
                continue
            counters.left_out += 1
            if connection.accepted is not True and self._accepted:
                # A refused handshake takes the place of one that was accepted.
                at = self._accepted[-1]
                if self._has_room(connection.size - kept[at].size):
                    kept[self._accepted.pop()] = connection
        self._counters.not_understood += counters.not_understood - before

    def _has_room(self, size: int) -> bool:
        """Whether so many more bytes may be kept; if so, they are counted."""
        if self._kept_bytes + size > MAX_KEPT_BYTES:
            return False
        self._kept_bytes += size
        return True


def _fault_of(path: str) -> str:
    """Why no byte of a file could be read, though it is not empty.

    Raises:
        InputError: it cannot be read at all.
    """
    try:
        with contextlib.closing(open_bytes(path)) as stream:
            read_up_to(stream, 1)
    except InputError:
        raise
    except unpacking_errors() as error:
        return reason_of(error) if isinstance(error, OSError) else f"damaged ({first_line(error)})"
    return "holds nothing that could be read"
