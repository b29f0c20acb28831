r"""Safe text for each medium: JSON, CSV, Markdown, a chat, a command to paste.

Which characters are not shown, and how, is decided in :mod:`logscan.shown`.
"""

from __future__ import annotations

import re
import shlex

from logscan.shown import BYTES, ShownAs, safe, safe_lines

FORMULA = "\\A[\t\r\n ]*[=+\\-@\uff1d\uff0b\uff0d\uff20]"
"""Spreadsheets take a cell that begins like this for a formula (OWASP, CSV injection); also in full-width
forms, and after blanks, which some remove. An expression for ``re`` and for Arrow."""
_FORMULA = re.compile(FORMULA)


def _in_json(code: int) -> str:
    if BYTES[0] <= code <= BYTES[1]:  # a name has the same text in every format
        return f"\\\\x{code - 0xDC00:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


_JSON = ShownAs(_in_json, "\n")


def safe_json(text: str) -> str:
    r"""JSON in which the same characters are escaped, as ``\uNNNN``; its value is the same."""
    return text if text.isascii() and "\x7f" not in text else text.translate(_JSON)


def csv_cell(text: str) -> str:
    """The text of a cell: safe, and never a formula."""
    text = safe_lines(text)
    return "'" + text if _FORMULA.match(text) else text


_MARKUP = re.compile(r"[\\`*_{}\[\]|#~!]")
_LINK = re.compile(r"(?<=:)/(?=/)|(?<=\bwww)\.|(?<=\w)@(?=[\w-]{1,256}\.)", re.IGNORECASE)
_MENTION = re.compile(r"(?<!\w)@")


def markdown(text: str) -> str:
    """Text without a meaning in Markdown: no markup, no tag, no link, nobody mentioned.

    A mention is found after the escapes are gone, so ``@`` at the beginning of a word is shown full-width.
    """
    text = _MENTION.sub("\uff20", safe(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINK.sub(r"\\\g<0>", _MARKUP.sub(r"\\\g<0>", text))


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
