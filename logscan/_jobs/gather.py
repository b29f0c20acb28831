"""Gather: what support needs to know of a diagnosis, in one zip, without secrets."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from base64 import encodebytes
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from logscan._diagnosis.result import Diagnosis
from logscan._evidence import bundle
from logscan._evidence.capture.cutting import cut
from logscan._evidence.keystores.keystore import Keystore
from logscan._evidence.kinds import (
    ANSWER,
    BUNDLE,
    CERTIFICATES,
    ENGINE,
    KEY_LOG,
    KEYSTORE,
    ROUTER_ACCESS,
    S_CLIENT,
    TRACE,
    read_whole,
)
from logscan._jobs.search import find
from logscan._support.archive import CAPTURES, Gathered, Wanted, readme, versions
from logscan._support.redact import redact_payload
from logscan._support.remembered import Remembered
from logscan.errors import InputError, caught, problem_of
from logscan.nodes import is_stream
from logscan.shown import safe_lines
from logscan.values import Counters

MAX_MESSAGES = 50
"""Failing messages whose entries go in."""
MAX_EXCERPT = 32 << 20
"""Bytes of entries that go in."""
_TEXTS = (
    ".xml", ".xsl", ".js", ".jsc", ".json", ".py", ".wsdl", ".xsd", ".properties", ".txt", ".yaml", ".yml",
)  # fmt: skip
"""Files of a bundle that go in."""
_KEY = {True: "with its private key", False: "without a private key", None: "private key: not known"}
_A_LINK = "a link: give the file that it leads to by its own name"
_NOT_A_TEXT = "not a text that can be searched for secrets"
_BUNDLE_ANSWER = "?format=bundle"
"""How the path of an answer ends that is a bundle."""
_WANTED = {
    "complete error message": "give the Message Processor's log",
    "organization, environment, API proxy": "they stand in the log",
    "complete curl command that reproduces the error": "--curl 'curl …'",
    "API proxy bundle": "…/apis/PROXY/revisions/REV?format=bundle, or --mgmt",
    "trace file that shows the error": "download the trace session in the UI",
    "Message Processor log": "/opt/apigee/var/log/edge-message-processor/logs/system.log",
    "packets, cut to the failing connections": "tcpdump -i any -s 0 host BACKEND -w capture.pcap",
    "certificates of the keystore, with details": "--keystore FILE, or --mgmt",
    "what the backend asks for": "openssl s_client -connect BACKEND:PORT </dev/null",
    "what was tried": "--note 'what you tried'",
    "versions": "",
}
"""What support needs, in the order of the list, and how to get it."""


def gather(
    diagnosis: Diagnosis,
    report: Mapping[str, str],
    answers: Mapping[str, bytes],
    *,
    notes: Sequence[str] = (),
    curl: str | None = None,
    max_messages: int = MAX_MESSAGES,
    now: datetime | None = None,
) -> Gathered:
    """Everything that support needs, as far as the evidence has it.

    Args:
        diagnosis: what was read and judged.
        report: the diagnosis as files, name → text.
        answers: of the management API, by path.
        notes: what was tried, in the user's words.
        curl: the command that reproduces the failure.
        max_messages: failing messages whose entries go in.
        now: the time of the list, for tests.
    """
    work = _Gatherer(diagnosis, answers)
    done, of = work.gathered, work.files_of
    errors: list[str] = []
    excerpt = work.tried("Message Processor log", lambda: work.logs(max_messages, errors))
    found: dict[str, Sequence[str]] = {
        "complete error message": errors,
        "organization, environment, API proxy": [*report][:1] if diagnosis.verdicts else [],
        "API proxy bundle": list(work.bundles()),
        "trace file that shows the error": work.copied(of(TRACE), "trace"),
        "Message Processor log": excerpt,
        "packets, cut to the failing connections": list(work.cut_captures()),
        "certificates of the keystore, with details": [
            *work.certificates(),
            *work.copied(of(ANSWER), "management-api"),
            *work.answers(),
            *work.copied(of(CERTIFICATES), "certificates"),
        ],
        "what the backend asks for": work.copied(of(S_CLIENT), "s_client"),
    }
    for path in of(KEY_LOG):
        done.leave_out(path, "secrets of connections never go in")
    for path in of(ENGINE):
        done.leave_out(path, "it may hold what connections carried; its handshakes are in the diagnosis")
    for path in of(ROUTER_ACCESS):
        done.leave_out(path, "it holds the requests of all clients; give support the lines of failing ids")
    for path in of(KEYSTORE):
        done.leave_out(path, "private keys never go in; its certificates do")
    for name, text in report.items():
        work.put_own(name, text, "logscan diagnose")
    if curl:
        found["complete curl command that reproduces the error"] = work.put_own(
            "curl.txt", curl + "\n", "--curl"
        )
    if notes:
        found["what was tried"] = work.put_own("notes.txt", "\n\n".join(notes) + "\n", "--note")
    found["versions"] = [done.add("versions.txt", versions(), "this machine")]
    done.wanted = [Wanted(what, found.get(what, ()), how) for what, how in _WANTED.items()]
    done.mask_again()
    done.add("README.txt", safe_lines(readme(done, now)), "logscan gather")
    return done


class _Gatherer:
    """Puts the parts of a diagnosis into the zip; each part gives the names of its files."""

    def __init__(self, diagnosis: Diagnosis, answers: Mapping[str, bytes]) -> None:
        self._diagnosis, self._answers = diagnosis, answers
        self.gathered = Gathered(remembered=Remembered(_names(diagnosis)))

    def files_of(self, kind: str) -> list[str]:
        """The evidence of one kind."""
        return [path for path, other in self._diagnosis.evidence.files.items() if other == kind]

    def tried(self, source: str, make: Callable[[], Iterable[str]]) -> list[str]:
        """A net around one piece of evidence: what raises is left out and listed, and the others go in."""
        counters = self._diagnosis.counters
        before = len(counters.problems)
        names: list[str] = []
        failed = True
        with caught(counters, source):
            names = list(make())
            failed = False
        if failed:
            self.gathered.leave_out(source, counters.problems[before].reason)
        return names

    def put(self, name: str, data: bytes | str, source: str) -> list[str]:
        """Add a text of others, with a net around its masking."""
        return self.tried(source, lambda: [self.gathered.text(name, data, source)])

    def put_own(self, name: str, text: str, source: str) -> list[str]:
        """Add a text that logscan, or the user, writes, with the same net."""
        return self.tried(source, lambda: [self.gathered.own_text(name, text, source)])

    def logs(self, max_messages: int, errors: list[str]) -> list[str]:
        """The failures' words, into ``errors``; and all entries of failing messages."""
        done = self.gathered
        lines: list[str] = []
        ids: dict[str, None] = {}
        for verdict in self._diagnosis.verdicts:
            group, samples = verdict.case.group, verdict.case.samples
            lines += [f"{f.time}  {f.org}/{f.env}/{f.proxy}  {f.message_id}  {f.reason}" for f in samples]
            for name in (*(f.message_id for f in samples), *(sorted(group.messages) if group else ())):
                if name and len(ids) < max_messages:
                    ids[name] = None
        if lines:
            errors.append(done.own_text("errors.txt", "\n".join(lines) + "\n", "Message Processor log"))
        paths = [path for path in self._diagnosis.logs if not is_stream(path)]
        excerpt = self._excerpt(list(ids), paths) if ids and paths else b""
        source = f"all entries of {len(ids):,} failing messages"
        return [done.text("system.log.txt", excerpt, source)] if excerpt else []

    def _excerpt(self, ids: list[str], paths: list[str]) -> bytes:
        parts: list[bytes] = []
        size = 0
        for entry in find(ids, paths, Counters()):
            size += len(entry.span.data)
            if size > MAX_EXCERPT:
                reason = f"more than {MAX_EXCERPT:,} bytes"
                self.gathered.leave_out("further entries of failing messages", reason)
                break
            parts.append(entry.span.data.rstrip(b"\r\n") + b"\n")
        return b"".join(parts)

    def bundles(self) -> Iterator[str]:
        """The texts of bundles: of files, of folders, and of the management API."""
        for path in self.files_of(BUNDLE):
            yield from self.tried(path, partial(self._bundle, path))
        for path, data in self._answers.items():
            if path.endswith(_BUNDLE_ANSWER):
                base = "bundle/" + _safe(path.removesuffix(_BUNDLE_ANSWER))
                source = f"management API {path.removesuffix(_BUNDLE_ANSWER)}"
                yield from self.tried(source, partial(self._unzipped, data, source, base))

    def _bundle(self, path: str) -> Iterator[str]:
        base = "bundle/" + _safe(os.path.basename(path.rstrip("/")))
        if os.path.isdir(path) and not os.path.islink(path):
            yield from self._folder(path, base)
        elif (data := self._read(path)) is not None:
            if data[:2] == b"PK":
                yield from self._unzipped(data, path, base)
            else:
                yield self.gathered.text(base, data, path)

    def _folder(self, path: str, base: str) -> Iterator[str]:
        """The texts of a bundle's folder. Links are not followed: they may lead anywhere."""
        for folder, folders, files in sorted(os.walk(path)):
            for file in sorted((*files, *folders)):
                whole = os.path.join(folder, file)
                kind = os.lstat(whole).st_mode if os.path.lexists(whole) else 0
                if stat.S_ISLNK(kind):
                    self.gathered.leave_out(whole, _A_LINK)
                elif stat.S_ISDIR(kind):
                    continue
                elif not stat.S_ISREG(kind):
                    self.gathered.leave_out(whole, "not a file")
                elif not file.endswith(_TEXTS):
                    self.gathered.leave_out(whole, _NOT_A_TEXT)
                elif (data := self._read(whole)) is not None:
                    yield self.gathered.text(f"{base}/{_safe(os.path.relpath(whole, path))}", data, whole)

    def _unzipped(self, data: bytes, source: str, base: str) -> Iterator[str]:
        """The texts of a bundle's zip."""
        total = 0
        with bundle.open_zip(data, source) as archive:
            members = archive.infolist()
            for info in members[: bundle.MAX_FILES]:
                name = f"{source}:{info.filename}"
                content = self._member(archive, info, name, bundle.MAX_TOTAL - total)
                if content is not None:
                    total += len(content)
                    yield from self.put(f"{base}/{_safe(info.filename)}", content, name)
            if len(members) > bundle.MAX_FILES:
                self.gathered.leave_out(source, f"files after the first {bundle.MAX_FILES:,}")

    def _member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, room: int) -> bytes | None:
        """One text of a zip; ``None``: it is left out, and the list says why."""
        if info.is_dir():
            return None
        limit = min(bundle.MAX_FILE, room)
        why = ""
        if stat.S_ISLNK(info.external_attr >> 16):
            why = _A_LINK
        elif not info.filename.endswith(_TEXTS):
            why = _NOT_A_TEXT
        else:
            try:
                content = bundle.unpacked(archive, info, limit)
                if len(content) <= limit:
                    return content
                why = "could not be packed: too large"
            except ValueError as error:
                why = f"could not be packed: {error}"
        self.gathered.leave_out(name, why)
        return None

    def answers(self) -> Iterator[str]:
        """Answers of the management API, but for bundles."""
        for path, data in self._answers.items():
            if not path.endswith(_BUNDLE_ANSWER):
                yield from self.put("management-api" + _safe(path) + ".txt", data, f"management API {path}")

    def copied(self, paths: Sequence[str], folder: str) -> list[str]:
        """Texts as they are, without secrets."""
        return [name for path in paths for name in self.tried(path, partial(self._copied, path, folder))]

    def _copied(self, path: str, folder: str) -> Iterator[str]:
        data = self._read(path)
        if data is not None:
            yield self.gathered.text(f"{folder}/{_safe(os.path.basename(path))}", data, path)

    def _read(self, path: str) -> bytes | None:
        if os.path.islink(path):
            self.gathered.leave_out(path, _A_LINK)
            return None
        try:
            return read_whole(path)
        except InputError as error:
            self._diagnosis.counters.problems.append(problem_of(path, error))
            return None

    def cut_captures(self) -> Iterator[str]:
        """Captures cut to the connections of the cases, with the numbers that packets had before."""
        for path in self._diagnosis.captures:
            yield from self.tried(path, partial(self._cut_capture, path))

    def _cut_capture(self, path: str) -> Iterator[str]:
        done = self.gathered
        cases = (verdict.case for verdict in self._diagnosis.verdicts)
        connections = [c for case in cases for c in case.connections if c.capture == path]
        if not connections:
            done.leave_out(path, "no failing connection in it")
            return
        counts: Counter[str] = Counter()
        excerpt = cut(path, connections, partial(redact_payload, counts=counts, seen=done.remembered.add))
        stem = _safe(os.path.basename(path)).split(".pcap", 1)[0]
        for link, data in excerpt.files.items():
            of_link = "" if len(excerpt.files) == 1 else f"-link{link}"
            name = f"{CAPTURES}{stem}{of_link}.pcap"
            yield done.add(name, bytes(data), path, counts)
            rows = [f"{new}\t{old}\n" for kind, new, old in excerpt.packets if kind == link]
            table = "packet\tin the whole capture\n" + "".join(rows)
            done.add(name.replace(".pcap", ".packets.tsv"), table, path)
        if excerpt.left_out:
            done.leave_out(f"{path}: {excerpt.left_out:,} packets", "the cut would be too large")

    def certificates(self) -> Iterator[str]:
        """The certificates of each keystore, never a key."""
        evidence = self._diagnosis.evidence
        for store in (*evidence.keystores, *evidence.environment.keystores.values()):
            yield from self.tried(store.source, partial(self._certificates, store))

    def _certificates(self, store: Keystore) -> Iterator[str]:
        lines = "\n".join(_certificate_lines(store))
        yield self.gathered.own_text(f"certificates/{_safe(store.name)}.txt", lines, store.source)


