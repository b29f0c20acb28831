"""The way to an answer: one numbered path of commands, and what their answers would mean.

The command that decides most comes first. A case that is decided has a path too: how to look at the keystore,
how to make the right one, and how to check it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from logscan._diagnosis import commands
from logscan._diagnosis.answers import Meanings, meanings_of, what_of
from logscan._diagnosis.cases import Case
from logscan._diagnosis.causes import LIKELY, PROVEN, Finding
from logscan._diagnosis.commands import Names, names_of
from logscan._diagnosis.facts import Facts
from logscan._diagnosis.needs import need_of
from logscan._evidence.collected import Evidence
from logscan._evidence.kinds import KEY_LOG, KEYSTORE

MAX_NAMED = 6
"""Files that a command names; for more of them ``THE_SAME_FILES`` stands."""
MAX_ROUNDS = 3
"""Pieces of evidence that a path fetches, one after the other."""
SAME_FILES = "THE_SAME_FILES"
_API = frozenset({"bundle", "reference", "keystore", "certificate", "truststore"})
_NEW_FILES = {
    "s_client": "s_client.txt", "bundle": "bundle.zip", "reference": "reference.json",
    "keystore": "keystore.json alias.json", "certificate": "client.pem", "truststore": "truststore.json",
    "capture": commands.CAPTURE, "key-log": commands.CAPTURE, "runtime": "runtime.json",
    "router-log": "router_access_log",
    "intermediate": "intermediate.pem", "debug-log": f"{commands.MP_LOGS}/system.log",
    "log": commands.MP_LOGS, "engine-debug": f"{commands.MP_LOGS}/edge-message-processor.log",
}  # fmt: skip
"""What each step makes."""
_BY_A_KEYSTORE = frozenset({
    "no_keystore_configured", "keystore_empty", "alias_not_found", "certificate_without_key",
    "chain_incomplete", "key_type_mismatch", "expired", "not_yet_valid", "wrong_key_usage",
    "weak_client_certificate",
})  # fmt: skip
"""Causes whose remedy is another certificate, chain or keystore."""
_BY_THE_BACKEND = frozenset(
    {"ca_mismatch", "unknown_ca", "ca_same_name_other_key", "revoked_or_not_registered"}
)
"""Causes that the backend's operator can repair too."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """One thing to do."""

    number: int
    """From 1."""
    what: str
    """What it is for, in one or two sentences."""
    command: str
    """To paste; empty where only a person can do it."""
    meanings: Meanings = ()
    """What an answer may be, and what it means."""


def is_repair(findings: Sequence[Finding]) -> bool:
    """Whether a keystore or a backend that accepts the certificate repairs what is proven."""
    return any(f.state == PROVEN and f.cause.name in _BY_A_KEYSTORE | _BY_THE_BACKEND for f in findings)


def path_of(
    kinds: Iterable[str],
    findings: Sequence[Finding],
    facts: Facts,
    case: Case,
    evidence: Evidence | None = None,
) -> tuple[NextStep, ...]:
    """The steps to the answer of an open case, or to the repair of a decided one.

    Args:
        kinds: evidence that would decide between the leading findings.
        findings: proven, likely, possible. Where one is proven that no keystore repairs, the needs of those
            that are likely count: they say why it happened.
        facts: of the case.
        case: the failures and connections.
        evidence: everything that was read, to name the files again.
    """
    names = names_of(facts, case, evidence)
    if is_repair(findings):
        return _repair(names, facts, {finding.cause.name for finding in findings if finding.state == PROVEN})
    if findings and findings[0].state == PROVEN:
        kinds = {need for finding in findings if finding.state == LIKELY for need in finding.needs}
    files = same_files(evidence)
    parts: list[tuple[str, str, Meanings]] = []
    for kind in _chosen(set(kinds), facts, names, evidence)[:MAX_ROUNDS]:
        need = need_of(kind, names, facts)
        what = what_of(kind, names, facts) or (need.what[:1].upper() + need.what[1:] if need else "")
        if parts:
            what = f"Not decided yet? {what}"
        command, new = _command(kind, names, files, need.how if need else ""), _NEW_FILES.get(kind)
        parts.append((what, command, meanings_of(kind, facts)))
        if new is not None:
            parts.append((_AGAIN, f"logscan diagnose {files} {new}", ()))
    if parts and case.group is not None and facts.client_certificate_matter:
        parts += [(what_of(kind, names, facts) or "", _LAST[kind](names), ()) for kind in _LAST]
    return tuple(
        NextStep(number, what, command, meanings)
        for number, (what, command, meanings) in enumerate(parts, start=1)
    )


