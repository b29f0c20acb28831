"""Evidence from paths: each file is read as what its content says it is.

A file that cannot be read, or not understood, is reported with its reason, and the others are read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from logscan._evidence import bundle, s_client, trace
from logscan._evidence.api_answers import Answers
from logscan._evidence.api_errors import ALIAS, REFERENCE, error_of
from logscan._evidence.capture.connection import EMPTY
from logscan._evidence.capture.flow import MAX_OPEN
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.read_capture import MAX_CONNECTIONS, read_capture
from logscan._evidence.collected import Evidence
from logscan._evidence.configuration import Proxy
from logscan._evidence.engine_debug import MAX_HANDSHAKES
from logscan._evidence.keystores.keystore import JKS, PKCS12, Keystore, WrongPasswordError
from logscan._evidence.keystores.read_keystore import read_keystore
from logscan._evidence.kinds import (
    ANSWER,
    BUNDLE,
    CAPTURE,
    CERTIFICATES,
    ENGINE,
    HEAD,
    KEY_LOG,
    KEYSTORE,
    LOG,
    ROUTER_ACCESS,
    S_CLIENT,
    TRACE,
    kind_of_evidence,
    read_whole,
)
from logscan._evidence.read_engine_debug import may_hold_engine_debug, read_engine_debug
from logscan._evidence.router_access import read_router_access
from logscan._failures.handshakes import DEFAULT_RULE, Rule
from logscan._failures.selection import HostNames, Selection
from logscan._jobs._evidence_files import fault_of, files_of, is_log_elsewhere
from logscan._jobs._kept_connections import KeptConnections
from logscan._reading.remote import is_remote
from logscan._reading.unpack import first_bytes
from logscan._scanning.plan import Limits
from logscan._store.inputs import stores_among
from logscan.errors import InputError, LogscanError, caught, check_installed, problem_of, reason_of
from logscan.nodes import is_stream
from logscan.values import Counters, Problem

if TYPE_CHECKING:
    from logscan._evidence.api_client import Management

_PACKAGES = ("cryptography", "asn1crypto", "defusedxml")
"""What certificates, captures and XML need. Logs need none of them."""
MAX_KEPT_BYTES = 256 << 20
"""Bytes of certificates and names in the connections of captures that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRequest:
    """What to read, and how."""

    paths: Sequence[str] = ()
    selection: Selection = field(default_factory=lambda: Selection(family=None))
    """Which failures of logs."""
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
        self._kept = KeptConnections(request.max_connections, MAX_KEPT_BYTES)

    def read(self) -> None:
        """Read all files.

        Raises:
            InputError: a file that was named for its role cannot be read.
        """
        request, evidence = self._request, self.evidence
        self.logs += filter(is_log_elsewhere, request.paths)
        stores, paths = stores_among([path for path in request.paths if path not in self.logs])
        self.logs += stores
        evidence.files.update(dict.fromkeys(self.logs, LOG))
        for path, named in files_of(paths, self._counters.problems):
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
        evidence.connections += self._kept.emit()
        evidence.capture.left_out = self._kept.left_out
        evidence.capture.failed_left_out = self._kept.failed_left_out
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
            if not stream and not is_remote(path) and not os.access(path, os.R_OK):
                with open(path, "rb"):
                    pass
            head = first_bytes(path, HEAD) if not stream else b""
            kind = LOG if stream else kind_of_evidence(head)
            kind = self._beside(kind, path, head)
            if kind is not None:
                self.evidence.files[path] = kind
                self._read(kind, path)
            elif path in self.evidence.files:
                pass
            elif named and head:
                known = (
                    "logs, captures, keystores, s_client output, javax.net.debug output, answers of the API,"
                    " bundles, traces, the Router's access log"
                )
                self._problem(path, "not recognized as evidence", known, fatal=False)
            elif head:
                self.evidence.unrecognized.append(path)
            elif os.path.getsize(path):
                self._problem(path, fault_of(path))
        except InputError as error:
            self._counters.problems.append(problem_of(path, error))
        except OSError as error:
            self._problem(path, reason_of(error))
        except ValueError as error:
            self._problem(path, str(error))

    def _read(self, kind: str, path: str) -> None:
        if kind == LOG:
            self.logs.append(path)
            return
        check_installed(path, *_PACKAGES)
        if kind == CAPTURE:
            self.captures.append(path)
        elif kind == KEY_LOG:
            self._keys.add(read_whole(path))
        elif kind == S_CLIENT:
            self._s_client(path)
        elif kind == ENGINE:
            self._engine(path)
        elif kind == ROUTER_ACCESS:
            read_router_access(path, self.evidence.hurt)
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
            self._answer(path)
        else:
            self._keystore_or_certificates(path)

    def _answer(self, path: str) -> None:
        """An answer of the management API, or the error in its place."""
        data = read_whole(path)
        error = error_of(data, path)
        if error is None:
            self.answers.take(data, path, path)
        elif error.missing and error.name is not None and error.kind != ALIAS:
            kind = "references" if error.kind == REFERENCE else "keystores"
            self.answers.missing(kind, error.name, path)
        elif error.missing and error.name is not None and error.keystore is not None:
            self.answers.missing_alias(error.keystore, error.name, path)
        else:
            self._problem(path, *error.explanation, fatal=False)

    def _beside(self, kind: str | None, path: str, head: bytes) -> str | None:
        """What a file is, after handshakes of ``-Djavax.net.debug`` in it were read: they may stand in a log,
        or begin late in the file to which the Message Processor's output goes."""
        may = kind in (LOG, None) and bool(head) and may_hold_engine_debug(path, head)
        if may and self._engine(path) and kind is None:
            self.evidence.files[path] = ENGINE
        return kind

    def _engine(self, path: str) -> bool:
        """Handshakes of ``-Djavax.net.debug``; whether there are any."""
        counters = self.evidence.engine_counters
        left_out = counters.left_out
        found = read_engine_debug(path, counters)
        self.evidence.engine += found
        if counters.left_out > left_out:
            reason = (
                f"{counters.left_out - left_out:,} handshakes after the first {MAX_HANDSHAKES:,}: not kept"
            )
            self._problem(path, reason, fatal=False)
        self._notes(path, [f"not a distinguished name: {text}" for item in found for text in item.unread])
        return bool(found)

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
        check_installed(path, *_PACKAGES)
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
        before = counters.not_understood

        def problem(reason: str) -> None:
            self._problem(path, reason, fatal=False)

        for connection in read_capture(path, self._keys, counters, problem, request.max_open):
            accepted = connection.accepted
            counters.connections += 1
            counters.certificate_requested += connection.certificate_requested is True
            counters.accepted += accepted is True
            counters.accepted_empty += accepted is True and connection.client_certificate == EMPTY
            counters.hidden += accepted is None and connection.client_certificate is None
            self._kept.add(connection)
        self._counters.not_understood += counters.not_understood - before
