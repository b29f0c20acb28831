"""The join: from a case to its facts.

incident → proxy, revision, environment → target endpoint → reference → keystore → alias → leaf → issuer →
accepted authorities of *that* backend. Each step says where it comes from; what cannot be told apart stays
unknown instead of being guessed, and is noted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from logscan.diagnosis.cases import Case, client_alert
from logscan.diagnosis.facts import Facts, Quote
from logscan.diagnosis.keymanager import choose
from logscan.evidence.capture.connections import (
    CLIENT,
    EMPTY,
    INFERRED,
    SENT,
    SERVER,
    Connection,
)
from logscan.evidence.certificates import Certificate, certificate_from_der
from logscan.evidence.collected import Evidence
from logscan.evidence.configuration import (
    LITERAL,
    REFERENCE,
    VARIABLE,
    Proxy,
    Target,
    TlsSettings,
    kind_of_value,
)
from logscan.evidence.keystores.read_keystore import Keystore
from logscan.evidence.s_client import SClient

SHOWN_NAMES = 8
"""Accepted authorities quoted one by one."""


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
    facts = Facts()
    _from_log(facts, case)
    _from_traces(facts, case, evidence)
    connection = _representative(case)
    if connection is not None:
        _from_wire(facts, connection)
    elif shown := _same_backend(facts, evidence):
        _request(facts, shown, "another connection to the same backend: ")
    _from_s_client(facts, evidence, connection)
    facts.backend_cas = tuple(evidence.backend_cas)
    if facts.backend_cas:
        names = "; ".join(str(item.subject) for item in facts.backend_cas[:SHOWN_NAMES])
        facts.quotes["backend_ca"] = Quote(f"the backend trusts: {names}", facts.backend_cas[0].source)
    _from_configuration(facts, case, evidence)
    _from_keystore(facts, case, evidence, keystore, alias)
    if facts.authorities is None and facts.backend_cas and facts.sent == EMPTY:
        # Servers take the names from the authorities that they trust, where they send names at all.
        facts.authorities = tuple(item.subject for item in facts.backend_cas)
        facts.quotes["request"] = Quote(
            "accepted authorities are taken from the backend's CA file", facts.backend_cas[0].source
        )
    facts.known = tuple(_all_certificates(facts, evidence))
    if facts.keystore is not None:
        facts.choice = choose(facts.keystore, facts.alias, facts.authorities, facts.key_types, facts.schemes)
    return facts


def _from_log(facts: Facts, case: Case) -> None:
    group = case.group
    if group is None:
        return
    facts.alert = group.alert
    facts.org, facts.env, facts.target = group.org, group.env, group.target
    facts.begun, facts.ended = group.first, group.last
    facts.alias = group.alias
    facts.received = {"peer": True, "us": False}.get(group.refused_by)
    if case.samples:
        sample = case.samples[0]
        place = f"{sample.place.path}, byte {sample.place.offset:,}"
        facts.quotes["log"] = facts.quotes["alert"] = Quote(f"the log says: {sample.reason}", place)
        if sample.ssl_info is not None:
            info = sample.ssl_info
            facts.log_keystore = info.keystore
            facts.quotes["log_keystore"] = Quote(
                f"SSLInfo: KeyStore:{info.keystore} KeyAlias:{info.key_alias} TrustStore:{info.truststore}",
                place,
            )
            if facts.alias is not None:
                facts.quotes["alias"] = Quote(f"KeyAlias:{facts.alias}", place)


def _from_traces(facts: Facts, case: Case, evidence: Evidence) -> None:
    """A debug session of one of the messages."""
    ids = _ids(case)
    for traced in evidence.traces:
        if traced.message_id in ids and traced.cause:
            facts.quotes["trace"] = Quote(
                f"the trace of {traced.message_id} has error.cause {traced.cause}", traced.source
            )
            return


def _representative(case: Case) -> Connection | None:
    """The connection that shows most: with the client's answer and without gaps."""

    def worth(connection: Connection) -> tuple[bool, bool, bool, int]:
        return (
            connection.client_certificate is not None, connection.request is not None,
            connection.refusal is not None, -len(connection.faults),
        )  # fmt: skip

    return max(case.connections, key=worth, default=None)


def place_in(connection: Connection, packet: int) -> str:
    """Where something stands in a capture."""
    return f"{connection.capture}, packet {packet}"


