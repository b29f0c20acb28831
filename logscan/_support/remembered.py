"""What was masked is remembered for the run, and searched for in everything that goes out.

A secret that has a name in one file stands in another without one: a password in a sentence, a token in the
body of an answer. So what the first pass found is searched for in all files, as it is and in the forms that
programs write it in (url-encoded, escaped for JSON and XML, base64). It is kept in memory only.
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

from logscan._support import secret_names as names
from logscan._support.named_values import Place

LEAST = 8
"""Bytes of a secret that is searched for; shorter ones stand in other words by chance."""
MOST = 512
"""Bytes of a secret that are searched for; of a longer one the begin."""
MAX_REMEMBERED = 10_000
"""Secrets that are searched for; further ones are counted."""
_NOT_REMEMBERED = ("mail address", "private key", "assertion")
"""Kinds that have a form by which every copy is found, or that are too long to stand elsewhere."""
_STRONG = (
    "secret",
    "token",
    "key of a provider",
    "credentials in an address",
    "address of a hook",
    "card number",
)
_PARTS = bytes.maketrans(b";,=:\"'&<>[]{}()\t\r\n", b" " * 18)


class Remembered:
    """The secrets of a run.

    Args:
        known: names that support must read: of organizations, proxies, keystores, hosts. They are never
            searched for, even where they stood as the value of a secret name.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = {name.encode("utf-8", "surrogateescape") for name in known}
        self._kinds: dict[bytes, str] = {}
        self._find: Callable[[bytes], Iterator[tuple[int, int]]] | None = None
        self.left_out = 0
        """Secrets beyond :data:`MAX_REMEMBERED`."""

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, secret: bytes, kind: str) -> None:
        """Remember a secret and its parts that look like one, if it is long enough."""
        if kind in _NOT_REMEMBERED:
            return
        whole = secret.strip()
        parts = {part for part in whole[: 8 * MOST].translate(_PARTS).split() if names.is_opaque(part)}
        if kind in _STRONG and b" " not in whole:
            parts.add(whole)
        for part in parts:
            self._keep(part, kind)

    def _keep(self, secret: bytes, kind: str) -> None:
        secret = secret[:MOST]
        if len(secret) < LEAST or secret in self._kinds or secret in self._known or names.is_plain(secret):
            return
        if len(self._kinds) >= MAX_REMEMBERED:
            self.left_out += 1
            return
        self._kinds[secret] = kind
        self._find = None

    def places(self, data: bytes) -> Iterator[Place]:
        """Where remembered secrets stand in some bytes, in any form; the longest at each place."""
        if not self._kinds:
            return
        if self._find is None:
            self._forms = {form: kind for secret, kind in self._kinds.items() for form in forms_of(secret)}
            self._find = finder_of(list(self._forms))
        for begin, end in self._find(data):
            yield begin, end, self._forms.get(data[begin:end], "secret")


def forms_of(secret: bytes) -> set[bytes]:
    """A secret as programs write it."""
    text = secret.decode("utf-8", "replace")
    forms = {secret}
    if "\ufffd" not in text:
        forms |= {
            quote(text, safe="").encode(), quote_plus(text).encode(), quote(text).encode(),
            escape(text).encode(), json.dumps(text)[1:-1].encode(),
            json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        }  # fmt: skip
    for shift in range(3):
        # Inside a longer text the base64 of a secret has one of three forms; the ends hold bits of others.
        for encode in (b64encode, urlsafe_b64encode):
            encoded = encode(bytes(shift) + secret)
            whole = 4 * ((shift + len(secret)) // 3)
            forms.add(encoded[(shift * 8 + 5) // 6 : whole])
    return {form for form in forms if len(form) >= LEAST}


def finder_of(forms: list[bytes]) -> Callable[[bytes], Iterator[tuple[int, int]]]:
    """A search for all forms in one pass: the places of those that begin first, the longest of them."""
    try:
        import ahocorasick_rs
    except ImportError:
        import regex

        pattern: Any = regex.compile(rb"\L<forms>", forms=sorted(forms, key=len, reverse=True))
        return lambda data: (found.span() for found in pattern.finditer(data))
    longest = ahocorasick_rs.MatchKind.LeftmostLongest
    automaton: Any = ahocorasick_rs.BytesAhoCorasick(forms, matchkind=longest)
    return lambda data: ((begin, end) for _, begin, end in automaton.find_matches_as_indexes(data))
