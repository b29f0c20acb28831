r"""Values that follow a secret name, in the structures of logs, traces, bundles and commands.

A name is found by one search for the words of :mod:`secret_names`. What follows it is read by a small scanner
for each structure: a JSON string at any depth of escaping (``\"password\":\"x\"``), an array, an object,
a number, a pair of ``"name"`` and ``"value"`` in either order, an XML element, attribute or named
element, a form or url-encoded pair, a header line with folded lines, a map as Java prints it, an option of a
command, words.

The work is linear in the text. A scanner looks a bounded number of bytes back and ahead, or takes what it
scanned into the value, and the search goes on after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from logscan._support import secret_names as names
from logscan._support.strings import bracket, string_end

MAX_TAG = 1024
"""Bytes of an XML tag that are looked at on each side of a name."""
_FOLDED_LINES = 32
_JOINED_STRINGS = 8

Place = tuple[int, int, str]
"""Begin and end of a secret, and its kind."""

_QUOTE = rb"""\\{0,15}["'`]|&quot;|&\#3[49];|&apos;|%(?:25){0,4}2[27]|\\{1,15}u002[27]"""
_OPENING = re.compile(_QUOTE, re.IGNORECASE)
_ESCAPE = re.compile(rb"\\(?:u[0-9a-f]{4}|[nrtbf])(?=[a-z_$-])|%(?:25){0,4}[2-7][0-9a-f](?=[a-z_$-])")
_AFTER = re.compile(
    rb"""(?P<quote>%s)?(?P<close>[\])]{0,2})(?P<gap>[ \t]*+)"""
    rb"""(?P<mark>:=|={1,3}>?|:{1,2}|%%(?:25){0,4}3[ad]|,)(?P<blank>\s{0,64}+)"""
    rb"""(?:%%(?:25){0,4}20)?""" % _QUOTE,
    re.IGNORECASE,
)  # fmt: skip
_BARE = re.compile(rb"""(?:[^\s,;&\]}"'<>\\]|\\(?![nr"'\\]))++""")
_WORDS = re.compile(rb"""(?:[^\r\n,"'<>\\&]|&(?!quot;|\#3[49];|lt;|amp;)|\\(?![nr"'\\]))++""")
_ENCODED = re.compile(
    rb"""(?:[^\s"'<>&%;,\\]|%(?!(?:25){0,4}(?:26|22|27|3b|0a|0d|7d|2c|20)))++""", re.IGNORECASE
)
_LINE = {
    b"": re.compile(rb"(?:[^\r\n\\]|\\(?![rn]))++"),
    b'"': re.compile(rb"""(?:[^\r\n\\"]|\\(?![rn"]))++"""),
    b"'": re.compile(rb"""(?:[^\r\n\\']|\\(?![rn']))++"""),
}
_FOLD = re.compile(
    rb"\r?\n([ \t]{1,64}+)(?!at |\.\.\. |Caused by|Suppressed)(?![A-Za-z][\w-]{0,63}:[ \t])([^\r\n]++)"
)
_IN_MAP = re.compile(
    rb"""(?:[^,\]})\r\n"\\]|\\(?![nr"])|(?<==)"[^"\r\n]{0,1024}+"|,\s?(?=[\w-]{1,32}=")|\)(?![,\]}\s]|\Z))++"""
)
_CALL = re.compile(rb"[A-Za-z_$][\w$.]{0,128}+\(|(?:new|await)\s")
_MULTI = re.compile(
    rb"[|>][+-]?[ \t]*\r?\n(?P<text>(?P<indent>[ \t]{1,64}+)[^\n]*+(?:\n(?P=indent)[^\n]*+)*+)"
)
_NUMBER = re.compile(rb"[-+]?\d[\d.eE+-]*+|\w[\w.-]*+")
_TAG = re.compile(rb"(<|&lt;|\\u003[cC]|%3[cC])(?:[\w.-]{1,32}:)?\Z")
_TAG_REST = re.compile(rb"[^<>]{0,%d}+>" % MAX_TAG)
_TAG_REST_ESCAPED = re.compile(
    rb"(?:[^<>&\\%]|&(?!gt;)|\\(?!u003[eE])|%(?!3[eE])){0,512}+(?:&gt;|\\u003[eE]|%3[eE])"
)
_NESTED = re.compile(rb"\s*+<(?:[\w.-]{1,32}:)?(?:value|val|string|text|data)\b[^<>]{0,256}+>", re.IGNORECASE)
_TEXT = re.compile(rb"\s*+(?:<!\[CDATA\[((?:[^\]]|\](?!\]>))*+)|([^<]*+))")
_TEXT_ESCAPED = re.compile(rb"(?:[^<>&\\%]|&(?!lt;)|\\(?!u003[cC])|%(?!3[cC]))++")
_NAMED_BY = re.compile(
    rb"\b(?:name|key|id|property|variable|header|field|param)\s*=\s*([\"'])\Z", re.IGNORECASE
)
_VALUE_OF = re.compile(rb"\b(?:value|val)\s*=\s*([\"'])", re.IGNORECASE)
_PAIR_BEFORE = re.compile(
    rb"""(\\{0,15}["']|)(?:name|key|id|header|variable|field|param(?:eter)?|property)\1\s*[:=]\s*(\\{0,15}["']|)\Z""",
    re.IGNORECASE,
)
_PAIR_MEMBER = re.compile(
    rb"""(\\{0,15}["']|)\s*+,\s*+(\\{0,15}["']|)([A-Za-z_]{1,32}+)\2\s*+[:=]\s*+(?:(-?\d[\w.-]{0,64}+|true|false|null)(?=\s*,)|"""
    rb"""\\{0,15}["'][^"'\\\n]{0,512}+(?=\\{0,15}["']\s*+,))?""",
    re.IGNORECASE,
)
_VALUE_KEYS = frozenset((b"value", b"val", b"values", b"content", b"text"))
_VALUE_FIRST = re.compile(
    rb"""(\\{0,15}["'])(?:value|val|content)\1\s{0,64}+:\s{0,64}+(\\{0,15}["'])""", re.IGNORECASE
)
_NAME_NEXT = re.compile(
    rb"""\s{0,64}+(?=,\s{0,64}(\\{0,15}["']))"""
    rb"""(?:,\s{0,64}+\1\w{1,32}\1\s{0,64}+:\s{0,64}+(?:\1[^"'\\\n]{0,256}\1|[\w.-]{1,32})\s{0,64}+){0,3}?"""
    rb""",\s{0,64}+\1(?:name|key|id|header|variable|field)\1\s{0,64}+:\s{0,64}+\1([^"'\\\s]{1,128}+)\1""",
    re.IGNORECASE,
)
_JOINED = re.compile(rb"""["']\s{0,16}\+\s{0,16}(["'])""")
_OPTION = re.compile(rb"-{1,2}[a-z][\w.-]*\Z")
_OPTION_VALUE = re.compile(
    rb"""(?:[ \t]++|=|(?<=\w)['"]\s*,\s*(?=['"]))(?!-[A-Za-z-])(?:(?:pass|password):)?"""
    rb"""('[^'\n]*+'?|"(?:\\.|[^"\\\n])*+"?|(?:\\.|[^\s"'\\;|&<>])++)"""
)
_FROM_ELSEWHERE = re.compile(rb"['\"]?(?:env|file|fd|stdin)(?::|\b)")
_PROSE = re.compile(
    rb"""[ \t]{1,8}+(?:is|was)[ \t:]{1,8}+(?:set[ \t]to[ \t])?["'`]?+([^\s"'`,;]{3,256}+)""",
    re.IGNORECASE,
)
_KEY_IN_WORDS = re.compile(rb" key\Z")
_WORDLIKE = re.compile(rb"[a-z]+(?:ed|ing|ive|able|ible|ect|ent|ory|ary|al|ous|id|ful|less|ly)[.,:;!?)]*\Z")
_CREDENTIALS = re.compile(
    rb"""[ \t]{1,8}+["']?(?:(?i:basic|bearer|digest|negotiate|token|apikey|hmac)[ \t]{1,8}+)?"""
    rb"""([A-Za-z0-9+/=_.~:-]{8,}+)"""
)


def named(data: bytes) -> Iterator[Place]:
    """Places of the values of secret names, in order of the names."""
    lower = data.lower()
    at = 0
    while (hit := names.CORE.search(lower, at)) is not None:
        before = lower[max(at, hit.start() - names.MAX_NAME, 0) : hit.start()]
        left = hit.start() - (len(before) - len(before.rstrip(names.NAME)))
        ahead = lower[hit.end() : hit.end() + names.MAX_NAME]
        at = right = hit.end() + len(ahead) - len(ahead.lstrip(names.NAME))
        while right > hit.end() and lower[right - 1] in b".-$":
            right -= 1
        left += _escape_before(lower, left)
        if names.is_secret(lower[left:right]):
            for place in _Name(data, lower, left, right).values():
                at = max(at, place[1])
                yield place
    yield from _value_first(data)


def _escape_before(lower: bytes, left: int) -> int:
    r"""Bytes at the begin of a name that belong to an escape before it: ``\nCookie``, ``%22token``."""
    mark = lower[left - 1 : left]
    escape = _ESCAPE.match(lower, left - 1) if mark in (b"\\", b"%") else None
    return escape.end() - left if escape is not None else 0


class _Name(NamedTuple):
    """A secret name in its text."""

    data: bytes
    lower: bytes
    left: int
    right: int

    @property
    def word(self) -> bytes:
        """The name in lower case."""
        return self.lower[self.left : self.right]

    def values(self) -> Iterator[Place]:
        """Its values, as far as they are secret."""
        kind = names.kind_of(self.word)
        for begin, end in self._found():
            while begin < end and self.data[begin] in b" \t\r\n":
                begin += 1
            while end > begin and self.data[end - 1] in b" \t\r\n":
                end -= 1
            if begin < end and not names.is_plain(self.data[begin:end]):
                yield begin, end, kind

    def _found(self) -> Iterator[tuple[int, int]]:
        data, left, right = self.data, self.left, self.right
        before = data[max(left - 64, 0) : left]
        if (tag := _TAG.search(before)) is not None:
            yield from self._element(tag[1])
            return
        named_by = _NAMED_BY.search(before)
        if named_by is not None and data[right : right + 1] == named_by[1]:
            yield from self._named_element()
            return
        pair = _PAIR_BEFORE.search(before)
        value = self._pair(pair[2]) if pair is not None else None
        if value is not None:
            yield value
            return
        if _OPTION.match(self.word) and (not before or before[-1:] in b" \t\"'\n\r,[("):
            option = _OPTION_VALUE.match(data, right)
            if option is not None and not _FROM_ELSEWHERE.match(option[1]):
                yield _unquoted(data, *option.span(1))
                return
        yield from self._after(before)

    def _after(self, before: bytes) -> Iterator[tuple[int, int]]:
        """The value after a mark, else after words."""
        data = self.data
        after = _AFTER.match(data, self.right)
        if after is None:
            yield from self._in_words()
        elif after["mark"] != b",":
            value = self._direct(after)
            if value is not None:
                yield value
                yield from self._folded(value, after)
                yield from self._joined(value)
        elif after["quote"] and before[: -len(after["quote"])][-1:] == b"(":
            opening = _OPENING.match(data, after.end())
            if opening is not None:
                yield opening.end(), string_end(data, opening.end(), opening[0])

    def _direct(self, after: re.Match[bytes]) -> tuple[int, int] | None:
        """The value after ``:`` or ``=``: quoted, in brackets, or bare."""
        data, at = self.data, after.end()
        broken = b"\n" in after["blank"] or b"\r" in after["blank"]
        if broken and not after["quote"]:
            return None
        opening = _OPENING.match(data, at)
        if opening is not None:
            return opening.end(), string_end(data, opening.end(), opening[0])
        first = data[at : at + 1]
        if first in (b"[", b"{"):
            return bracket(data, at, broken or after["quote"] is not None)
        return self._bare(after) if first not in (b"<", b"") else None

    def _bare(self, after: re.Match[bytes]) -> tuple[int, int] | None:
        data, at, mark = self.data, after.end(), after["mark"]
        if mark[:1] == b"%":
            return _span(_ENCODED.match(data, at))
        if after["quote"] is not None and after["quote"][-1:] in b"\"'":
            return _span(_NUMBER.match(data, at))
        if mark in (b"==", b"==="):
            return None
        if (multi := _MULTI.match(data, at)) is not None:
            return multi.span("text")
        if after["blank"] and _CALL.match(data, at):
            return None
        if names.is_header(self.word):
            if mark[:1] == b"=":
                return _span(_IN_MAP.match(data, at))
            return _span(_LINE[self._enclosing()].match(data, at))
        if mark[:1] == b":" and after["blank"]:
            words = _WORDS.match(data, at)
            first = words[0].split(maxsplit=1)[:1] if words is not None else []
            if first and _KEY_IN_WORDS.search(self.word) and not names.is_opaque(first[0]):
                return None  # private key: the alias has one
            return _span(words)
        return _span(_BARE.match(data, at))

    def _enclosing(self) -> bytes:
        """The quote that a header line stands in."""
        before = self.data[max(self.left - 2, 0) : self.left]
        if before[-1:] in (b'"', b"'"):
            return before[-1:]
        return b'"' if before in (b"\\n", b"\\r") else b""

    def _folded(self, value: tuple[int, int], after: re.Match[bytes]) -> Iterator[tuple[int, int]]:
        """Lines that continue a header."""
        if after["mark"] != b":" or not names.is_header(self.word):
            return
        data = self.data
        line = data[max(self.left - names.MAX_NAME, 0) : self.left].rpartition(b"\n")[2]
        indent = len(line) if not line.strip() else 0
        at = value[1]
        for _ in range(_FOLDED_LINES):
            fold = _FOLD.match(data, at)
            if fold is None or len(fold[1]) <= indent:
                return
            yield fold.span(2)
            at = fold.end()

    def _joined(self, value: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """Strings that a script joins: ``"Bearer " + "…"``."""
        for _ in range(_JOINED_STRINGS):
            joint = _JOINED.match(self.data, value[1])
            if joint is None:
                return
            value = joint.end(), string_end(self.data, joint.end(), joint[1])
            yield value

    def _element(self, opening: bytes) -> Iterator[tuple[int, int]]:
        """The text of ``<Password>``."""
        data = self.data
        if opening == b"<":
            rest = _TAG_REST.match(data, self.right)
            if rest is not None:
                yield from self._attribute(self.right, rest.end())
                if data[rest.end() - 2 : rest.end()] != b"/>":
                    yield self._text(rest.end())
            return
        rest = _TAG_REST_ESCAPED.match(data, self.right)
        text = _TEXT_ESCAPED.match(data, rest.end()) if rest is not None else None
        if text is not None:
            yield text.span()

    def _attribute(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The attribute ``value`` of a tag."""
        value = _VALUE_OF.search(self.data, begin, end)
        if value is not None:
            yield value.end(), string_end(self.data, value.end(), value[1])

    def _text(self, at: int) -> tuple[int, int]:
        for _ in range(3):
            nested = _NESTED.match(self.data, at)
            if nested is None:
                break
            at = nested.end()
        text = _TEXT.match(self.data, at)
        return text.span(1 if text[1] is not None else 2) if text is not None else (at, at)

    def _named_element(self) -> Iterator[tuple[int, int]]:
        """``<Header name="Authorization">…``, ``<add key="password" value="…"/>``, in either order."""
        data = self.data
        begin = data.rfind(b"<", max(self.left - MAX_TAG, 0), self.left)
        if begin >= 0 and b">" not in data[begin : self.left]:
            yield from self._attribute(begin, self.left)
        rest = _TAG_REST.match(data, self.right)
        if rest is not None:
            yield from self._attribute(self.right, rest.end())
            if data[rest.end() - 2 : rest.end()] != b"/>":
                yield self._text(rest.end())

    def _pair(self, quote: bytes) -> tuple[int, int] | None:
        """The value beside a name: ``"name": "Authorization", "value": "…"``."""
        data, at = self.data, self.right
        for number in range(6):
            member = _PAIR_MEMBER.match(data, at)
            if member is None or (number == 0 and member[1] != quote):
                return None
            if member[3].lower() in _VALUE_KEYS:
                begin = _after_mark(data, member.end(3))
                opening = _OPENING.match(data, begin)
                if opening is not None:
                    return opening.end(), string_end(data, opening.end(), opening[0])
                if data[begin : begin + 1] in (b"[", b"{"):
                    return bracket(data, begin, bool(quote))
                return _span((_NUMBER if quote else _IN_MAP).match(data, begin))
            at = member.end()
        return None

    def _in_words(self) -> Iterator[tuple[int, int]]:
        """``passphrase is x``, ``Authorization Basic x``."""
        if names.is_header(self.word):
            found = _CREDENTIALS.match(self.data, self.right)
            if found is not None and names.is_opaque(found[1]):
                yield found.span(1)
            return
        found = _PROSE.match(self.data, self.right)
        if found is not None and not _WORDLIKE.match(found[1].lower()):
            yield found.span(1)


def _value_first(data: bytes) -> Iterator[Place]:
    """``{"value": "…", "name": "request.header.Authorization"}``."""
    at = 0
    while (found := _VALUE_FIRST.search(data, at)) is not None:
        end = string_end(data, found.end(), found[2])
        after = _NAME_NEXT.match(data, end + len(found[2])) if end > found.end() else None
        at = max(end, found.end())
        if after is not None:
            name = after[2].lower()
            if names.is_secret(name) and not names.is_plain(data[found.end() : end]):
                yield found.end(), end, names.kind_of(name)


def _after_mark(data: bytes, at: int) -> int:
    """The begin of the value after a key of a pair."""
    while at < len(data) and data[at] in b"\\\"' \t\r\n":
        at += 1
    at += 1
    while at < len(data) and data[at] in b" \t\r\n":
        at += 1
    return at


def _unquoted(data: bytes, begin: int, end: int) -> tuple[int, int]:
    """A word of a command without its quotes."""
    if data[begin : begin + 1] in (b"'", b'"'):
        closed = end - begin > 1 and data[end - 1] == data[begin]
        return begin + 1, end - 1 if closed else end
    return begin, end


def _span(found: re.Match[bytes] | None) -> tuple[int, int] | None:
    return found.span() if found is not None else None
