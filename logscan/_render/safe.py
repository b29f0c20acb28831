r"""Safe text: what others wrote, made harmless for the medium that shows it.

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
import shlex
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
FORMULA = "\\A[\t\r\n ]*[=+\\-@\uff1d\uff0b\uff0d\uff20]"
"""Spreadsheets take a cell that begins like this for a formula (OWASP, CSV injection); also in full-width
forms, and after blanks, which some remove. An expression for ``re`` and for Arrow."""
_FORMULA = re.compile(FORMULA)
_REMEMBERED = 20_000


def is_unsafe(char: str) -> bool:
    """Whether a character can mislead a terminal or a reader."""
    return category(char) in UNSAFE or any(first <= ord(char) <= last for first, last in INVISIBLE)


class _Shown(dict[int, int | str]):
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
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_json(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


_LINE, _LINES, _JSON = _Shown(_visible, "\t"), _Shown(_visible, "\t\n"), _Shown(_in_json, "\n")


def safe(text: str) -> str:
    """One line without characters that can mislead a terminal or a reader."""
    return text if text.isascii() and text.isprintable() else text.translate(_LINE)


def safe_lines(text: str) -> str:
    """Several lines without such characters: line breaks stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_LINES)


def safe_json(text: str) -> str:
    r"""JSON in which the same characters are escaped, as ``\uNNNN``; its value is the same."""
    return text if text.isascii() and "\x7f" not in text else text.translate(_JSON)


def csv_cell(text: str) -> str:
    """The text of a cell: safe, and never a formula."""
    text = safe_lines(text)
    return "'" + text if _FORMULA.match(text) else text


_MARKUP = re.compile(r"[\\`*_{}\[\]|#~!]")
_LINK = re.compile(r"(?<=:)/(?=/)|(?<=\bwww)\.|(?<=\w)@", re.IGNORECASE)
_MENTION = re.compile(r"(?<!\w)@")


def markdown(text: str) -> str:
    """Text without a meaning in Markdown: no markup, no tag, no link, nobody mentioned.

    A mention is found after the escapes are gone, so ``@`` at the beginning of a word is shown full-width.
    """
    text = safe(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _LINK.sub(r"\\\g<0>", _MARKUP.sub(r"\\\g<0>", text))
    return _MENTION.sub("\uff20", text)


_WIDE = {ord(char): ord(char) + 0xFEE0 for char in "<>[]()@`*~|\\&!#{}\"'"}


def chat(text: str) -> str:
    """Text for a chat, a pager or a mail whose markup is not known: characters that markup, mentions and
    links need are shown in their full-width forms."""
    return re.sub(r":(?=//)", "\uff1a", safe(text).translate(_WIDE))


def to_paste(*words: str) -> str | None:
    """A command to paste, quoted for a shell; ``None`` where a word could be an option, or is not what it
    seems."""
    if any(word.startswith("-") or safe(word) != word for word in words[1:]):
        return None
    return shlex.join(words)
