"""The facts of a case, from all evidence that belongs to it.

incident → proxy, revision, environment → target endpoint → reference → keystore → alias → leaf → issuer →
accepted authorities of *that* backend. Each step says where it comes from; what is not certain stays
unknown instead of being guessed, and is noted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from logscan._diagnosis.cases import Case
from logscan._diagnosis.facts import AskedFor, Facts, Quote, names_of
from logscan._diagnosis.facts_from_configuration import ConfigurationFacts, facts_from_configuration
from logscan._diagnosis.facts_from_engine import EngineFacts, facts_from_engine
from logscan._diagnosis.facts_from_keystore import KeystoreFacts, facts_from_keystore
from logscan._diagnosis.facts_from_log import LogFacts, facts_from_log
from logscan._diagnosis.facts_from_s_client import SClientFacts, facts_from_s_client
from logscan._diagnosis.facts_from_wire import WireFacts, asked_for, facts_from_wire
from logscan._diagnosis.facts_of_handshake import facts_of_handshake
from logscan._diagnosis.keymanager import choose
from logscan._diagnosis.old_keystores import old_keystore
from logscan._evidence.capture.connection import EMPTY, Connection
from logscan._evidence.certificates import Certificate
from logscan._evidence.collected import Evidence
from logscan._evidence.keystores.keystore import Keystore
from logscan.errors import not_understood

T = TypeVar("T")

NO_HANDSHAKE = facts_of_handshake(LogFacts(), WireFacts(), EngineFacts())
MAX_KNOWN = 10_000
"""Certificates among which a missing link is looked for."""


def facts_of(
    case: Case, evidence: Evidence, keystore: Keystore | None = None, alias: str | None = None
) -> Facts:
    """What is known of a case.

    Args:
        case: failures and connections.
        evidence: everything that was read.
        keystore: named by the user as the one that is used.
        alias: named by the user.
    """
    faults: list[str] = []

    def tried(default: T, find: Callable[..., T], *arguments: object) -> T:
        """A net around each source of facts: what raises is known of none, and the others are used."""
        try:
            return find(*arguments)
        except Exception as error:  # noqa: BLE001 (a net)
            faults.append(f"{find.__name__.replace('_', ' ')}: {not_understood(error)}")
            return default

    log = tried(LogFacts(), facts_from_log, case, evidence.traces)
    wire = tried(WireFacts(), facts_from_wire, _representative(case))
    connection = wire.connection
    target = log.target or wire.target
    sni = connection.sni if connection else None
    on_the_wire = wire.asked_for if connection else tried(None, _of_same_backend, target, evidence)
    s_client = tried(SClientFacts(), facts_from_s_client, evidence, target, connection, on_the_wire)
    engine = tried(EngineFacts(), facts_from_engine, evidence, target, sni, _times(case), case.engine)
    configuration = tried(ConfigurationFacts(), facts_from_configuration, case, evidence, log, target, sni)
    used_alias = next((name for name in (alias, log.alias, configuration.alias) if name is not None), None)
    store = tried(KeystoreFacts(), facts_from_keystore, evidence, keystore, used_alias, configuration)
    handshake = tried(NO_HANDSHAKE, facts_of_handshake, log, wire, engine)
    sent = handshake.sent
    asked = on_the_wire or engine.asked_for or s_client.asked_for or _of_backend_cas(sent, evidence)
    elsewhere = True if on_the_wire is not None and connection is None else s_client.certificate_requested
    quotes = {**s_client.quotes, **handshake.quotes, **configuration.quotes, **store.quotes}
    if hurt := tried(None, _hurt, case, evidence):
        quotes["hurt"] = hurt
    old = tried(None, old_keystore, case, evidence)
    if old is not None:
        quotes["old_keystore"] = old.quote
    if asked is not None:
        quotes["request"] = asked.quote
    if on_the_wire is not None:
        quotes.setdefault("certificate_requested", on_the_wire.quote)
    if evidence.backend_cas:
        text = f"the backend trusts: {names_of(tuple(item.subject for item in evidence.backend_cas))}"
        quotes["backend_ca"] = Quote(text, evidence.backend_cas[0].source)
    if alias is not None:
        quotes["alias"] = Quote(f"the alias {alias} was given", "--alias")
    authorities = asked.authorities if asked else None
    if asked is not None and asked is engine.asked_for and not engine.names_certain:
        authorities = None  # where one name ends is a guess: nothing may be compared with it
    key_types, schemes = (asked.key_types, asked.schemes) if asked else ((), ())
    choice = None
    if store.keystore is not None:
        choice = tried(None, choose, store.keystore, used_alias, authorities, key_types, schemes)
    return Facts(
        alert=handshake.alert,
        families=handshake.families,
        text=log.text,
        received=handshake.received,
        refused_on_wire=handshake.refused,
        closed=wire.closed,
        log_keystore=log.keystore,
        begun=log.begun or wire.time or engine.time,
        ended=log.ended or wire.time or engine.time,
        hello_only=wire.hello_only,
        before_request=wire.before_request,
        wire=connection is not None,
        incomplete=wire.incomplete,
        certificate_requested=handshake.requested,
        asked_elsewhere=elsewhere if handshake.requested is None else None,
        sent=sent,
        inferred=handshake.inferred,
        accepted=handshake.accepted,
        renegotiated=connection is not None and connection.renegotiated,
        why_none=engine.why_none,
        version=connection.version if connection else engine.version,
        suite=connection.suite if connection else None,
        sni=sni or (engine.handshake.sni if engine.handshake else None),
        sent_chain=wire.sent_chain or engine.sent_chain,
        authorities=authorities,
        key_types=key_types,
        schemes=schemes,
        settings=configuration.settings,
        settings_variable=configuration.settings_variable,
        reference=configuration.reference,
        reference_resolves=configuration.reference_resolves,
        keystore_name=configuration.keystore_name,
        keystore_exists=True if store.keystore is not None else configuration.keystore_exists,
        keystore=store.keystore,
        alias=used_alias,
        entry=store.entry,
        choice=choice,
        server_chain=wire.server_chain or engine.server_chain or s_client.server_chain,
        other_server_chain=s_client.server_chain if wire.server_chain else (),
        trusted=configuration.trusted,
        offer=connection.offer if connection else None,
        not_tls=connection.not_tls if connection else None,
        foreign_end=connection.foreign_end if connection else None,
        silent_after=wire.silent_after,
        silent_seconds=wire.silent_seconds,
        hello_request=connection is not None and connection.hello_request,
        request_size=connection.request_size if connection else 0,
        flight_size=_flight(connection),
        others_recovered=old is not None and old.likely,
        backend_cas=tuple(evidence.backend_cas),
        known=_all_certificates(evidence, wire.sent_chain),
        target=target,
        org=log.org,
        env=log.env,
        quotes=quotes,
        notes=(*configuration.notes, *store.notes, *engine.notes, *_without_a_name(connection)),
        connection=connection,
        faults=faults,
    )


def _hurt(case: Case, evidence: Evidence) -> Quote | None:
    """Which requests of clients failed, by the Routers' access logs."""
    requests = evidence.hurt.of(case.group.messages) if case.group else []
    if not requests:
        return None
    clients = len({request.client for request in requests})
    statuses = Counter(request.status for request in requests).most_common(3)
    shown = ", ".join(f"{count:,} with status {status}" for status, count in statuses)
    codes = ", ".join(sorted({request.fault_code for request in requests if request.fault_code})[:3])
    text = f"the Router answered {shown} to {clients:,} client(s)" + (f" ({codes})" if codes else "")
    return Quote(text, f"{requests[0].source}, line {requests[0].line:,}")


