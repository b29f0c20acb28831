"""Debug sessions: the trace file that the UI downloads (XML) or the API's answer (JSON).

Searched by name at any depth, because the shape of the file is not published: ``error.cause``, the
message id that the trace shows in its analytics phase, the target flow's variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from logscan._evidence.json_text import begin_of, read_json
from logscan._evidence.xml import read_xml

MAX_NODES = 2_000_000
"""Elements of one message that are looked at."""
MAX_MESSAGES = 10_000
"""Messages of one file; a debug session has twenty at most."""
_MESSAGE_ID = "x-apigee.message-id"
_NAMES = {
    "error.cause": "cause", "error.class": "error_class", "message.id": "message_id",
    "messageid": "message_id",
    _MESSAGE_ID: "message_id", "apiproxy.name": "proxy", "organization.name": "org",
    "environment.name": "env",
    "apiproxy.revision": "revision", "target.name": "target", "target.url": "target_url",
    "target.host": "target_host",
    "route.target": "target", "target.port": "target_port",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One transaction of a debug session."""

    source: str
    cause: str | None
    """``error.cause``, as the exception's message."""
    error_class: str | None
    message_id: str | None
    org: str | None
    env: str | None
    proxy: str | None
    revision: str | None
    target: str | None
    target_url: str | None
    target_host: str | None
    target_port: str | None


def is_trace(head: bytes) -> bool:
    """Whether a file looks like a debug session."""
    return bool(re.search(rb'<DebugSession|"point"\s*:\s*\[|<DebugId>|"ActionResult"', head))


def read_trace(data: bytes, source: str) -> list[TracedMessage]:
    """The transactions of a trace.

    Raises:
        ValueError: it is neither XML nor JSON.
    """
    data = begin_of(data)
    if data.startswith(b"<"):
        root = read_xml(data)
        messages = [element for element in root.iter("Message") if element.find(".//Point") is not None]
        parts = [list(_xml_pairs(message)) for message in messages[:MAX_MESSAGES] or [root]]
    else:
        try:
            answer = read_json(data)
        except ValueError as error:
            raise ValueError(f"neither JSON nor XML: {error}") from error
        several = answer if isinstance(answer, list) else [answer]
        parts = [list(_json_pairs(part)) for part in several[:MAX_MESSAGES]]
    return [_message(part, source) for part in parts]


def _message(pairs: list[tuple[str, str]], source: str) -> TracedMessage:
    found: dict[str, str] = {}
    for name, value in pairs:
        field = _NAMES.get(name.strip().casefold())
        if field and value.strip() and (field not in found or name.casefold() == _MESSAGE_ID):
            found[field] = value.strip()
    fields = ("cause", "error_class", "message_id", "org", "env", "proxy", "revision", "target",
    "target_url", "target_host", "target_port")  # fmt: skip
    return TracedMessage(source, *(found.get(field) for field in fields))


def _xml_pairs(message: Any) -> Iterator[tuple[str, str]]:
    for count, element in enumerate(message.iter()):
        if count > MAX_NODES:
            return
        name = element.get("name")
        if name:
            yield name, element.text or element.get("value") or ""


def _json_pairs(answer: Any) -> Iterator[tuple[str, str]]:
    waiting, count = [answer], 0
    while waiting and count < MAX_NODES:
        item = waiting.pop()
        count += 1
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, dict):
            name, value = item.get("name"), item.get("value")
            if isinstance(name, str) and isinstance(value, str | int | float):
                yield name, str(value)
            waiting += [part for part in reversed(item.values()) if isinstance(part, list | dict)]
