r"""What may be shown of a text from outside: no character that misleads, no password of an address.

Others write the log lines. A character that no eye can see, or that moves a cursor, colours a terminal or
turns the reading direction, is shown as ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN`` (in JSON as ``\uNNNN``). Which
characters these are is decided here alone, by their Unicode category:

=================  ====================================================================================
Cc                 control characters; a tab stays, and a line break where text has several lines
Cf, Zl, Zp         format characters (BiDi, zero width, soft hyphen, tags), line and paragraph separators
Cs                 surrogates: bytes that are no UTF-8
Co, Cn             private use, and what this Python's Unicode does not know
:data:`INVISIBLE`  letters, marks and symbols of other categories that show nothing
=================  ====================================================================================

Blanks of any width (Zs) stay: they move nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from unicodedata import category

INVISIBLE = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer vowels that are not shown
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0x2800, 0x2800),  # Braille blank
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
    (0x1D159, 0x1D159),  # null notehead
    (0xE0100, 0xE01EF),  # variation selectors supplement
)
"""Code points that show nothing though their category is that of a letter, mark or symbol: first, last."""
UNSAFE = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")
"""Categories of characters that are not shown as they are."""
BYTES = (0xDC80, 0xDCFF)
"""What Python makes of the bytes of a file name that are no UTF-8: shown as those bytes."""
_USER = re.compile(r"(://)([^\s/\"'<>@]{0,512}+(?:@[^\s/\"'<>@]{1,256}+)*)@")
_QUERY = re.compile(
    r"([?&][\w.%-]{0,64}(?:signature|sig|token|key|secret|password|credential)=)[^&#\s\"'<>]*[^&#\s\"'<>:]",
    re.IGNORECASE,
)


_REMEMBERED = 20_000


def is_unsafe(char: str) -> bool:
    """Whether a character can mislead a terminal or a reader."""
    return category(char) in UNSAFE or any(first <= ord(char) <= last for first, last in INVISIBLE)


class ShownAs(dict[int, int | str]):
    """A table for ``str.translate``: unsafe characters to how they are shown, decided when first met."""

    def __init__(self, shown: Callable[[int], str], kept: str) -> None:
        super().__init__({ord(char): ord(char) for char in kept})
        self._shown = shown

    def __missing__(self, code: int) -> int | str:
        value = self._shown(code) if is_unsafe(chr(code)) else code
        if len(self) < _REMEMBERED:
            self[code] = value
        return value


def _visible(code: int) -> str:
    if BYTES[0] <= code <= BYTES[1]:
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_LINE, _LINES = ShownAs(_visible, "\t"), ShownAs(_visible, "\t\n")


def safe(text: str) -> str:
    """One line without characters that can mislead a terminal or a reader."""
    return text if text.isascii() and text.isprintable() else text.translate(_LINE)


def safe_lines(text: str) -> str:
    """Several lines without such characters: line breaks stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_LINES)


def without_password(text: str) -> str:
    """A text with the passwords, tokens and signatures of its addresses masked.

    A user's name without a password stays, but for ``http`` and ``https``, where it is a token.
    """
    if "://" not in text:
        return text
    return _QUERY.sub(r"\1***", _USER.sub(_user, text))


def _user(found: re.Match[str]) -> str:
    before = found.string[max(found.start() - 5, 0) : found.start()].lower()
    keeps = ":" not in found[2] and not before.endswith(("http", "https"))
    return found[0] if keeps else f"{found[1]}***@"
