"""Redaction: what must not leave the company is masked, and counted by kind.

Private keys, credentials in headers, cookies, API keys, passwords, tokens, values of query strings,
session secrets, keys of providers, card numbers, the persons in mail addresses. Names stay, so that a reader
sees what stood there. Every finder gives places in the text as it is; what they give is masked at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from logscan._support import places
from logscan._support.named_values import Place, named
from logscan._support.token_shapes import shaped

MASK = "***"

_FINDERS: tuple[Callable[[bytes], Iterator[Place]], ...] = (
    places.private_keys, places.session_secrets, places.assertions, named, shaped, places.scheme_credentials,
    places.options, places.credentials_in_addresses, places.query_values, places.personal_data,
)  # fmt: skip
Seen = Callable[[bytes, str], None]
"""Takes a secret and its kind."""


def redact(text: str, counts: Counter[str], seen: Seen | None = None) -> str:
    """The text without secrets; what was masked is added to ``counts``, each secret is given to ``seen``."""
    data = redact_bytes(text.encode("utf-8", "surrogateescape"), counts, seen)
    return data.decode("utf-8", "surrogateescape")


def redact_bytes(data: bytes, counts: Counter[str], seen: Seen | None = None) -> bytes:
    """The same for the bytes of a text."""
    parts: list[bytes] = []
    done = 0
    for begin, end, kind in joined(place for finder in _FINDERS for place in finder(data)):
        secret = data[begin:end]
        parts += data[done:begin], _mask(data, begin, secret, kind)
        done = end
        counts[kind] += 1
        if seen is not None:
            seen(secret, kind)
    if not parts:
        return data
    parts.append(data[done:])
    return b"".join(parts)


def joined(found: Iterable[Place]) -> Iterator[Place]:
    """Places in order, those that overlap as one, which has the kind of the first and longest."""
    current: Place | None = None
    for place in sorted(found, key=lambda each: (each[0], -each[1])):
        if current is None or place[0] >= current[1]:
            if current is not None:
                yield current
            current = place
        elif place[1] > current[1]:
            current = (current[0], place[1], current[2])
    if current is not None:
        yield current


_LABEL = re.compile(rb"-{4,5} ?BEGIN ([A-Z0-9 ]+?) ?-{4,5}")


_UNQUOTED = re.compile(rb"""(\\{0,15}["'])\s{0,16}:\s{0,16}([\[{]?)\Z""")


def _mask(data: bytes, begin: int, secret: bytes, kind: str) -> bytes:
    """What stands in place of a secret; in JSON it is quoted where the secret was a number or a list."""
    label = _LABEL.match(secret) if kind == places.PRIVATE_KEY else None
    if label is not None:
        return b"-----%s REMOVED-----" % label[1]
    json = _UNQUOTED.search(data[max(begin - 48, 0) : begin])
    if json is None:
        return MASK.encode()
    quoted = json[1] + MASK.encode() + json[1]
    return quoted + b":" + quoted if json[2] == b"{" else quoted


_PLAIN_HEADER = re.compile(rb"(?i)(\r\n(?:proxy-authorization|authorization|cookie):[ \t]*)([^\r\n]+)")


def redact_payload(payload: bytes, counts: Counter[str]) -> bytes:
    """A packet's plain HTTP (a CONNECT request) with credentials masked, byte for byte of the same length."""

    def masked(found: re.Match[bytes]) -> bytes:
        counts["header in a packet"] += 1
        return found[1] + b"*" * len(found[2])

    return _PLAIN_HEADER.sub(masked, payload)
