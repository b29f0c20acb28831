"""Gather: the playbook's list of what support must have, in one zip, without secrets."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import IO

from logscan.errors import InputError, problem_of
from logscan.evidence import bundle
from logscan.evidence.capture.cutting import cut
from logscan.evidence.keystores.read_keystore import Keystore
from logscan.jobs._evidence import (
    ANSWER,
    BUNDLE,
    CERTIFICATES,
    KEY_LOG,
    KEYSTORE,
    S_CLIENT,
    TRACE,
    whole,
)
from logscan.jobs.diagnose import Diagnosis
from logscan.jobs.search import find
from logscan.support.redact import redact, redact_payload
from logscan.values import Counters

MAX_MESSAGES = 50
"""Failing messages whose entries go in."""
MAX_EXCERPT = 32 << 20
"""Bytes of entries that go in."""
MANIFEST_VERSION = 1


@dataclass(slots=True)
class Item:
    """One file of the zip."""

    name: str
    data: bytes
    source: str
    """What it was made of."""
    redacted: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Wanted:
    """One line of the playbook's list."""

    what: str
    items: list[str]
    how: str
    """How to get it, where it is missing."""


@dataclass(slots=True)
class Gathered:
    """What goes into the zip."""

    items: list[Item] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Files that do not go in, and why."""
    wanted: list[Wanted] = field(default_factory=list)

    def add(self, name: str, data: bytes | str, source: str, counts: Counter[str] | None = None) -> str:
        """Add a file under a name that no other has."""
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        taken = {item.name for item in self.items}
        stem, dot, end = name.rpartition(".")
        number = 2
        while name in taken:
            name = f"{stem}-{number}{dot}{end}" if dot else f"{end}-{number}"
            number += 1
        self.items.append(Item(name, raw, source, dict(counts or {})))
        return name

    def text(self, name: str, data: bytes | str, source: str) -> str:
        """Add a text without its secrets."""
        counts: Counter[str] = Counter()
        text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
        return self.add(name, redact(text, counts), source, counts)


def gather(
    diagnosis: Diagnosis,
    report: dict[str, str],
    answers: dict[str, bytes],
    notes: Sequence[str] = (),
    curl: str | None = None,
    max_messages: int = MAX_MESSAGES,
    now: datetime | None = None,
) -> Gathered:
    """Everything that support must have, as far as it is there.

    Args:
        diagnosis: what was read and judged.
        report: the diagnosis as files, name → text.
        answers: of the management API, by path.
        notes: what was tried, in the user's words.
        curl: the command that reproduces the failure.
        max_messages: failing messages whose entries go in.
    """
    done = Gathered()
    files = diagnosis.evidence.files

    def of(*kinds: str) -> list[str]:
        return [path for path, kind in files.items() if kind in kinds]

    errors, excerpt = _logs(done, diagnosis, max_messages)
    bundles = [name for path in of(BUNDLE) for name in _bundle(done, path, diagnosis.counters)]
    bundles += [
        name for path, data in answers.items() if path.endswith("?format=bundle")
        for name in _zipped(done, data, f"management API {path}", "bundle/" + _safe(path.split("?")[0]))
    ]  # fmt: skip
    traces = _copied(done, of(TRACE), "trace", diagnosis.counters)
    captures = _captures(done, diagnosis)
    stores = [*diagnosis.evidence.keystores, *diagnosis.evidence.environment.keystores.values()]
    certificates = _certificates(done, stores)
    certificates += _copied(done, of(ANSWER), "management-api", diagnosis.counters)
    for path, data in answers.items():
        if not path.endswith("?format=bundle"):
            certificates.append(
                done.text("management-api" + _safe(path) + ".txt", data, f"management API {path}")
            )
    for path in of(CERTIFICATES):
        certificates += _copied(done, [path], "certificates", diagnosis.counters)
    backends = _copied(done, of(S_CLIENT), "s_client", diagnosis.counters)
    for path in of(KEY_LOG):
        done.left_out[path] = "secrets of connections never go in"
    for path in of(KEYSTORE):
        done.left_out[path] = "private keys never go in; its certificates do"
    for name, text in report.items():
        done.text(name, text, "logscan diagnose")
    request = [done.text("curl.txt", curl + "\n", "--curl")] if curl else []
    insights = [done.text("notes.txt", "\n\n".join(notes) + "\n", "--note")] if notes else []
    versions = done.add("versions.txt", _versions(), "this machine")
    done.wanted = [
        Wanted("complete error message", errors, "give the Message Processor's log"),
        Wanted("organization, environment, API proxy", [*report][:1] if diagnosis.verdicts else [], "they"
        " stand in the log"),
        Wanted("complete curl command that reproduces the error", request, "--curl 'curl …'"),
        Wanted("API proxy bundle", bundles, "…/apis/PROXY/revisions/REV?format=bundle, or --mgmt"),
        Wanted("trace file that shows the error", traces, "download the trace session in the UI"),
        Wanted("Message Processor log", excerpt,
        "/opt/apigee/var/log/edge-message-processor/logs/system.log"),
        Wanted("packets, cut to the failing connections", captures, "tcpdump -i any -s 0 host BACKEND -w"
        " capture.pcap"),
        Wanted("certificates of the keystore, with details", certificates, "--keystore FILE, or --mgmt"),
        Wanted("what the backend asks for", backends, "openssl s_client -connect BACKEND:PORT </dev/null"),
        Wanted("what was tried", insights, "--note 'what you tried'"),
        Wanted("versions", [versions], ""),
    ]  # fmt: skip
    done.add("README.txt", _readme(done, now), "logscan gather")
    return done


def _logs(done: Gathered, diagnosis: Diagnosis, max_messages: int) -> tuple[list[str], list[str]]:
    """The failures' words, and all entries of failing messages."""
    lines: list[str] = []
    ids: dict[str, None] = {}
    for verdict in diagnosis.verdicts:
        lines += [
            f"{f.time}  {f.org}/{f.env}/{f.proxy}  {f.message_id}  {f.reason}" for f in verdict.case.samples
        ]
        group = verdict.case.group
        for name in [
            *(f.message_id for f in verdict.case.samples),
            *(sorted(group.messages) if group else ()),
        ]:
            if name and len(ids) < max_messages:
                ids[name] = None
    errors = [done.text("errors.txt", "\n".join(lines) + "\n", "Message Processor log")] if lines else []
    if not ids or not diagnosis.logs:
        return errors, []
    parts: list[bytes] = []
    size = 0
    counters = Counters()
    for found in (
        find(list(ids), [path for path in diagnosis.logs if path != "-"], counters)
        if diagnosis.logs != ("-",)
        else ()
    ):
        size += len(found.span.data)
        if size > MAX_EXCERPT:
            done.left_out["further entries of failing messages"] = f"more than {MAX_EXCERPT:,} bytes"
            break
        parts.append(found.span.data.rstrip(b"\r\n"))
    if not parts:
        return errors, []
    source = f"all entries of {len(ids):,} failing messages"
    return errors, [done.text("system.log.txt", b"\n".join(parts) + b"\n", source)]