_LAST = {
    "debug-log": commands.debug_log,
    "engine-debug": commands.restart,
    "router-log": commands.router_log,
}
"""What comes after all else, where the failure is in a log."""
_AGAIN = "Then run this, with the options of this run"


def _command(kind: str, names: Names, files: str, usual: str) -> str:
    if kind == "mgmt":
        return f"logscan diagnose {files} --mgmt http://MANAGEMENT_SERVER:8080"
    if kind == "backend-ca":
        return f"logscan diagnose {files} --backend-ca FILE"
    if kind == "key-log":
        return commands.tcpdump(names)
    return "" if kind == "backend-log" else usual


def same_files(evidence: Evidence | None) -> str:
    """The files of this run for the next command; :data:`SAME_FILES` where they are many."""
    files = {} if evidence is None else evidence.files
    kinds = {path: kind for path, kind in files.items() if not path.startswith("http")}
    if not kinds or len(kinds) > MAX_NAMED or any("\n" in path for path in kinds):
        return SAME_FILES
    roles = dict(_ROLES)
    if list(kinds.values()).count(KEYSTORE) == 1:
        roles[KEYSTORE] = "--keystore "
    return " ".join(roles.get(kind, "") + _path(path) for path, kind in kinds.items())


_ROLES = {"backend's trusted authorities": "--backend-ca ", KEY_LOG: "--keylog "}


def _path(path: str) -> str:
    return shlex.quote(f"./{path}" if path.startswith("-") and path != "-" else path)


def _chosen(kinds: set[str], facts: Facts, names: Names, evidence: Evidence | None) -> list[str]:
    """Which evidence to get, the one that decides most first."""
    chosen: list[str] = []
    asked = evidence is not None and any(path.startswith("http") for path in evidence.files)
    if kinds & _API and not asked and names.org and names.env and names.proxy:
        chosen.append("mgmt")
        kinds = kinds - _API
    order: Sequence[str] = (
        "s_client", "keystore", "bundle", "reference", "capture", "key-log", "truststore", "certificate",
        "intermediate", "backend-ca", "runtime", "hosts", "log", "backend-log", "engine-debug",
        "router-log", "debug-log",
    )  # fmt: skip
    if facts.log_keystore == "null" and "s_client" in kinds:
        # The log says already what the settings would: whether the backend asks decides more.
        return ["s_client", *chosen, *(kind for kind in order if kind in kinds - {"s_client"})]
    if facts.wire and facts.incomplete and "capture" in kinds:
        order = ("capture", *(kind for kind in order if kind != "capture"))
    return chosen + [kind for kind in order if kind in kinds]


def _repair(names: Names, facts: Facts, causes: set[str]) -> tuple[NextStep, ...]:
    """How to look at the keystore, make the right one, and check it."""
    alias = names.alias or "the alias"
    look = (
        "Look at the keystore that was uploaded",
        commands.look_at_keystore(names),
        (
            ("Entry type: PrivateKeyEntry", f"{alias} has its private key"),
            ("Entry type: trustedCertEntry", f"{alias} has no private key: Java cannot send it"),
            ("Certificate chain length: 1", "the intermediates are missing, if an intermediate issued it"),
        ),
    )
    make = (
        "Make the right one. client.pem is the certificate, client.key its key, intermediates.pem every"
        " certificate between it and the root. With OpenSSL 3 and Java 8 before 8u301 add -legacy",
        commands.build_keystore(names),
        (),
    )
    attempt = (
        "Try certificate and key (client.pem, client.key) against the backend"
        + ("" if names.server_name else ". Add -servername NAME: the host name in the target's URL"),
        commands.s_client(names, None, certificate=True),
        (
            ("no line with “alert”", "the backend accepts the certificate"),
            ("“alert …”", "it is refused still, and not because of Apigee"),
        ),
    )
    ended = (
        "Send a request, then look whether the failures have stopped",
        f"logscan diagnose {commands.MP_LOGS} --since '10 minutes ago'",
        (("they go on on one host", "that Message Processor has the old keystore: restart it"),),
    )
    steps: list[tuple[str, str, Meanings]] = [attempt, ended]
    if causes & _BY_A_KEYSTORE:
        upload = "Upload it as a NEW alias or keystore, and point the reference to it"
        known = facts.keystore is not None or names.keystore_file is not None or names.alias
        steps = [*([look] if known else ()), make, attempt, (upload, "", ()), ended]
    return tuple(NextStep(number, *parts) for number, parts in enumerate(steps, start=1))
