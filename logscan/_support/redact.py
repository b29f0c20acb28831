"""Redaction: what must not leave the company is masked, and counted by kind.

Private keys, credentials in headers, cookies, API keys, passwords, tokens, values of query strings and
session secrets. Names stay, so that a reader sees what stood there.
"""

from __future__ import annotations

import re
from collections import Counter

MASK = "***"

_HEADERS = (
    r"(?:proxy-)?authorization|set-cookie2?|cookie2?|x-api-?key|api-?key|x-auth-token|x-amz-security-token"
)
_SECRETS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|client_?secret|access_?token|refresh_?token|id_?token|assertion"
    r"|api_?key|private_?key|key_?pass(?:word)?|store_?pass(?:word)?|credentials?"
)
_WORDS = r"(?:yes|no|true|false|null|none)\b"
_RULES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    (
        "private key",
        re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL),
        r"-----\1 REMOVED-----",
    ),
    (  # JSON and maps: "Authorization": "…"
        "header",
        re.compile(rf"""(["'](?:{_HEADERS})["']\s*[:=]\s*)(["'])(?:\\.|(?!\2).)*\2""", re.IGNORECASE),
        rf"\1\2{MASK}\2",
    ),
    (  # name and value in JSON, as traces have them
        "header",
        re.compile(
            rf"""("name"\s*:\s*"(?:[\w.-]*\.)?(?:{_HEADERS}|[\w.-]*(?:{_SECRETS}))"\s*,\s*"value"\s*:\s*)"(?:\\.|[^"\\])*\"""",
            re.IGNORECASE,
        ),
        rf'\1"{MASK}"',
    ),
    (  # XML: <Header name="Authorization">…</Header>
        "header",
        re.compile(
            rf"""(<(\w+)\b[^<>]*\bname\s*=\s*["'](?:[\w.-]*\.)?(?:{_HEADERS}|{_SECRETS})["'][^<>]*>)[^<]*(</\2>)""",
            re.IGNORECASE,
        ),
        rf"\1{MASK}\3",
    ),
    (  # a map printed by Java, [Authorization=Basic …, Host=…] or {Cookie=…}
        "header",
        re.compile(rf"((?:^|[\[{{(,]\s*)(?:{_HEADERS})\s*=\s*)(?![\"'*])[^\],}}\n]+", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (  # a header line
        "header",
        re.compile(rf"(?<![\w-])((?:{_HEADERS})\s*:[ \t]*)(?![ \t\"'*{{\[])[^\r\n]+", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    (
        "token",
        re.compile(r"\b(Bearer|Basic|Negotiate|Digest)([ +]|%20)+[A-Za-z0-9+/=_.~-]{8,}"),
        rf"\1 {MASK}",
    ),
    ("token", re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"), MASK),
    (  # XML elements
        "secret",
        re.compile(rf"(<([\w.:-]*(?:{_SECRETS}))(?:\s[^<>]*)?>)[^<]+(</\2>)", re.IGNORECASE),
        rf"\1{MASK}\3",
    ),
    (
        "secret",
        re.compile(rf"""(["'][\w.-]*(?:{_SECRETS})["']\s*[:=]\s*)(["'])(?:\\.|(?!\2).)*\2""", re.IGNORECASE),
        rf"\1\2{MASK}\2",
    ),
    (
        "secret",
        re.compile(
            rf"(?<![\w/])([\w.-]*(?:{_SECRETS})\s*=\s*)(?![\"'*<{{\[ ]|{_WORDS})[^\s,;&\]}}\"'<>]+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (  # in words a password may have blanks
        "secret",
        re.compile(
            rf"(?<![\w/])([\w.-]*(?:{_SECRETS})\s*:\s*)(?![\"'*<{{\[ ]|{_WORDS})[^\r\n,\"'<>]+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (  # assigned in a script
        "secret",
        re.compile(rf"""(?i)(?<![\w/"'])([\w.-]*(?:{_SECRETS})\s*[:=]\s*)(["'])(?:\\.|(?!\2).)+\2"""),
        rf"\1\2{MASK}\2",
    ),
    (  # curl -u user:password
        "secret",
        re.compile(r"((?:^|\s)(?:-u|-U|--user|--proxy-user)[ =]?)(['\"]?)[^\s:'\"]+:[^\s'\"]+", re.MULTILINE),
        rf"\1\2{MASK}",
    ),
    (
        "session secret",
        re.compile(
            r"((?:Master-Key|Resumption PSK|PSK identity|Session-ID|Session-ID-ctx|SSL-Session-Key)\s*:["
            r" \t]*)[0-9A-Fa-f]+"
        ),
        rf"\1{MASK}",
    ),
    (
        "session secret",
        re.compile(r"(TLS session ticket:\n)(?:[ \t]*[0-9a-f]{4} - [^\n]*\n?)+"),
        rf"\1    {MASK}\n",
    ),
    (
        "session secret",
        re.compile(r"^((?:CLIENT|SERVER|EXPORTER|EARLY)_[A-Z0-9_]+ [0-9a-fA-F]{64}) [0-9a-fA-F]{32,}",
        re.MULTILINE),
        rf"\1 {MASK}",
    ),
    ("credentials in an address", re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@:]+:[^\s/@]+@"), rf"\1{MASK}@"),
)  # fmt: skip
_QUERY = re.compile(r"(?<=[A-Za-z0-9/_.%~-])\?([A-Za-z0-9_.~%\[\]-]+=[^\s\"'<>\]})]*)")
_PAIR = re.compile(r"([^=&;]+)=([^&;]*)")


def redact(text: str, counts: Counter[str]) -> str:
    """The text without secrets; what was masked is added to ``counts``."""

    def masked(found: re.Match[str]) -> str:
        def value(pair: re.Match[str]) -> str:
            if pair[2] in ("", MASK):
                return pair[0]
            counts["query value"] += 1
            return f"{pair[1]}={MASK}"

        return "?" + _PAIR.sub(value, found[1].replace("&amp;", "&"))

    text = _QUERY.sub(masked, text)
    for kind, pattern, mask in _RULES:
        text, number = pattern.subn(mask, text)
        if number:
            counts[kind] += number
    return text


_PLAIN_HEADER = re.compile(rb"(?i)(\r\n(?:proxy-authorization|authorization|cookie):[ \t]*)([^\r\n]+)")


def redact_payload(payload: bytes, counts: Counter[str]) -> bytes:
    """A packet's plain HTTP (a CONNECT request) with credentials masked, byte for byte of the same length."""

    def masked(found: re.Match[bytes]) -> bytes:
        counts["header in a packet"] += 1
        return found[1] + b"*" * len(found[2])

    return _PLAIN_HEADER.sub(masked, payload)