def _from_wire(facts: Facts, connection: Connection) -> None:
    facts.wire, facts.connection = True, connection
    facts.asked, facts.sent, facts.accepted = (
        connection.asked,
        connection.client_certificate,
        connection.accepted,
    )
    facts.inferred = connection.sight == INFERRED
    facts.renegotiated, facts.resumed = connection.renegotiated, connection.resumed
    facts.version, facts.sni = connection.version, connection.sni
    facts.target = facts.target or f"{connection.server[0]}:{connection.server[1]}"
    facts.incomplete = connection.faults
    time = datetime.fromtimestamp(connection.begun, UTC) if 0 <= connection.begun < 32_503_680_000 else None
    facts.begun, facts.ended = facts.begun or time, facts.ended or time
    answered = any(step.by == SERVER and "Alert" not in step.text for step in connection.steps)
    refusal = connection.refusal
    hello = any(step.by == CLIENT and step.text.startswith("ClientHello") for step in connection.steps)
    facts.hello_only = hello and not answered and (refusal is not None or connection.closed_by == SERVER)
    facts.before_request = (
        connection.version == "TLS 1.3" and connection.request is None and not connection.sizes
        and not connection.client_flight_1_3 and connection.accepted is not True
        and (refusal is not None or connection.closed_by == SERVER)
    )  # fmt: skip
    if client_alert(connection) and refusal is None:
        facts.received = False
        own = next(alert for alert in connection.alerts if alert.by == CLIENT)
        facts.alert = facts.alert or own.name
        facts.quotes["alert"] = Quote(
            f"the client sent the alert {own.name}", place_in(connection, own.packet)
        )
    elif refusal is not None:
        facts.received = True
        if refusal.name != "encrypted":
            facts.alert = facts.alert if facts.alert and case_names_alert(facts.alert) else refusal.name
        words = (
            "an alert that is encrypted"
            if refusal.name == "encrypted"
            else f"the {refusal.level} alert {refusal.name}"
        )
        facts.quotes["alert"] = Quote(f"the backend sent {words}", place_in(connection, refusal.packet))
    elif connection.accepted is False and "alert" not in facts.quotes:
        facts.quotes["alert"] = Quote(
            "the backend closed the connection" + (" behind the client's"
            " answer" if connection.client_flight else ""),
            place_in(connection, connection.closed_packet),
        )  # fmt: skip
    if connection.client_chain is not None:
        place = place_in(connection, connection.client_certificate_packet)
        for der in connection.client_chain:
            try:
                facts.sent_chain += (certificate_from_der(der, place),)
            except ValueError:
                facts.incomplete += (f"a certificate of the client cannot be read ({place})",)
        leaf = (
            f": {facts.sent_chain[0].subject}, issued by {facts.sent_chain[0].issuer}"
            if facts.sent_chain
            else ""
        )
        words = (
            f"the client sent {len(connection.client_chain)} certificate(s){leaf}" if connection.client_chain
            else "the client's Certificate message is empty (Certificate Length: 0)"
        )  # fmt: skip
        facts.quotes["sent"] = Quote(words, place)
    elif connection.inferred is not None:
        sizes = ", ".join(str(size) for size in connection.sizes[:2])
        words = {
            EMPTY: "asked for a certificate and sent an empty one", SENT: "sent a certificate",
        }.get(connection.inferred, "was not asked for a certificate")  # fmt: skip
        facts.quotes["sent"] = facts.quotes["asked"] = Quote(
            f"inferred from record sizes ({sizes} bytes, {connection.suite}): the client was {words}"
            if connection.inferred == EMPTY
            else f"inferred from record sizes ({sizes} bytes, {connection.suite}): the client {words}",
            place_in(connection, connection.first_packet),
        )
    elif connection.asked is False:
        facts.quotes["asked"] = Quote(
            "the handshake has no CertificateRequest", place_in(connection, connection.first_packet)
        )
    if connection.request is not None:
        _request(facts, connection, "")


def case_names_alert(name: str) -> bool:
    """Whether a name of the log is that of an alert, not of a cut connection."""
    from logscan.failures import catalog

    return name in catalog.ALERTS


def _request(facts: Facts, connection: Connection, prefix: str) -> None:
    request = connection.request
    assert request is not None
    facts.authorities = request.authorities
    facts.key_types, facts.schemes = request.key_types, request.signature_schemes
    names = "; ".join(str(name) for name in request.authorities[:SHOWN_NAMES])
    more = len(request.authorities) - SHOWN_NAMES
    facts.quotes["request"] = Quote(
        prefix + (f"CertificateRequest accepts: {names}" if names else "CertificateRequest names no"
        " authorities: any is accepted")
        + (f" and {more:,} more" if more > 0 else ""), place_in(connection, request.packet),
    )  # fmt: skip
    facts.quotes.setdefault("asked", facts.quotes["request"])


