"""Facts from the target's TLS settings: of the bundle's target endpoint, or of its target server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from logscan._diagnosis.cases import Case
from logscan._diagnosis.facts import Quote, Quotes, names_of
from logscan._diagnosis.facts_from_log import LogFacts
from logscan._evidence.certificates import Certificate
from logscan._evidence.collected import Evidence
from logscan._evidence.configuration import (
    LITERAL,
    REFERENCE,
    VARIABLE,
    Environment,
    Proxy,
    Target,
    TlsSettings,
    kind_of_value,
)


@dataclass(frozen=True, slots=True)
class ConfigurationFacts:
    """What the configuration says of one target."""

    settings: TlsSettings | None = None
    settings_variable: str | None = None
    reference: str | None = None
    reference_resolves: bool | None = None
    keystore_name: str | None = None
    keystore_exists: bool | None = None
    alias: str | None = None
    trusted: tuple[Certificate, ...] | None = None
    """What the target's truststore holds; ``None``: not known."""
    notes: tuple[str, ...] = ()
    quotes: Quotes = field(default_factory=dict)


def facts_from_configuration(
    case: Case, evidence: Evidence, log: LogFacts, target: str | None, sni: str | None
) -> ConfigurationFacts:
    """The facts of the target that a case failed at.

    Args:
        case: its failures.
        evidence: bundles and answers of the management API.
        log: an alias that the log names goes before one of the settings.
        target: the backend, ``host:port``.
        sni: host name that the client sent.
    """
    settings, note = _settings_of(case, evidence, log, target, sni)
    if settings is None:
        return ConfigurationFacts(notes=(note,) if note else ())
    notes: list[str] = []
    quotes = {"settings": _quote_of(settings)}
    kind, name = kind_of_value(settings.keystore) if settings.keystore else ("", None)
    if kind == VARIABLE:
        notes.append(f"KeyStore is the flow variable {name}: only a trace shows its value")
    alias = None
    if log.alias is None and settings.key_alias:
        alias_kind, alias = kind_of_value(settings.key_alias)
        if alias_kind == VARIABLE:
            notes.append(f"KeyAlias is the flow variable {alias}: only a trace shows its value")
            alias = None
        else:
            quotes["alias"] = Quote(f"KeyAlias {alias}", settings.source)
    facts = ConfigurationFacts(
        settings=settings,
        settings_variable=name if kind == VARIABLE else None,
        keystore_name=name if kind == LITERAL else None,
        alias=alias,
        notes=tuple(notes),
        quotes=quotes,
    )
    if kind == REFERENCE and name is not None:
        facts = _resolved(facts, name, evidence.environment)
    return _with_truststore(_looked_up(facts, evidence.environment), settings, evidence.environment)


def _with_truststore(
    facts: ConfigurationFacts, settings: TlsSettings, environment: Environment
) -> ConfigurationFacts:
    """With what the truststore holds, where all of it is known."""
    kind, name = kind_of_value(settings.truststore) if settings.truststore else ("", "")
    if kind == REFERENCE and name in environment.references:
        name = environment.references[name].refers
    store = environment.keystores.get(name)
    if store is None or not store.complete or not all(entry.chain for entry in store.entries):
        return facts
    held = tuple(certificate for entry in store.entries for certificate in entry.chain)
    quote = Quote(
        f"the truststore {name} holds {names_of(tuple(item.subject for item in held))}", store.source
    )
    return replace(facts, trusted=held, quotes={**facts.quotes, "truststore": quote})


def _quote_of(settings: TlsSettings) -> Quote:
    return Quote(
        f"SSLInfo: Enabled {_switch(settings.enabled)}, ClientAuthEnabled"
        f" {_switch(settings.client_auth_enabled)}, KeyStore {settings.keystore or '(none)'},"
        f" KeyAlias {settings.key_alias or '(none)'}",
        settings.source,
    )


def _switch(value: bool | None) -> str:
    return "(not set)" if value is None else str(value).lower()


def _resolved(facts: ConfigurationFacts, name: str, environment: Environment) -> ConfigurationFacts:
    """With what the reference names."""
    reference = environment.references.get(name)
    if reference is not None:
        quote = Quote(f"the reference {name} names {reference.refers}", reference.source)
        resolves: bool | None = True
    elif environment.listed_references or name in environment.missing_references:
        place = environment.missing_references.get(name, "the list of references")
        quote = Quote(f"there is no reference {name}", place)
        resolves = False
    else:
        return replace(facts, reference=name)
    return replace(
        facts,
        reference=name,
        reference_resolves=resolves,
        keystore_name=reference.refers if reference else None,
        quotes={**facts.quotes, "reference": quote},
    )