_TEXTS = (
    ".xml",
    ".xsl",
    ".js",
    ".jsc",
    ".json",
    ".py",
    ".wsdl",
    ".xsd",
    ".properties",
    ".txt",
    ".yaml",
    ".yml",
)


def _bundle(done: Gathered, path: str, counters: Counters) -> list[str]:
    base = "bundle/" + _safe(os.path.basename(path.rstrip("/")))
    if os.path.isdir(path):
        names = []
        for folder, _, files in sorted(os.walk(path)):
            for file in sorted(files):
                full = os.path.join(folder, file)
                names += _part(done, full, f"{base}/{_safe(os.path.relpath(full, path))}", full, counters)
        return names
    data = _whole(path, counters)
    if data is None:
        return []
    return _zipped(done, data, path, base) if data[:2] == b"PK" else [done.text(base, data, path)]


def _part(done: Gathered, path: str, name: str, source: str, counters: Counters) -> list[str]:
    if not path.endswith(_TEXTS):
        done.left_out[source] = "not a text that can be looked through for secrets"
        return []
    data = _whole(path, counters)
    return [] if data is None else [done.text(name, data, source)]


def _zipped(done: Gathered, data: bytes, source: str, base: str) -> list[str]:
    """The texts of a bundle's zip."""
    names = []
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist()[: bundle.MAX_FILES]:
                if info.is_dir():
                    continue
                if not info.filename.endswith(_TEXTS):
                    done.left_out[f"{source}:{info.filename}"] = "not a text that can be looked through"
                    " for secrets"
                    continue
                with archive.open(info) as file:
                    content = file.read(bundle.MAX_FILE + 1)
                total += len(content)
                if len(content) > bundle.MAX_FILE or total > bundle.MAX_TOTAL:
                    done.left_out[f"{source}:{info.filename}"] = "too large"
                    continue
                names.append(
                    done.text(f"{base}/{_safe(info.filename)}", content, f"{source}:{info.filename}")
                )
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError, EOFError) as error:
        done.left_out[source] = f"cannot be unpacked: {error}"
    return names


def _copied(done: Gathered, paths: Sequence[str], folder: str, counters: Counters) -> list[str]:
    """Texts as they are, without secrets."""
    names = []
    for path in paths:
        data = _whole(path, counters)
        if data is not None:
            names.append(done.text(f"{folder}/{_safe(os.path.basename(path))}", data, path))
    return names


def _whole(path: str, counters: Counters) -> bytes | None:
    try:
        return whole(path)
    except InputError as error:
        counters.problems.append(problem_of(path, error))
        return None