def _same_backend(facts: Facts, evidence: Evidence) -> Connection | None:
    """A connection of another failure, or a success, that shows what the same backend asks for."""
    for connection in evidence.connections:
        if (
            connection.request is not None
            and f"{connection.server[0]}:{connection.server[1]}" == facts.target
        ):
            return connection
    return None


def _from_s_client(facts: Facts, evidence: Evidence, connection: Connection | None) -> None:
    """What ``openssl s_client`` showed of this backend."""
    found, how = _s_client_of(facts, evidence, connection)
    if found is None:
        return
    place = f"{found.source}, line {found.authorities_line}" if found.authorities_line else found.source
    if connection is not None and connection.sni and found.sni and connection.sni != found.sni:
        facts.quotes["sni_differs"] = Quote(
            f"s_client asked for {found.sni}, the Message Processor for {connection.sni}: the backend may"
            f" answer"
            " each with other authorities", found.source,
        )  # fmt: skip
    if facts.authorities is not None:
        differs = found.asked and not (
            len(found.authorities) == len(facts.authorities)
            and all(any(name.same(other) for other in facts.authorities) for name in found.authorities)
        )
        if differs:
            facts.quotes["sni_differs"] = Quote(
                "s_client was told other authorities than the Message Processor", place
            )
        return
    if found.asked:
        facts.authorities = found.authorities
        facts.key_types, facts.schemes = found.key_types, found.signature_schemes
        names = "; ".join(str(name) for name in found.authorities[:SHOWN_NAMES])
        facts.quotes["request"] = Quote(
            (f"acceptable client certificate CA names: {names}" if names else "no client certificate CA"
            " names: any is accepted")
            + how, place,
        )  # fmt: skip
    if facts.asked is None:
        facts.asked = found.asked
        words = "asked for a client certificate" if found.asked else "asked for no client certificate"
        facts.quotes["asked"] = Quote(f"the backend {words}{how}", place)


def _s_client_of(
    facts: Facts, evidence: Evidence, connection: Connection | None
) -> tuple[SClient | None, str]:
    host, _, port = (facts.target or "").rpartition(":")
    named = {
        name
        for name in (
            host,
            facts.sni,
            connection.tunnel.rpartition(":")[0] if connection and connection.tunnel else None,
        )
        if name
    }
    for run in evidence.s_clients:
        if run.host and (run.host in named or run.sni in named) and (not port or str(run.port) == port):
            return run, ""
    if connection is not None and connection.server_chain:
        for run in evidence.s_clients:
            if run.server_chain and run.server_chain[0].der == connection.server_chain[0]:
                return run, " (the same server certificate as in the capture)"
    unnamed = [run for run in evidence.s_clients if run.host is None]
    if len(unnamed) == 1 and len(evidence.s_clients) == 1:
        return unnamed[0], " (taken to be of this backend: the text names no host)"
    by_url = {(target.host, target.port) for proxy in evidence.proxies for target in proxy.targets}
    by_url |= {(server.host, server.port) for server in evidence.environment.target_servers.values()}
    matching = [run for run in evidence.s_clients if (run.host, run.port) in by_url]
    if len(matching) == 1:
        return matching[0], " (the host of the target's URL)"
    return None, ""


def _from_configuration(facts: Facts, case: Case, evidence: Evidence) -> None:
    """The target's settings: of the bundle's target endpoint, or of its target server."""
    settings, places = _settings_of(facts, case, evidence)
    if settings is None:
        if places:
            case.notes.append(places)
        return
    facts.settings = settings
    shown = (
        f"ClientAuthEnabled {_shown(settings.client_auth_enabled)}, KeyStore {settings.keystore or '(none)'}"
    )
    facts.quotes["settings"] = Quote(
        f"SSLInfo: Enabled {_shown(settings.enabled)}, {shown}, KeyAlias {settings.key_alias or '(none)'}",
        settings.source,
    )
    if settings.keystore:
        kind, name = kind_of_value(settings.keystore)
        if kind == VARIABLE:
            facts.settings_variable = name
            case.notes.append(f"KeyStore is the flow variable {name}: only a trace shows its value")
        elif kind == REFERENCE:
            facts.reference = name
            _resolve(facts, evidence, name)
        elif kind == LITERAL:
            facts.keystore_name = name
    if facts.alias is None and settings.key_alias:
        kind, name = kind_of_value(settings.key_alias)
        if kind == VARIABLE:
            case.notes.append(f"KeyAlias is the flow variable {name}: only a trace shows its value")
        else:
            facts.alias = name
            facts.quotes["alias"] = Quote(f"KeyAlias {name}", settings.source)
    if facts.keystore_name is not None:
        environment = evidence.environment
        if facts.keystore_name in environment.keystores:
            facts.keystore_exists = True
        elif environment.listed_keystores or facts.keystore_name in environment.missing_keystores:
            facts.keystore_exists = False
            place = environment.missing_keystores.get(facts.keystore_name, "the list of keystores")
            facts.quotes["keystore"] = Quote(f"there is no keystore {facts.keystore_name}", place)


