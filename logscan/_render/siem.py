"""Failed handshakes as events of a SIEM: Elastic Common Schema and OpenTelemetry log records.

Field by field in docs/siem.md. Times are UTC: of a log without a zone, the zone that was given, else this
machine's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from logscan import __version__
from logscan._failures.addresses import is_address
from logscan._failures.frames import failure_id
from logscan._render.safe import safe_json
from logscan.times import in_utc
from logscan.values import FailedHandshake, name_text

ECS_VERSION = "9.0.0"
DATASET = "apigee.message_processor"
EVENT_NAME = "apigee.tls.handshake_failed"
ERROR = 17
"""OpenTelemetry's severity number of an error."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc(failure: FailedHandshake, zone: tzinfo | None) -> datetime | None:
    """When it failed, in UTC."""
    return None if failure.time is None else in_utc(failure.time, failure.zone, zone)


def _pruned(value: Any) -> Any:
    """A value without its unknown parts."""
    if isinstance(value, dict):
        inner = {name: _pruned(part) for name, part in value.items()}
        return {name: part for name, part in inner.items() if part not in (None, {}, [])}
    return _whole(value) if isinstance(value, str) else value


def _whole(text: str) -> str:
    """Text that every reader of JSON accepts: bytes that are not UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _end(host: str | None, port: int | None) -> dict[str, Any]:
    """One end of a connection: an address is an ``ip`` or a ``domain``."""
    if host is None:
        return {}
    if not is_address(host):
        return {"address": host, "domain": host, "port": port}
    return {"address": host, "ip": host.partition("%")[0], "port": port}  # Elastic's type has no interface


def ecs_event(failure: FailedHandshake, zone: tzinfo | None) -> dict[str, Any]:
    """One failed handshake in the Elastic Common Schema."""
    channel, info, thrown = failure.channel, failure.ssl_info, failure.exception
    northbound = failure.side == "northbound"
    remote = _end(channel.remote_host, channel.remote_port) if channel else {}
    local = _end(channel.local_host, channel.local_port) if channel else {}
    time = utc(failure, zone)
    event = {
        "@timestamp": _iso(time) if time else None,
        "ecs": {"version": ECS_VERSION},
        "message": failure.reason,
        "event": {
            "kind": "event", "category": ["network"], "type": ["connection", "denied"], "outcome": "failure",
            "action": "tls-handshake-failed", "code": failure.alert, "reason": failure.reason,
            "id": failure_id(failure), "module": "apigee", "dataset": DATASET,
        },
        "error": {
            "code": failure.alert,
            "type": thrown.type if thrown else None,
            "message": thrown.message if thrown else failure.reason,
            "stack_trace": "\n".join(thrown.frames) if thrown and thrown.frames else None,
        },
        "log": {"level": "error", "file": {"path": name_text(failure.place.path)}},
        "host": {"name": failure.host},
        "process": {"thread": {"name": failure.thread}},
        "service": {
            "name": failure.proxy, "version": failure.revision, "environment": failure.env, "type": "apigee",
        },
        "organization": {"name": failure.org},
        "trace": {"id": failure.message_id},
        "network": {
            "transport": "tcp", "protocol": "tls", "direction": "inbound" if northbound else "outbound",
        },
        "source": remote if northbound else local,
        "destination": local if northbound else remote,
        "tls": {"established": False},
        "url": {"domain": remote.get("domain"), "port": remote.get("port")} if "domain" in remote else {},
        "labels": {
            "family": failure.family, "side": failure.side, "refused_by": failure.refused_by,
            "keystore": info.keystore if info else None, "key_alias": info.key_alias if info else None,
            "truststore": info.truststore if info else None,
        },
    }  # fmt: skip
    pruned: dict[str, Any] = _pruned(event)
    return pruned


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(event: dict[str, Any]) -> str:
    """One object on one line, in ASCII. Python leaves DEL as it is."""
    return safe_json(json.dumps(event)) + "\n"


def to_ecs(failures: Iterable[FailedHandshake], zone: tzinfo | None) -> Iterator[str]:
    """JSON lines in the Elastic Common Schema."""
    for failure in failures:
        yield _line(ecs_event(failure, zone))


def _value(value: object) -> dict[str, Any]:
    """A value in the JSON of OTLP, where integers are text."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"stringValue": _whole(str(value))}


def _attributes(values: Mapping[str, object]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items() if value is not None]


def otel_record(failure: FailedHandshake, zone: tzinfo | None) -> dict[str, Any]:
    """One failed handshake as a request in the JSON of OTLP with one log record (a line of its files)."""
    channel, info, thrown = failure.channel, failure.ssl_info, failure.exception
    northbound = failure.side == "northbound"
    time = utc(failure, zone)
    near = (channel.local_host, channel.local_port) if channel else (None, None)
    far = (channel.remote_host, channel.remote_port) if channel else (None, None)
    server, client = (near, far) if northbound else (far, near)
    record: dict[str, Any] = {
        "severityNumber": ERROR,
        "severityText": "ERROR",
        "eventName": EVENT_NAME,
        "body": _value(failure.reason),
        "attributes": _attributes(
            {
                "error.type": failure.alert,
                "tls.established": False,
                "network.transport": "tcp",
                "server.address": server[0], "server.port": server[1],
                "client.address": client[0], "client.port": client[1],
                "exception.type": thrown.type if thrown else None,
                "exception.message": thrown.message if thrown else None,
                "thread.name": failure.thread,
                "log.record.uid": failure_id(failure),
                "log.file.path": name_text(failure.place.path),
                "apigee.message_id": failure.message_id,
                "apigee.organization": failure.org,
                "apigee.family": failure.family, "apigee.side": failure.side,
                "apigee.refused_by": failure.refused_by,
                "apigee.keystore": info.keystore if info else None,
                "apigee.key_alias": info.key_alias if info else None,
                "apigee.truststore": info.truststore if info else None,
            }
        ),
    }  # fmt: skip
    if time is not None and time >= _EPOCH:  # an unsigned number
        record["timeUnixNano"] = str((time - _EPOCH) // timedelta(microseconds=1) * 1000)
    resource = {
        "service.name": failure.proxy or "unknown_service", "service.version": failure.revision,
        "deployment.environment.name": failure.env, "host.name": failure.host,
    }  # fmt: skip
    scope = {"scope": {"name": "logscan", "version": __version__}, "logRecords": [record]}
    return {"resourceLogs": [{"resource": {"attributes": _attributes(resource)}, "scopeLogs": [scope]}]}


def to_otel(failures: Iterable[FailedHandshake], zone: tzinfo | None) -> Iterator[str]:
    """JSON lines, each of them a request of OTLP."""
    for failure in failures:
        yield _line(otel_record(failure, zone))