def _times(case: Case) -> tuple[datetime, ...]:
    """When a case's failures were, UTC."""
    return tuple(time for _, time in case.group.kept if time is not None) if case.group else ()


def _without_a_name(connection: Connection | None) -> tuple[str, ...]:
    """That no host name was sent: a backend with several hosts then answers for its first."""
    if connection is None or connection.offer is None or connection.sni is not None:
        return ()
    return ("the client sent no host name (SNI): a backend with several hosts answers for its first",)


def _flight(connection: Connection | None) -> int:
    """Bytes of the largest chain of a connection: of the server's, or of the client's."""
    if connection is None:
        return 0
    sent = sum(len(der) + 3 for der in connection.client_chain or ())
    return max(sent, connection.server_flight)


def _representative(case: Case) -> Connection | None:
    """The connection that shows most: with the client's answer and without gaps."""

    def worth(connection: Connection) -> tuple[bool, bool, bool, int]:
        return (
            connection.client_certificate is not None, connection.request is not None,
            connection.refusal is not None, -len(connection.faults),
        )  # fmt: skip

    return max(case.connections, key=worth, default=None)


def _of_same_backend(target: str | None, evidence: Evidence) -> AskedFor | None:
    """What another connection to the same backend, even a success, shows that it asks for."""
    for connection in evidence.connections:
        if connection.request and f"{connection.server[0]}:{connection.server[1]}" == target:
            return asked_for(connection, "another connection to the same backend: ")
    return None


def _of_backend_cas(sent: str | None, evidence: Evidence) -> AskedFor | None:
    """What the backend asks for by its CA file: servers take the names from there, if they send any."""
    if sent != EMPTY or not evidence.backend_cas:
        return None
    names = tuple(item.subject for item in evidence.backend_cas)
    text = "accepted authorities are taken from the backend's CA file"
    return AskedFor(names, (), (), Quote(text, evidence.backend_cas[0].source))


def _all_certificates(evidence: Evidence, sent: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    """Every certificate of the evidence, but no more than can matter."""
    found = [*evidence.certificates, *evidence.backend_cas, *sent]
    for keystore in [*evidence.keystores, *evidence.environment.keystores.values()]:
        found += [certificate for entry in keystore.entries for certificate in entry.chain]
    return tuple(found[:MAX_KNOWN])