def _resolve(facts: Facts, evidence: Evidence, name: str) -> None:
    environment = evidence.environment
    reference = environment.references.get(name)
    if reference is not None:
        facts.reference_resolves, facts.reference_refers = True, reference.refers
        facts.keystore_name = reference.refers
        facts.quotes["reference"] = Quote(f"the reference {name} names {reference.refers}", reference.source)
    elif environment.listed_references or name in environment.missing_references:
        facts.reference_resolves = False
        place = environment.missing_references.get(name, "the list of references")
        facts.quotes["reference"] = Quote(f"there is no reference {name}", place)


def _shown(value: bool | None) -> str:
    return "(not set)" if value is None else str(value).lower()


def _settings_of(facts: Facts, case: Case, evidence: Evidence) -> tuple[TlsSettings | None, str]:
    """The settings, or why they cannot be told."""
    group = case.group
    proxies = [proxy for proxy in evidence.proxies if _is_of(proxy, group.proxy if group else None)]
    if group is not None and len(proxies) > 1:
        exact = [proxy for proxy in proxies if proxy.revision in group.revisions]
        proxies = exact or proxies
    servers = evidence.environment.target_servers
    targets: list[Target] = []
    for proxy in proxies:
        for target in proxy.targets:
            if target.servers:
                targets += [
                    _with_settings(servers[name], target) for name in target.servers if name in servers
                ]
                if not any(name in servers for name in target.servers):
                    targets.append(target)
            else:
                targets.append(target)
    if not proxies and not evidence.proxies:
        targets = list(servers.values())
    host, _, port = (facts.target or "").rpartition(":")
    names = {host, facts.sni} - {None, ""}
    at_target = [t for t in targets if t.host in names and (t.port is None or str(t.port) == port)]
    traced = {trace.target for trace in evidence.traces if trace.target and trace.message_id in _ids(case)}
    chosen = at_target or [t for t in targets if t.name in traced] or targets
    endpoints = [target for target in chosen if target.kind != "policy"]
    chosen = endpoints if len(endpoints) == 1 and not at_target else chosen
    with_tls = [target for target in chosen if target.tls is not None] if not at_target else chosen
    fitting = [target for target in with_tls if _fits_log(target.tls, facts)]
    if with_tls and not fitting:
        return (
            None,
            f"no target of the bundle has the alias {facts.alias} of the log: is it another revision?",
        )
    with_tls = fitting
    distinct = {_key(target.tls) for target in with_tls if target.tls is not None}
    if len(distinct) == 1 and with_tls[0].tls is not None:
        return with_tls[0].tls, ""
    if len(distinct) > 1:
        listed = ", ".join(f"{t.kind} {t.name}" for t in with_tls[:5])
        return None, f"which target failed cannot be told: {listed} have different TLS settings"
    if chosen and all(t.tls is None for t in chosen):
        return None, "no target of the bundle has TLS settings of its own: its target servers are needed"
    if evidence.proxies and not proxies:
        return None, "the bundles given are of other proxies"
    return None, ""


def _fits_log(settings: TlsSettings | None, facts: Facts) -> bool:
    """Whether settings can be those of the log's SSLInfo line: the same alias, a keystore or none."""
    if settings is None or facts.log_keystore is None:
        return True
    if facts.log_keystore == "null":
        return True  # a reference that leads nowhere looks the same
    named = settings.key_alias
    if facts.alias is None:
        return settings.keystore is not None
    return named is not None and (kind_of_value(named)[0] == VARIABLE or named == facts.alias)


