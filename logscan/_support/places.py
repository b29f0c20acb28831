"""Secrets that stand in a place of their own: keys in PEM, addresses, queries, options of curl, session
secrets, assertions, and personal data (card numbers, mail addresses).

Each function gives places in linear time: it looks a bounded number of bytes ahead, or goes on after what it
scanned.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator

from logscan._support import secret_names as names
from logscan._support.named_values import Place

MAX_KEY = 64 << 10
"""Bytes of a private key without its end."""
PRIVATE_KEY = "private key"

_PEM_BEGIN = re.compile(
    rb"(-{4,5} ?BEGIN ((?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?) ?-{4,5})|Private-Lines: ?\d"
)
_PEM_END = re.compile(
    rb"-{4,5} ?END (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-(?:MAC|Hash):"
)
_PEM_BODY = re.compile(rb"(?:[A-Za-z0-9+/=\s\\]|[:,.-](?=[ A-Za-z0-9])){0,%d}+" % MAX_KEY)


def private_keys(data: bytes) -> Iterator[Place]:
    """Keys in PEM and PGP form and of PuTTY, with or without their last line, also in one line."""
    at, end = 0, 0
    while (begin := _PEM_BEGIN.search(data, at)) is not None:
        if 0 <= end <= begin.end():
            found = _PEM_END.search(data, begin.end())
            end = found.end() if found is not None else -1
        body = _PEM_BODY.match(data, begin.end())
        at = body.end() if body is not None else begin.end()
        if begin.end() < end <= begin.end() + MAX_KEY:
            at = end
        yield begin.start() if begin[2] else begin.end(), at, PRIVATE_KEY


_USER = re.compile(
    rb"(?<![A-Za-z0-9+.-])(?:([A-Za-z][A-Za-z0-9+.-]{0,31}+):\\?/\\?/|[A-Za-z]{2,8}(?::|%(?:25)?3[aA])%(?:25)?2[fF]%(?:25)?2[fF])"
)
_USERINFO = re.compile(rb"([^\s/\"'<>\\]{1,512})@")
_USERINFO_ENCODED = re.compile(rb"(?:[^\s\"'<>&%]|%(?!(?:25)?(?:2[fF]|40))){1,512}+(?=%(?:25)?40)")
_ORACLE = re.compile(rb"jdbc:oracle:\w{1,8}:([^\s/@\"']{1,128}+/[^\s@\"']{1,128}+)@")
_USER_ALONE = (b"ssh", b"sftp", b"git", b"git+ssh", b"ftp", b"ldap", b"imap", b"smtp", b"s3")
"""Schemes whose user name alone is no secret."""


def credentials_in_addresses(data: bytes) -> Iterator[Place]:
    """User and password before the host of an address."""
    for found in _ORACLE.finditer(data):
        yield *found.span(1), "credentials in an address"
    for scheme in _USER.finditer(data):
        if scheme[1] is None:
            user = _USERINFO_ENCODED.match(data, scheme.end())
            if user is not None:
                yield *user.span(), "credentials in an address"
            continue
        user = _USERINFO.match(data, scheme.end())
        if user is None or set(user[1]) == {42}:
            continue
        if b":" not in user[1] and scheme[1].lower() in _USER_ALONE and not names.is_opaque(user[1]):
            continue
        yield *user.span(1), "credentials in an address"


_QUERY = re.compile(rb"(?<=[A-Za-z0-9/_.~%-])\?([^\s\"'<>\]})?]{1,65536}+)")
_PAIR = re.compile(rb"([^=&;]{0,256}+)(=?)([^&;]*+)[&;]?(?:amp;|(?<=&)#38;)?")
_FORMAT = re.compile(rb"format=(?:bundle|json|xml|csv)(?![\w-])")
"""A value that logscan's own hints show."""
_KEY_OF_PAIR = re.compile(rb"[A-Za-z0-9_.~%\[\]-]+\Z")


