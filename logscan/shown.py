r"""What may be shown of a text from outside: no control characters, no password of an address.

Others write the log lines and the names. Control characters, terminal sequences and marks that change the
reading direction are shown as ``\xNN`` or ``\uNNNN``. So a line never moves a cursor, colours a terminal or
looks like another line.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_UNSAFE_IN_LINES = re.compile(_UNSAFE.pattern.replace("\x0a-", "\x0b-"))
_USER = re.compile(r"(://)([^\s/\"'<>@]{0,512}+(?:@[^\s/\"'<>@]{1,256}+)*)@")
_QUERY = re.compile(
    r"([?&][\w.%-]{0,64}(?:signature|sig|token|key|secret|password|credential)=)[^&#\s\"'<>]*[^&#\s\"'<>:]",
    re.IGNORECASE,
)


def safe(text: str) -> str:
    """One line without characters that can mislead a terminal or a reader."""
    return _UNSAFE.sub(_visible, text)


def safe_lines(text: str) -> str:
    """Several lines without such characters: line breaks stay."""
    return _UNSAFE_IN_LINES.sub(_visible, text)


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


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
