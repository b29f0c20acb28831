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
    places.options, places.credentials_in_addresses, places.query_values,
)  # fmt: skip
Seen = Callable[[bytes, str], None]
"""Takes a secret and its kind."""


def redact(text: str, counts: Counter[str], seen: Seen | None = None, *, personal: bool = True) -> str:
    """The text without secrets; what was masked is added to ``counts``, each secret is given to ``seen``.

    Args:
        text: of any kind.
        counts: takes the number of what was masked, by kind.
        seen: takes each secret and its kind.
        personal: card numbers and the persons in mail addresses are masked, too.
    """
    data = redact_bytes(text.encode("utf-8", "surrogateescape"), counts, seen, personal=personal)
    return data.decode("utf-8", "surrogateescape")


def redact_bytes(
    data: bytes, counts: Counter[str], seen: Seen | None = None, *, personal: bool = True
) -> bytes:
    """The same for the bytes of a text."""
    parts: list[bytes] = []
    done = 0
    for begin, end, kind in _places(data, personal):
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


def _places(data: bytes, personal: bool) -> Iterator[Place]:
    finders = (*_FINDERS, places.personal_data) if personal else _FINDERS
    return joined(place for finder in finders for place in finder(data))


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


_TEXT_BYTES = bytes((9, 10, 13, *range(32, 127), *range(128, 256)))
"""All but control characters: every TLS record holds some."""


def redact_payload(payload: bytes, counts: Counter[str], seen: Seen | None = None) -> bytes:
    """A packet's plain text (a CONNECT request) with its secrets masked, byte for byte of the same length."""
    if payload.translate(None, _TEXT_BYTES):
        return payload
    parts: list[bytes] = []
    done = 0
    for begin, end, kind in _places(payload, personal=False):
        counts[f"{kind} in a packet"] += 1
        parts += payload[done:begin], b"*" * (end - begin)
        done = end
        if seen is not None:
            seen(payload[begin:end], kind)
    return b"".join((*parts, payload[done:]))