def query_values(data: bytes) -> Iterator[Place]:
    """The values in the queries of addresses, and what a query holds without a name."""
    for query in _QUERY.finditer(data):
        if b"=" not in query[1]:
            if len(query[1]) <= 4096 and names.is_opaque(query[1]):
                yield *query.span(1), "query value"
            continue
        at, end = query.span(1)
        first = True
        while at < end:
            pair = _PAIR.match(data, at, end)
            if pair is None or pair.end() == at:
                break
            at = pair.end()
            if first and not _KEY_OF_PAIR.match(pair[1]):
                break
            first = False
            if pair[2] and pair[3] and set(pair[3]) != {42} and not _FORMAT.match(pair[0]):
                begin, stop = pair.span(3)
                if data[stop : stop + 1] == b'"':  # the quote after it may be escaped, in JSON: it stays so
                    stop -= len(pair[3]) - len(pair[3].rstrip(b"\\"))
                if begin < stop:
                    yield begin, stop, "token" if names.is_secret(pair[1].lower()) else "query value"
            elif not pair[2] and names.is_opaque(pair[1]):
                yield *pair.span(1), "query value"


_WORD = rb"""(?:'[^'\n]*+|"(?:\\.|[^"\\\n])*+|(?:\\.|[^\s"'\\])++)"""
_CURL = re.compile(
    rb"(?<![^\s\"'\[,(])(?:(?P<user>-[sSkviLfgGnN0-9]{0,8}[uU]|--user|--proxy-user|-x|--proxy|--preproxy|--cert|-E|--proxy-cert)"
    rb"|(?P<cookie>-b|--cookie)"
    rb"|(?P<all>--pass|--proxy-pass|--oauth2-bearer|--tlspassword|--proxy-tlspassword|--http-passw(?:or)?d)"
    rb"|(?P<tool>(?:sshpass|ldapsearch|ldapmodify|redis-cli|mysql|mysqldump|https?)\s(?:[^\n|;]{0,120}?\s)??-[pwa]))"
    rb"(?P<gap>[ \t]++|=|['\"],\s?(?=['\"])|)(?P<word>%s)" % _WORD
)
_COLON = re.compile(rb"[^:]*+:(?!//|\\)")


def options(data: bytes) -> Iterator[Place]:
    """Passwords in the options of curl and other commands."""
    for found in _CURL.finditer(data):
        begin, end = found.span("word")
        if data[begin] in b"\"'":
            begin += 1
        word, gap = data[begin:end], found["gap"]
        if found["user"] is not None:
            if gap or not found["user"].startswith(b"--"):
                yield from _user(found["user"], word, begin)
        elif found["cookie"] is not None:
            if b"=" in word and (gap or not found["cookie"].startswith(b"--")):
                yield begin, end, "session"
        elif found["all"] is not None:
            if gap:
                yield begin, end, "secret"
        elif not word.startswith(b"-") and (gap or found["tool"].startswith(b"mysql")):
            yield begin, end, "secret"


def _user(option: bytes, word: bytes, begin: int) -> Iterator[Place]:
    """The secret part of ``user:password``, ``certificate:password``, ``user:password@proxy``."""
    if option in (b"--cert", b"-E", b"--proxy-cert"):
        colon = word.find(b":", 2 if word[1:3] in (b":\\", b":/") else 0)
        if colon >= 0 and not word.startswith(b"pkcs11:"):
            yield begin + colon + 1, begin + len(word), "secret"
    elif option in (b"-x", b"--proxy", b"--preproxy"):
        if b"@" in word and b"://" not in word:
            yield begin, begin + word.rfind(b"@"), "secret"
    elif _COLON.match(word) is not None and not word.endswith(b":"):
        yield begin, begin + len(word), "secret"


_SESSION = (
    re.compile(
        rb"(?:Master-Key|Resumption PSK|PSK identity|Session-ID|Session-ID-ctx|SSL-Session-Key)[ \t]{0,16}:"
        rb"[ \t]{0,16}([0-9A-Fa-f]++)"
    ),
    re.compile(rb"TLS session ticket:\r?\n((?:[ \t]{0,16}[0-9a-f]{4} - [^\n]*+\n?)++)"),
    re.compile(rb"(?:CLIENT|SERVER|EXPORTER|EARLY)_[A-Z0-9_]{1,64}+ [0-9a-fA-F]{64} ([0-9a-fA-F]{32,}+)"),
    re.compile(rb"RSA (?:Session-ID:)?[0-9a-fA-F]{16,64}+ (?:Master-Key:)?([0-9a-fA-F]{96})"),
)  # fmt: skip


