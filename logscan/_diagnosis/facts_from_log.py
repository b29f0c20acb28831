"""Facts from the log, and from a debug session of one of its messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from logscan._diagnosis.cases import Case
from logscan._diagnosis.facts import Quote, Quotes
from logscan._evidence.trace import TracedMessage


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What the log says."""

    alert: str | None = None
    families: tuple[str, ...] = ()
    text: str | None = None
    received: bool | None = None
    keystore: str | None = None
    alias: str | None = None
    begun: datetime | None = None
    ended: datetime | None = None
    org: str | None = None
    env: str | None = None
    target: str | None = None
    quotes: Quotes = field(default_factory=dict)


def facts_from_log(case: Case, traces: Iterable[TracedMessage]) -> LogFacts:
    """The facts of a case's failures."""
    group = case.group
    if group is None:
        return LogFacts()
    keystore = text = None
    quotes: dict[str, Quote] = {}
    if case.samples:
        sample = case.samples[0]
        where = f"line {case.line:,}" if case.line else f"byte {sample.place.offset:,}"
        place = f"{sample.place.path}, {where}"
        text = sample.reason
        quotes["log"] = quotes["alert"] = Quote(f"the log says: {sample.reason}", place)
        if sample.ssl_info is not None:
            info = sample.ssl_info
            keystore = info.keystore
            quotes["log_keystore"] = Quote(
                f"SSLInfo: KeyStore:{info.keystore} KeyAlias:{info.key_alias} TrustStore:{info.truststore}",
                place,
            )
            if group.alias is not None:
                quotes["alias"] = Quote(f"KeyAlias:{group.alias}", place)
    for traced in traces:
        if traced.message_id in group.messages and traced.cause:
            text = f"the trace of {traced.message_id} has error.cause {traced.cause}"
            quotes["trace"] = Quote(text, traced.source)
            break
    return LogFacts(
        alert=group.alert,
        families=group.families,
        text=text,
        received={"peer": True, "us": False}.get(group.refused_by),
        keystore=keystore,
        alias=group.alias,
        begun=group.first,
        ended=group.last,
        org=group.org,
        env=group.env,
        target=group.target,
        quotes=quotes,
    )