def _looked_up(facts: ConfigurationFacts, environment: Environment) -> ConfigurationFacts:
    """With whether the keystore exists."""
    name = facts.keystore_name
    if name is None:
        return facts
    if name in environment.keystores:
        return replace(facts, keystore_exists=True)
    if environment.listed_keystores or name in environment.missing_keystores:
        place = environment.missing_keystores.get(name, "the list of keystores")
        quote = Quote(f"there is no keystore {name}", place)
        return replace(facts, keystore_exists=False, quotes={**facts.quotes, "keystore": quote})
    return facts


def _settings_of(
    case: Case, evidence: Evidence, log: LogFacts, target: str | None, sni: str | None
) -> tuple[TlsSettings | None, str]:
    """The settings of the target, or why they are not known."""
    proxies = _proxies_of(case, evidence)
    servers = evidence.environment.target_servers
    targets = [part for proxy in proxies for place in proxy.targets for part in _parts_of(place, servers)]
    if not evidence.proxies:
        targets = list(servers.values())
    host, _, port = (target or "").rpartition(":")
    names = {host, sni} - {None, ""}
    chosen = [
        place for place in targets if place.host in names and (place.port is None or str(place.port) == port)
    ]
    if not chosen:
        chosen = _likely(case, evidence, targets)
        with_tls = [place for place in chosen if place.tls is not None]
    else:
        with_tls = chosen
    fitting = [place for place in with_tls if _fits_log(place.tls, log)]
    if with_tls and not fitting:
        return None, f"no target of the bundle has the alias {log.alias} of the log: is it another revision?"
    settings = {_key(place.tls): place.tls for place in fitting if place.tls is not None}
    if len(settings) == 1 and fitting[0].tls is not None:
        return fitting[0].tls, ""
    if len(settings) > 1:
        listed = ", ".join(f"{place.kind} {place.name}" for place in fitting[:5])
        return None, f"which target failed is not known: {listed} have different TLS settings"
    if chosen and all(place.tls is None for place in chosen):
        return None, "no target of the bundle has TLS settings of its own: its target servers are needed"
    if evidence.proxies and not proxies:
        return None, "the bundles given are of other proxies"
    return None, ""


def _proxies_of(case: Case, evidence: Evidence) -> list[Proxy]:
    """The bundles of a case's proxy; of its revision, where one of them is."""
    group = case.group
    if group is None:
        return evidence.proxies
    proxies = [
        proxy for proxy in evidence.proxies if None in (group.proxy, proxy.name) or proxy.name == group.proxy
    ]
    if len(proxies) > 1:
        return [proxy for proxy in proxies if proxy.revision in group.revisions] or proxies
    return proxies


def _parts_of(target: Target, servers: dict[str, Target]) -> Sequence[Target]:
    """The target servers of a target, with its settings where they have none; else the target itself."""
    known = [servers[name] for name in target.servers if name in servers]
    return [
        server if server.tls else replace(server, servers=(), tls=target.tls, source=target.source)
        for server in known
    ] or [target]


def _likely(case: Case, evidence: Evidence, targets: list[Target]) -> list[Target]:
    """Targets that a trace of the case names, else all; a single endpoint goes before policies."""
    ids = case.group.messages if case.group else set()
    traced = {trace.target for trace in evidence.traces if trace.target and trace.message_id in ids}
    chosen = [target for target in targets if target.name in traced] or targets
    endpoints = [target for target in chosen if target.kind != "policy"]
    return endpoints if len(endpoints) == 1 else chosen


def _fits_log(settings: TlsSettings | None, log: LogFacts) -> bool:
    """Whether settings can be those of the log's SSLInfo line: the same alias, a keystore or none."""
    if settings is None or log.keystore in (None, "null"):
        return True  # a reference that leads nowhere looks like no keystore
    if log.alias is None:
        return settings.keystore is not None
    named = settings.key_alias
    return named is not None and (kind_of_value(named)[0] == VARIABLE or named == log.alias)


def _key(settings: TlsSettings | None) -> object:
    """What of settings decides which certificate is sent."""
    return settings and (settings.client_auth_enabled, settings.keystore, settings.key_alias)
