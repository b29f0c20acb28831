"""Facts from the output of ``-Djavax.net.debug``: what Java's TLS engine says of a backend's handshake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from logscan._diagnosis.facts import SHOWN_NAMES, AskedFor, Quote, Quotes, names_of
from logscan._evidence.certificates import Certificate
from logscan._evidence.collected import Evidence
from logscan._evidence.engine_debug import EMPTY, NOT_ASKED, SENT, SERVER, EngineHandshake

NEAR = 5.0
"""Seconds between a failure of the log and the handshake that it is."""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the engine says. ``None`` always means: not known."""

    handshake: EngineHandshake | None = None
    """The one that the facts come from."""
    asked_for: AskedFor | None = None
    names_certain: bool = True
    """Whether the names in ``asked_for`` are separated without doubt. Else a name that is not among them may
    be accepted all the same."""
    certificate_requested: bool | None = None
    sent: str | None = None
    """``empty``, ``sent`` or ``not asked``."""
    sent_chain: tuple[Certificate, ...] = ()
    """Without keys and usages."""
    server_chain: tuple[Certificate, ...] = ()
    why_none: str | None = None
    alert: str | None = None
    received: bool | None = None
    """Whether the server sent the alert; ``None``: there is none."""
    accepted: bool | None = None
    version: str | None = None
    time: datetime | None = None
    quotes: Quotes = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def facts_from_engine(
    evidence: Evidence,
    target: str | None,
    sni: str | None,
    times: Iterable[datetime] = (),
    own: tuple[EngineHandshake, ...] = (),
) -> EngineFacts:
    """The facts of the handshake that belongs to a case.

    Args:
        evidence: every handshake.
        target: the backend, ``host:port``.
        sni: host name that the client sent, where a capture shows it.
        times: UTC, of the case's failures.
        own: the handshakes that are all of the case.
    """
    found, how = (own[0], "") if own else _handshake_of(evidence.engine, target, sni, tuple(times))
    if found is None:
        return EngineFacts(notes=(how,) if how else ())
    quotes: dict[str, Quote] = {}

    def quote(name: str, fact: str, text: str) -> Quote:
        line = found.lines.get(fact, found.line)
        made = quotes[name] = Quote(f"javax.net.debug: {text}{how}", f"{found.source}, line {line}")
        return made

    asked = None
    if found.asked and found.authorities is not None:
        text = "CertificateRequest names no authorities: any is accepted"
        if found.authorities:
            more = len(found.authorities) - SHOWN_NAMES
            text = f"CertificateRequest accepts: {names_of(found.authorities)}"
            text += f" and {more:,} more" if more > 0 else ""
        place = quote("request", "request", text)
        asked = AskedFor(found.authorities, found.key_types, found.schemes, place)
    if found.asked is False:
        quote("certificate_requested", "request", "the backend asked for no client certificate")
    if found.client_certificate == EMPTY:
        quote("sent", "sent", "the client's Certificate message is empty")
    elif found.client_certificate == SENT:
        leaf = found.client_chain[0] if found.client_chain else None
        whose = f": {leaf.subject}, issued by {leaf.issuer}" if leaf else ""
        quote("sent", "sent", f"the client sent {len(found.client_chain) or 'a'} certificate(s){whose}")
    if found.why_none is not None:
        quote("why_none", "why", found.why_none)
    if found.alert is not None:
        whose = "the backend" if found.alert_by == SERVER else "the Message Processor"
        quote("alert", "alert", f"{whose} sent the fatal alert {found.alert}")
    elif found.failure is not None:
        quote("failure", "failure", found.failure)
    notes: tuple[str, ...] = ()
    if asked is not None and not found.authorities_certain:
        notes = (f"{found.source}, line {found.lines['request']}: where one accepted name ends is a guess",)
    return EngineFacts(
        handshake=found,
        asked_for=asked,
        names_certain=found.authorities_certain,
        certificate_requested=found.asked,
        sent=found.client_certificate,
        sent_chain=found.client_chain,
        server_chain=found.server_chain,
        why_none=found.why_none,
        alert=found.alert,
        received=None if found.alert is None else found.alert_by == SERVER,
        accepted=found.completed,
        version=found.version,
        time=found.time,
        quotes=quotes,
        notes=notes,
    )


def _handshake_of(
    handshakes: list[EngineHandshake], target: str | None, sni: str | None, times: tuple[datetime, ...]
) -> tuple[EngineHandshake | None, str]:
    """The handshake of a case, and how it was found. One that may hold messages of another is never taken."""
    host = (target or "").rpartition(":")[0]
    names = {name.casefold() for name in (host, sni) if name}
    whole = [item for item in handshakes if not item.mixed]
    if not whole:
        mixed = "javax.net.debug: handshakes of one thread overlap, so that they cannot be told apart"
        return None, mixed if handshakes else ""
    same = [item for item in whole if item.sni and item.sni.casefold() in names]
    if same:
        return max(same, key=lambda item: (_near(item, times), *_worth(item))), ""
    if times:
        near = [item for item in whole if item.sni is None and _near(item, times)]
        if len({(item.authorities, item.client_certificate, item.alert) for item in near}) == 1:
            return max(near, key=_worth), " (at the time of a failure in the log; the text names no host)"
    hosts = {(item.sni or "").casefold() for item in whole}
    if len(hosts) == 1 and (not names or hosts == {""}):
        failed = [item for item in whole if item.completed is not True] or whole
        if len({(item.authorities, item.client_certificate, item.alert) for item in failed}) == 1:
            return max(failed, key=_worth), " (taken to be of this backend: the text names no host)"
    return None, ""


def _near(item: EngineHandshake, times: tuple[datetime, ...]) -> bool:
    return item.time is not None and any(abs((time - item.time).total_seconds()) <= NEAR for time in times)


def _worth(item: EngineHandshake) -> tuple[bool, bool, bool, bool]:
    """Which of several shows most: a failure, with its alert, the client's answer and the request."""
    answered = item.client_certificate not in (None, NOT_ASKED)
    return item.completed is not True, item.alert is not None, answered, item.asked is True
