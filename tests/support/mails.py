"""What Gmail and Outlook leave of the HTML of a mail (by caniemail.com), and a mail server that keeps what it gets."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

ELEMENTS = {
    "html": {"lang"}, "head": set(), "meta": {"charset"}, "title": set(), "body": {"bgcolor", "style"},
    "table": {"role", "width", "cellpadding", "cellspacing", "border", "style"}, "tr": set(),
    "td": {"align", "style"}, "th": {"align", "style"}, "b": {"style"}, "span": {"style"}, "br": set(),
}  # fmt: skip
"""Elements that both show, with their attributes: no style sheet, no script, no SVG, no picture, no link."""
MAIL_ELEMENTS = {*ELEMENTS, *(f"{tag} {name}" for tag, names in ELEMENTS.items() for name in names)}
TEXT_STYLES = {"font-family", "font-size", "font-weight", "line-height", "color"}
"""Properties that both know at every element."""
CELL_STYLES = TEXT_STYLES | {"padding", "text-align", "vertical-align", "border-bottom", "background-color"}
"""Outlook pads only cells; flex, grid, position, float, max-width and variables are not in it at all."""
STYLES = {
    "td": CELL_STYLES, "th": CELL_STYLES, "table": {"border-collapse"},
    "body": {"margin", "padding", "background-color"}, "b": TEXT_STYLES, "span": TEXT_STYLES,
}  # fmt: skip
_VALUE = re.compile(
    r"(?:(?:0|\d{1,2}px|solid|#[0-9a-f]{6}|left|right|top|bold|collapse|[A-Z][a-z]+|sans-serif)[, ]?)+"
)
GMAIL_CLIPS = 102_000
"""Bytes from which on Gmail hides the rest of a body."""
_VOID = {"meta", "br"}


class _Mail(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        allowed = ELEMENTS.get(tag)
        if allowed is None:
            self.faults.append(f"<{tag}>")
            return
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name not in allowed:
                self.faults.append(f"<{tag} {name}>")
            elif name == "style":
                self._style(tag, value or "")

    def _style(self, tag: str, text: str) -> None:
        for rule in text.split(";"):
            name, _, value = rule.partition(":")
            if name not in STYLES.get(tag, ()) or not _VALUE.fullmatch(value):
                self.faults.append(f"<{tag}> {rule}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data}")


def faults_of_html(html: str) -> list[str]:
    """What Gmail or Outlook would drop or clip, and elements that are not closed."""
    parser = _Mail()
    parser.feed(html)
    parser.close()
    size = len(html.encode())
    return parser.faults + parser.open + ([f"{size} bytes"] if size > GMAIL_CLIPS else [])


def faults_of_text(text: str, longest: int = 76) -> list[str]:
    """Lines that are too long, and characters that a proportional font breaks."""
    return [line for line in text.splitlines() if len(line) > longest or re.search("[\u2500-\u259f]", line)]


class Inbox:
    """Takes mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.receivers: list[str] = []
        self.refused = ""
        """The receiver that is not taken."""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        """aiosmtpd's hook."""
        if address == self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """aiosmtpd's hook."""
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.receivers += envelope.rcpt_tos
        return "250 OK"


def body(mail: EmailMessage, kind: str) -> str:
    """The text or the HTML of a mail."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")