def session_secrets(data: bytes) -> Iterator[Place]:
    """What resumes or decrypts a TLS connection, as openssl and key logs print it."""
    for pattern in _SESSION:
        for found in pattern.finditer(data):
            begin, end = found.span(1)
            kept = len(data[begin:end].rstrip(b"\r\n"))
            indent = len(data[begin:end]) - len(data[begin:end].lstrip(b" \t"))
            yield begin + indent, begin + kept, "session secret"


_SCHEME = re.compile(
    rb"(?<![A-Za-z0-9_])(Bearer|Basic|Negotiate|Digest|NTLM|GNAP|DPoP|ApiKey|SSWS)(?:[ \t+]{1,4}|%20|:[ \t]?)"
    rb"([A-Za-z0-9+/=_.~-]{8,}+)",
    re.IGNORECASE,
)


def scheme_credentials(data: bytes) -> Iterator[Place]:
    """Credentials after the name of their scheme, wherever they stand: ``bearer x``."""
    for found in _SCHEME.finditer(data):
        value = found[2].rstrip(b".-")
        word = found[1].lower()
        if (
            names.is_opaque(value)
            or (word == b"bearer" and not names.is_plain(value))
            or _is_basic(word, value)
        ):
            yield found.start(2), found.start(2) + len(value), "token"


def _is_basic(word: bytes, value: bytes) -> bool:
    if word != b"basic":
        return False
    try:
        return b":" in b64decode(value[:4096], validate=True)
    except (Error, ValueError):
        return False


_ASSERTION = re.compile(rb"<((?:[\w.-]{1,32}:)?(?:Encrypted)?Assertion)\b[^<>]{0,4096}+>")
_ASSERTION_END = re.compile(rb"</(?:[\w.-]{1,32}:)?(?:Encrypted)?Assertion\s{0,16}>")


def assertions(data: bytes) -> Iterator[Place]:
    """SAML assertions: who holds one is the user."""
    at = 0
    while (begin := _ASSERTION.search(data, at)) is not None:
        at = begin.end()
        end = _ASSERTION_END.search(data, at)
        if end is None:
            return
        if data[begin.end() - 2 : begin.end()] != b"/>":
            yield begin.end(), end.start(), "assertion"
            at = end.end()


_CARD = re.compile(rb"(?<![\w.:/+-])(?:[3-6]|2[2-7])\d{2,3}(?:[ -]?\d{2,7}){2,4}(?![\w.:/+-]|[.,]\d)")
_ISSUERS = re.compile(
    rb"4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    rb"|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}"
)
_MAIL = re.compile(rb"(?:@|%40)(?=(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w-]))")
_LOCAL = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"
_OF_A_NAME = re.compile(
    rb"(?i)(?:emailaddress|\be|1\.2\.840\.113549\.1\.9\.1|rfc822(?:name)?) ?[=:] ?\Z"
    rb"|(?:ssh|sftp|git|ftp):(?:\\?/){2}\Z"
)


def personal_data(data: bytes) -> Iterator[Place]:
    """Card numbers by issuer and check digit; the person in a mail address.

    The host of a mail address stays, and so does an address in the name of a certificate.
    """
    for found in _CARD.finditer(data):
        digits = found[0].translate(None, b" -")
        if _ISSUERS.fullmatch(digits) and _checks(digits) and len(set(digits)) > 1:
            yield *found.span(), "card number"
    for found in _MAIL.finditer(data):
        before = data[max(found.start() - 96, 0) : found.start()]
        local = len(before) - len(before.rstrip(_LOCAL))
        local = min(local, 64)
        begin = found.start() - local
        if local and not _OF_A_NAME.search(data[max(begin - 32, 0) : begin]):
            yield begin, found.start(), "mail address"


def _checks(digits: bytes) -> bool:
    """Luhn's check digit."""
    total = 0
    for number, digit in enumerate(reversed(digits)):
        value = (digit - 48) * (1 + number % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