def _names(diagnosis: Diagnosis) -> set[str]:
    """Names that support must read, whatever they are the value of."""
    found: set[str | None] = set()
    for verdict in diagnosis.verdicts:
        for failure in verdict.case.samples:
            found |= {failure.org, failure.env, failure.proxy, failure.message_id}
    evidence = diagnosis.evidence
    for store in (*evidence.keystores, *evidence.environment.keystores.values()):
        found |= {store.name, *(entry.alias for entry in store.entries)}
    return {name for name in found if name}


def _certificate_lines(store: Keystore) -> Iterator[str]:
    yield f"Keystore {store.name} ({store.kind}), {store.source}"
    yield ""
    for entry in store.entries:
        yield f"alias {entry.alias}, {_KEY[entry.has_key]}, chain of {len(entry.chain)}"
        for certificate in entry.chain:
            serial = f"{certificate.serial:x}" if certificate.serial is not None else "-"
            yield f"  subject {certificate.subject}"
            yield f"  issuer  {certificate.issuer}"
            yield (
                f"  serial  {serial}, {certificate.not_before} to {certificate.not_after},"
                f" {certificate.key_algorithm} {certificate.key_bits or ''},"
                f" {certificate.signature_algorithm}"
            )
            yield from (f"  note    {note}" for note in certificate.notes)
            if certificate.der is not None:
                yield "-----BEGIN CERTIFICATE-----"
                yield encodebytes(certificate.der).decode().strip()
                yield "-----END CERTIFICATE-----"
        yield ""


def _safe(name: str) -> str:
    """A name for a file in the zip: never absolute, never upwards."""
    parts = [re.sub(r"[^\w.@ ()=-]", "_", part) for part in name.replace("\\", "/").split("/")]
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "file"