def _key(settings: TlsSettings | None) -> object:
    return None if settings is None else (settings.client_auth_enabled, settings.keystore, settings.key_alias)


def _with_settings(server: Target, endpoint: Target) -> Target:
    """A target server's own settings; the endpoint's, where it has none."""
    if server.tls is not None:
        return server
    return Target(
        server.kind, server.name, server.url, server.host, server.port, (), endpoint.tls, endpoint.source
    )


def _is_of(proxy: Proxy, name: str | None) -> bool:
    return name is None or proxy.name is None or proxy.name == name


def _ids(case: Case) -> set[str]:
    return case.group.messages if case.group else set()


def _from_keystore(
    facts: Facts, case: Case, evidence: Evidence, given: Keystore | None, alias: str | None
) -> None:
    """The keystore that is used: the one named, the one that the settings resolve to, or the only one."""
    if alias is not None:
        facts.alias = alias
        facts.quotes["alias"] = Quote(f"the alias {alias} was given", "--alias")
    keystore, how = given, ""
    if keystore is None:
        keystore, how = _keystore_of(facts, evidence)
    if keystore is None:
        if how:
            case.notes.append(how)
        return
    facts.keystore, facts.keystore_exists = keystore, True
    if facts.alias is not None:
        facts.entry = keystore.entry(facts.alias)
    if facts.entry is None and not keystore.complete and len(keystore.entries) == 1:
        # One certificate was saved: somebody took it for the one that is used.
        facts.entry = keystore.entries[0]
        how += f" (the only certificate given of it, {facts.entry.alias}, is taken for the alias's)"
    elif facts.entry is None and facts.alias is None and len(keystore.entries) == 1:
        facts.entry = keystore.entries[0]
    facts.quotes["keystore"] = Quote(f"keystore {keystore.name}: {_contents(keystore)}{how}", keystore.source)
    case.notes += [f"{keystore.name}: {note}" for note in keystore.notes]
    if facts.sni is not None and facts.entry and facts.entry.chain:
        facts.quotes.setdefault("entry", Quote(f"alias {facts.entry.alias}", keystore.source))


def _contents(keystore: Keystore) -> str:
    parts = []
    for entry in keystore.entries[:5]:
        key = {True: "key", False: "no key", None: "key not known"}[entry.has_key]
        leaf = (
            f", issued by {entry.chain[0].issuer}, chain of {len(entry.chain)}"
            if entry.chain
            else ", certificate not given"
        )
        parts.append(f"alias {entry.alias} ({key}{leaf})")
    more = len(keystore.entries) - 5
    return ("; ".join(parts) + (f"; {more:,} more" if more > 0 else "")) or "no entries"


def _keystore_of(facts: Facts, evidence: Evidence) -> tuple[Keystore | None, str]:
    environment = evidence.environment
    if facts.keystore_exists is False or facts.reference_resolves is False:
        return None, ""
    name = facts.keystore_name
    if name is not None:
        if name in environment.keystores:
            return environment.keystores[name], ""
        for keystore in evidence.keystores:
            if keystore.name == name or keystore.name.rpartition(".")[0] == name:
                return keystore, " (a file of that name)"
    candidates = [*evidence.keystores, *environment.keystores.values()]
    if name is not None:
        candidates = list(evidence.keystores)  # the API knows the others by their names
        candidates += [store for store in environment.keystores.values() if store.name.startswith("(")]
    if len(candidates) == 1:
        return candidates[0], " (the only one given)"
    if facts.alias is not None:
        holding = [store for store in candidates if store.entry(facts.alias) is not None]
        if len(holding) == 1:
            return holding[0], f" (the only one given that has the alias {facts.alias})"
    if len(candidates) > 1:
        return (
            None,
            "several keystores were given, and nothing tells which one is used: name it with --keystore",
        )
    return None, ""


def _all_certificates(facts: Facts, evidence: Evidence) -> list[Certificate]:
    """Every certificate of the evidence, but no more than can matter."""
    found = [*evidence.certificates, *evidence.backend_cas, *facts.sent_chain]
    for keystore in [*evidence.keystores, *evidence.environment.keystores.values()]:
        found += [certificate for entry in keystore.entries for certificate in entry.chain]
    return found[:10_000]


def recent(facts: Facts, days: int = 30) -> list[Certificate]:
    """Certificates of the chain that will expire soon: worth a word even where all is well."""
    limit = (facts.ended or datetime.now(UTC)) + timedelta(days=days)
    return [c for c in facts.presented if c.not_after is not None and c.not_after < limit]
