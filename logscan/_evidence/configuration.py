"""What is configured: TLS settings of targets and target servers, references, keystores of the API.

The values that the bundle and the management API both have. Settings keep the text of their source:
``ref://name``, ``{flow.variable}`` and literal names are distinguished by :func:`kind_of_value`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from logscan._evidence.keystores.keystore import Keystore

REFERENCE, VARIABLE, LITERAL = "reference", "variable", "literal"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """An ``SSLInfo``. ``None``: the setting is absent."""

    source: str
    enabled: bool | None
    client_auth_enabled: bool | None
    keystore: str | None
    key_alias: str | None
    truststore: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a proxy sends requests: a target endpoint, or a policy or target server that calls out."""

    kind: str
    """``target endpoint``, ``policy`` or ``target server``."""
    name: str
    url: str | None
    host: str | None
    port: int | None
    servers: tuple[str, ...]
    """Target servers it balances over."""
    tls: TlsSettings | None
    source: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference: a name that stands for a keystore or truststore."""

    name: str
    refers: str
    source: str


@dataclass(frozen=True, slots=True)
class Proxy:
    """One revision of an API proxy, from its bundle."""

    name: str | None
    revision: str | None
    targets: tuple[Target, ...]
    source: str
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class Environment:
    """What the management API says of one environment, in any number of answers."""

    keystores: dict[str, Keystore] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)
    target_servers: dict[str, Target] = field(default_factory=dict)
    missing_references: dict[str, str] = field(default_factory=dict)
    """Asked for and not there: name → where that is known from."""
    missing_keystores: dict[str, str] = field(default_factory=dict)
    listed_references: bool = False
    """Whether all references are known."""
    listed_keystores: bool = False


def kind_of_value(value: str) -> tuple[str, str]:
    """Whether a setting is a reference, a flow variable or a name, and the name within."""
    text = value.strip()
    if text.startswith("ref://"):
        return REFERENCE, text.removeprefix("ref://").strip()
    if text.startswith("{") and text.endswith("}"):
        return VARIABLE, text[1:-1]
    return LITERAL, text


def truth(value: object) -> bool | None:
    """A switch, written as a word or a real one; ``None`` where it is absent or a variable."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().casefold() if value is not None else ""
    return True if word == "true" else False if word == "false" else None


def settings_from(values: Mapping[str, Any], source: str) -> TlsSettings:
    """Settings from a mapping whose names may begin with a capital (XML) or not (JSON)."""
    folded = {str(name).casefold(): value for name, value in values.items()}

    def text(name: str) -> str | None:
        value = folded.get(name)
        return str(value).strip() or None if isinstance(value, str | int | float) else None

    return TlsSettings(
        source=source,
        enabled=truth(folded.get("enabled")),
        client_auth_enabled=truth(folded.get("clientauthenabled")),
        keystore=text("keystore"),
        key_alias=text("keyalias"),
        truststore=text("truststore"),
    )
