"""Facts from what ``openssl s_client`` printed of the same backend."""

from __future__ import annotations

from dataclasses import dataclass, field

from logscan._diagnosis.facts import AskedFor, Quote, Quotes, names_of
from logscan._diagnosis.facts_from_wire import words_of
from logscan._evidence.capture.connection import Connection
from logscan._evidence.certificates import Certificate
from logscan._evidence.collected import Evidence
from logscan._evidence.distinguished_names import Name
from logscan._evidence.s_client import SClient


@dataclass(frozen=True, slots=True)
class SClientFacts:
    """What a run of ``openssl s_client`` shows."""

    certificate_requested: bool | None = None
    asked_for: AskedFor | None = None
    server_chain: tuple[Certificate, ...] = ()
    """That the backend sent to it."""
    quotes: Quotes = field(default_factory=dict)


def facts_from_s_client(
    evidence: Evidence, target: str | None, connection: Connection | None, asked: AskedFor | None
) -> SClientFacts:
    """The facts of the run that belongs to a backend.

    Args:
        evidence: every run.
        target: the backend.
        connection: of the case, in a capture.
        asked: what a capture shows that the backend asks for.
    """
    run, how = _run_of(evidence, target, connection)
    if run is None:
        return SClientFacts()
    place = f"{run.source}, line {run.authorities_line}" if run.authorities_line else run.source
    quotes: dict[str, Quote] = {}
    if run.server_chain:
        shown = f"the backend sent to s_client {words_of(run.server_chain)}"
        name = "other_server_chain" if connection is not None and connection.server_chain else "server_chain"
        quotes[name] = Quote(shown + how, run.source)
    if connection is not None and connection.sni and run.sni and connection.sni != run.sni:
        quotes["sni_differs"] = Quote(
            f"s_client asked for {run.sni}, the Message Processor for {connection.sni}:"
            " the backend may answer each with other authorities",
            run.source,
        )
    if asked is not None:
        if run.certificate_requested and not _same(run.authorities, asked.authorities):
            quotes["sni_differs"] = Quote(
                "the backend named other authorities to s_client than to the Message Processor", place
            )
        return SClientFacts(server_chain=run.server_chain, quotes=quotes)
    known = connection is not None and connection.certificate_requested is not None
    if run.certificate_requested is not None and not known:
        text = f"the backend asked for {'a' if run.certificate_requested else 'no'} client certificate{how}"
        quotes["certificate_requested"] = Quote(text, place)
    if run.certificate_requested:
        words = "no client certificate CA names: any is accepted"
        if run.authorities:
            words = f"acceptable client certificate CA names: {names_of(run.authorities)}"
        asked = AskedFor(run.authorities, run.key_types, run.signature_schemes, Quote(words + how, place))
    return SClientFacts(run.certificate_requested, asked, run.server_chain, quotes)


def _same(some: tuple[Name, ...], others: tuple[Name, ...]) -> bool:
    return len(some) == len(others) and all(any(name.same(other) for other in others) for name in some)


def _run_of(
    evidence: Evidence, target: str | None, connection: Connection | None
) -> tuple[SClient | None, str]:
    """The run of this backend, and how it was found."""
    host, _, port = (target or "").rpartition(":")
    tunnel = connection.tunnel.rpartition(":")[0] if connection and connection.tunnel else None
    names = {host, connection.sni if connection else None, tunnel} - {None, ""}
    for run in evidence.s_clients:
        if run.host and (run.host in names or run.sni in names) and (not port or str(run.port) == port):
            return run, ""
    if connection is not None and connection.server_chain:
        for run in evidence.s_clients:
            if run.server_chain and run.server_chain[0].der == connection.server_chain[0]:
                return run, " (the same server certificate as in the capture)"
    if len(evidence.s_clients) == 1 and evidence.s_clients[0].host is None:
        return evidence.s_clients[0], " (taken to be of this backend: the text names no host)"
    by_url = {(place.host, place.port) for proxy in evidence.proxies for place in proxy.targets}
    by_url |= {(server.host, server.port) for server in evidence.environment.target_servers.values()}
    matching = [run for run in evidence.s_clients if (run.host, run.port) in by_url]
    if len(matching) == 1:
        return matching[0], " (the host of the target's URL)"
    return None, ""
