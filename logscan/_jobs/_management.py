"""Evidence that is missing, from the management API: bundle, target servers, keystore of each proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logscan._diagnosis.cases import Group
from logscan._evidence.api_client import ServerError
from logscan._evidence.configuration import Proxy
from logscan._evidence.fetcher import Fetcher
from logscan._jobs._evidence_reader import EvidenceReader, EvidenceRequest
from logscan.values import Counters, Problem

if TYPE_CHECKING:
    from logscan._evidence.api_client import Management

REVISIONS = 3
"""Bundles fetched of a proxy: of the revisions that fail most."""


def fetch_missing(
    request: EvidenceRequest,
    management: Management,
    groups: list[Group],
    reader: EvidenceReader,
    counters: Counters,
) -> dict[str, bytes]:
    """Fetch what the failures need, into the reader's evidence and answers.

    Returns:
        The answers of the API, by path.
    """
    fetcher = Fetcher(management, reader.answers, counters)
    places: dict[tuple[str, str], None] = {}
    try:
        for group in groups:
            org, env = group.org or request.org, group.env or request.env
            if org is not None and env is not None:
                places[org, env] = None
                with fetcher.tried(f"management API {org}/{env}"):
                    _fetch_bundles(fetcher, reader, org, group)
        if request.org and request.env:
            places[request.org, request.env] = None
        for org, env in places:
            with fetcher.tried(f"management API {org}/{env}"):
                _fetch_environment(fetcher, reader, org, env)
    except ServerError as error:  # it would not answer the other requests either
        counters.problems.append(Problem("management API", str(error), error.hint))
    return fetcher.saved


def _fetch_bundles(fetcher: Fetcher, reader: EvidenceReader, org: str, group: Group) -> None:
    """The bundles of a proxy that are not among the evidence."""
    proxies = reader.evidence.proxies
    known = {(proxy.name, proxy.revision) for proxy in proxies}
    for revision, _ in group.revisions.most_common(REVISIONS):
        if group.proxy is None or {(group.proxy, revision), (group.proxy, None), (None, None)} & known:
            continue
        proxy = fetcher.proxy(org, group.proxy, revision)
        if proxy is not None:
            proxies.append(Proxy(group.proxy, revision, proxy.targets, proxy.source, proxy.problems))


def _fetch_environment(fetcher: Fetcher, reader: EvidenceReader, org: str, env: str) -> None:
    """What the targets of one environment resolve to; everything, where no target is known."""
    targets = [target for proxy in reader.evidence.proxies for target in proxy.targets]
    for name in dict.fromkeys(server for target in targets for server in target.servers):
        fetcher.target_server(org, env, name)
    targets += list(reader.answers.environment().target_servers.values())
    settings = [target.tls for target in targets if target.tls is not None]
    for item in settings:
        with fetcher.tried(f"management API {item.keystore}"):
            fetcher.settings(org, env, item)
    if not settings:
        fetcher.everything(org, env)
