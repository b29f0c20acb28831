"""The facts of a case, from all evidence that belongs to it.

incident → proxy, revision, environment → target endpoint → reference → keystore → alias → leaf → issuer →
accepted authorities of *that* backend. Each step says where it comes from; what is not certain stays
unknown instead of being guessed, and is noted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from logscan._diagnosis.cases import Case
from logscan._diagnosis.facts import AskedFor, Facts, Quote, names_of
from logscan._diagnosis.facts_from_configuration import ConfigurationFacts, facts_from_configuration
from logscan._diagnosis.facts_from_keystore import KeystoreFacts, facts_from_keystore
from logscan._diagnosis.facts_from_log import LogFacts, facts_from_log
from logscan._diagnosis.facts_from_s_client import SClientFacts, facts_from_s_client
from logscan._diagnosis.facts_from_wire import WireFacts, asked_for, facts_from_wire
from logscan._diagnosis.keymanager import choose
from logscan._evidence.capture.connection import EMPTY, INFERRED, Connection
from logscan._evidence.certificates import Certificate
from logscan._evidence.collected import Evidence
from logscan._evidence.keystores.keystore import Keystore
from logscan._failures import catalog
from logscan.errors import not_understood

T = TypeVar("T")

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
    configuration = tried(ConfigurationFacts(), facts_from_configuration, case, evidence, log, target, sni)
    used_alias = next((name for name in (alias, log.alias, configuration.alias) if name is not None), None)
    store = tried(KeystoreFacts(), facts_from_keystore, evidence, keystore, used_alias, configuration)
    sent = connection.client_certificate if connection else None
    asked = on_the_wire or s_client.asked_for or _of_backend_cas(sent, evidence)
    requested = connection.certificate_requested if connection else None
    quotes = {**log.quotes, **wire.quotes, **s_client.quotes, **configuration.quotes, **store.quotes}
    if wire.closed is not None:
        quotes.setdefault("alert", wire.closed)
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
    key_types, schemes = (asked.key_types, asked.schemes) if asked else ((), ())
    choice = None
    if store.keystore is not None:
        choice = tried(None, choose, store.keystore, used_alias, authorities, key_types, schemes)
    return Facts(
        alert=_alert(log, wire),
        received=log.received if wire.received is None else wire.received,
        log_keystore=log.keystore,
        begun=log.begun or wire.time,
        ended=log.ended or wire.time,
        hello_only=wire.hello_only,
        before_request=wire.before_request,
        wire=connection is not None,
        incomplete=wire.incomplete,
        certificate_requested=s_client.certificate_requested if requested is None else requested,
        sent=sent,
        inferred=connection is not None and connection.sight == INFERRED,
        accepted=connection.accepted if connection else None,
        renegotiated=connection is not None and connection.renegotiated,
        version=connection.version if connection else None,
        sni=sni,
        sent_chain=wire.sent_chain,
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
        backend_cas=tuple(evidence.backend_cas),
        known=_all_certificates(evidence, wire.sent_chain),
        target=target,
        org=log.org,
        env=log.env,
        quotes=quotes,
        notes=(*configuration.notes, *store.notes),
        connection=connection,
        faults=faults,
    )


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


def _alert(log: LogFacts, wire: WireFacts) -> str | None:
    """The alert's name: the log's; the wire's, where the log names another fault or none."""
    if log.alert in catalog.ALERTS or not wire.received:
        return log.alert or wire.alert
    return wire.alert or log.alert


def _all_certificates(evidence: Evidence, sent: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    """Every certificate of the evidence, but no more than can matter."""
    found = [*evidence.certificates, *evidence.backend_cas, *sent]
    for keystore in [*evidence.keystores, *evidence.environment.keystores.values()]:
        found += [certificate for entry in keystore.entries for certificate in entry.chain]
    return tuple(found[:MAX_KNOWN])