def _captures(done: Gathered, diagnosis: Diagnosis) -> list[str]:
    """Captures cut to the connections of the cases, with the numbers that packets had before."""
    names = []
    for path in diagnosis.captures:
        connections = [
            c for verdict in diagnosis.verdicts for c in verdict.case.connections if c.capture == path
        ]
        if not connections:
            done.left_out[path] = "no failing connection in it"
            continue
        counts: Counter[str] = Counter()
        made = cut(path, connections, lambda payload, counts=counts: redact_payload(payload, counts))  # type: ignore[misc]
        stem = _safe(os.path.basename(path)).split(".pcap", 1)[0]
        for link, data in made.files.items():
            name = f"captures/{stem}.pcap" if len(made.files) == 1 else f"captures/{stem}-link{link}.pcap"
            names.append(done.add(name, bytes(data), path, counts))
            rows = [f"{new}\t{old}" for kind, new, old in made.packets if kind == link]
            done.add(
                name.replace(".pcap", ".packets.tsv"),
                "packet\tin the whole capture\n" + "\n".join(rows) + "\n",
                path,
            )
        if made.left_out:
            done.left_out[f"{path}: {made.left_out:,} packets"] = "the cut would be too large"
    return names


def _certificates(done: Gathered, stores: Sequence[Keystore]) -> list[str]:
    """The certificates of each keystore, never a key."""
    from base64 import encodebytes

    names = []
    for store in stores:
        lines = [f"Keystore {store.name} ({store.kind}), {store.source}", ""]
        for entry in store.entries:
            key = {
                True: "with its private key",
                False: "without a private key",
                None: "private key: not known",
            }[entry.has_key]
            lines.append(f"alias {entry.alias}, {key}, chain of {len(entry.chain)}")
            for certificate in entry.chain:
                serial = f"{certificate.serial:x}" if certificate.serial is not None else "-"
                lines += [
                    f"  subject {certificate.subject}", f"  issuer  {certificate.issuer}",
                    f"  serial  {serial}, {certificate.not_before} to {certificate.not_after},"
                    f" {certificate.key_algorithm} {certificate.key_bits or ''},"
                    f" {certificate.signature_algorithm}",
                ]  # fmt: skip
                if certificate.der is not None:
                    body = encodebytes(certificate.der).decode().strip()
                    lines += ["-----BEGIN CERTIFICATE-----", body, "-----END CERTIFICATE-----"]
            lines.append("")
        names.append(done.add(f"certificates/{_safe(store.name)}.txt", "\n".join(lines), store.source))
    return names


def _safe(name: str) -> str:
    """A name for a file in the zip: never absolute, never upwards."""
    parts = [re.sub(r"[^\w.@ ()=-]", "_", part) for part in name.replace("\\", "/").split("/")]
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "file"


def _versions() -> str:
    rows = [
        f"logscan {version('logscan')}", f"Python {sys.version.split()[0]} ({sys.implementation.name})",
        f"{platform.system()} {platform.release()} {platform.machine()}",
    ]  # fmt: skip
    return "\n".join(rows) + "\n"


def _readme(done: Gathered, now: datetime | None) -> str:
    time = now or datetime.now(UTC)
    lines = [f"Gathered by logscan at {time:%Y-%m-%d %H:%M:%S} UTC. Checksums are in manifest.json.", ""]
    for wanted in done.wanted:
        mark = "x" if wanted.items else " "
        tail = (
            f": {', '.join(wanted.items[:3])}" + (" …" if len(wanted.items) > 3 else "")
            if wanted.items
            else f" (missing: {wanted.how})"
        )
        lines.append(f"[{mark}] {wanted.what}{tail}")
    masked: Counter[str] = Counter()
    for item in done.items:
        masked.update(item.redacted)
    if masked:
        lines += ["", "Masked: " + ", ".join(f"{number:,} {kind}" for kind, number in sorted(masked.items()))]
    if done.left_out:
        lines += ["", "Left out:"]
        lines += [f"  {name}: {why}" for name, why in done.left_out.items()]
    return "\n".join(lines) + "\n"


def manifest(done: Gathered, now: datetime | None = None) -> bytes:
    """What is in the zip, with checksums."""
    return json.dumps(
        {
            "version": MANIFEST_VERSION,
            "created": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
            "logscan": version("logscan"),
            "files": [
                {
                    "name": item.name, "bytes": len(item.data),
                    "sha256": hashlib.sha256(item.data).hexdigest(),
                    "source": item.source, "masked": item.redacted,
                }
                for item in done.items
            ],
            "left_out": done.left_out,
            "missing": [wanted.what for wanted in done.wanted if not wanted.items],
        },
        indent=2, ensure_ascii=False,
    ).encode("utf-8", "surrogateescape")  # fmt: skip


def write(done: Gathered, file: IO[bytes], now: datetime | None = None) -> None:
    """Write the zip."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", manifest(done, now))
        for item in done.items:
            archive.writestr(item.name, item.data)


def listing(done: Gathered) -> Iterator[str]:
    """For ``--review``: each file with its size and what was masked in it."""
    for item in done.items:
        masked = ", ".join(f"{number:,} {kind}" for kind, number in sorted(item.redacted.items()))
        yield f"{len(item.data):>12,}  {item.name}" + (f"  (masked: {masked})" if masked else "")
    for name, why in done.left_out.items():
        yield f"    left out  {name}: {why}"
    for wanted in done.wanted:
        if not wanted.items:
            yield f"     missing  {wanted.what}" + (f": {wanted.how}" if wanted.how else "")
