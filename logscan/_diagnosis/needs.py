"""What is missing, and the command that supplies it, with the names of the case filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from logscan._diagnosis import commands
from logscan._diagnosis.cases import Case
from logscan._diagnosis.commands import Names, names_of
from logscan._diagnosis.facts import Facts, Need
from logscan._evidence.collected import Evidence

_NEEDS: dict[str, tuple[str, Callable[[Names], str]]] = {
    "capture": ("a packet capture of one failing request, on the Message Processor", commands.tcpdump),
    "key-log": (
        "what TLS 1.3 hides: a handshake in TLS 1.2, or the secrets of the connection",
        lambda _: (
            "set <Protocols><Protocol>TLSv1.2</Protocol></Protocols> in the target's SSLInfo for one test and"
            " capture again; or give a key log of the backend (SSLKEYLOGFILE) with --keylog"
        ),
    ),
    "log": ("the Message Processor's log of the failure: it names the alias", commands.search),
    "hosts": (
        "the logs of all Message Processors: do all of them fail?",
        lambda _: "logscan diagnose HOST_1/logs HOST_2/logs --host 'one=HOST_1/*' --host 'two=HOST_2/*'",
    ),
    "bundle": (
        "the proxy's revision, with the target's SSLInfo (and its target server, if it names one)",
        commands.bundle,
    ),
    "reference": ("what the target's KeyStore reference names", commands.reference),
    "keystore": ("the keystore's aliases and certificates", commands.keystore),
    "certificate": ("the certificate itself, with its usages", commands.certificate),
    "s_client": ("the authorities that the backend accepts", commands.s_client),
    "intermediate": (
        "the intermediate certificate above the chain: the address after “CA Issuers” has it",
        commands.issuer_of_certificate,
    ),
    "backend-ca": (
        "the authorities of clients that the backend trusts",
        lambda _: "ask the backend's operator for its client CA file; give it with --backend-ca FILE",
    ),
    "truststore": ("the authorities that the target's truststore holds", commands.truststore),
    "runtime": ("the keystore that the Message Processor has loaded", commands.runtime),
    "engine-debug": (
        "what Java's TLS did. It needs a restart of ONE Message Processor. First add to"
        f" {commands.MP_PROPERTIES}: {commands.ENGINE_DEBUG}. The output"
        " is in edge-message-processor.log",
        commands.restart,
    ),
    "debug-log": (
        "more detail in system.log, without a restart: run it on the Message Processor and send one failing"
        " request within a minute",
        commands.debug_log,
    ),
    "router-log": (
        "who was hurt, and with which status: run it on each Router",
        commands.router_log,
    ),
}  # fmt: skip
"""Kind → what it is, and the command, in the order in which they help most."""

BACKEND_LOG = "backend-log"


def needs_of(
    kinds: Iterable[str], facts: Facts, case: Case, evidence: Evidence | None = None
) -> tuple[Need, ...]:
    """The needs of these kinds, in the order in which they help most."""
    names, wanted = names_of(facts, case, evidence), set(kinds)
    needs = (need_of(kind, names, facts) for kind in (*_NEEDS, BACKEND_LOG) if kind in wanted)
    return tuple(need for need in needs if need is not None)


def need_of(kind: str, names: Names, facts: Facts) -> Need | None:
    """The need of one kind; ``None``: it is none that a file or a person can supply."""
    if kind == BACKEND_LOG:
        at = f"at {facts.begun:%Y-%m-%d %H:%M:%S} UTC" if facts.begun else "at the time of the failure"
        what = "the backend's own log of the refusal"
        return Need(what, f"ask the backend's operator for its log {at}", kind)
    if kind not in _NEEDS:
        return None
    what, command = _NEEDS[kind]
    return Need(what, command(names), kind)
