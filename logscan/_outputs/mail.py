"""Mail: sends a letter by SMTP, with the page of the report as a file."""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import SplitResult, unquote, urlsplit

from logscan.errors import OutputError, UsageError

SERVER, SENDER = "LOGSCAN_SMTP_URL", "LOGSCAN_MAIL_FROM"
"""Environment variables: the server (``smtp://host:25``, ``smtp+starttls://user:password@host:587``,
``smtps://…``), and the sender's address."""
TIMEOUT = 30.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def check(receivers: Sequence[str], server: str | None = None) -> None:
    """Check the addresses of a mail before there is one.

    Raises:
        UsageError: a receiver, the sender or the server cannot be understood.
    """
    for receiver in receivers:
        if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", receiver):
            raise UsageError(f"--email {receiver}: not a mail address", "write name@example.com")
    _sender(None)
    _server(server)


def compose(
    subject: str, text: str, html: str, receivers: Sequence[str], *, sender: str | None = None, page: str = ""
) -> EmailMessage:
    """A mail with the text, its HTML as the alternative, and the page as an attachment.

    Raises:
        UsageError: a receiver or the sender is not an address.
    """
    check(receivers)
    mail = EmailMessage()
    mail["Subject"] = re.sub(r"[\x00-\x1f\x7f]+", " ", subject)[:200]
    mail["From"] = _sender(sender)
    mail["To"] = ", ".join(receivers)
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid("logscan")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    if page:
        data = page.encode("utf-8", "backslashreplace")
        mail.add_attachment(data, maintype="text", subtype="html", filename="report.html")
    return mail


def _sender(sender: str | None) -> str:
    """The sender's address.

    Raises:
        UsageError: it is none.
    """
    sender = sender or os.environ.get(SENDER) or f"logscan@{socket.getfqdn()}"
    if re.search(r"[\x00-\x1f\x7f]", sender) or "@" not in sender:
        raise UsageError(f"{SENDER}: not a mail address", "write name@example.com, without line breaks")
    return sender


def _server(server: str | None) -> tuple[SplitResult, int]:
    """The parts of the server's address, and its port.

    Raises:
        UsageError: it cannot be understood.
    """
    address = server or os.environ.get(SERVER) or "smtp://localhost:25"
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
        parts.hostname.encode("idna")  # type: ignore[union-attr]
    except (ValueError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{SERVER}: expected the address of a mail server",
            "write smtp://host:25 or smtps://user:password@host",
        ) from error
    return parts, port


def send(mail: EmailMessage, server: str | None = None) -> None:
    """Send a mail through the server.

    Raises:
        UsageError: the server's address cannot be understood.
        OutputError: the server cannot be reached, or refuses the mail.
    """
    parts, port = _server(server)
    shown = f"{parts.scheme}://{parts.hostname}"
    assert parts.hostname is not None
    context = ssl.create_default_context()
    try:
        if parts.scheme == "smtps":
            client: smtplib.SMTP = smtplib.SMTP_SSL(parts.hostname, port, timeout=TIMEOUT, context=context)
        else:
            client = smtplib.SMTP(parts.hostname, port, timeout=TIMEOUT)
        with client:
            if parts.scheme == "smtp+starttls":
                client.starttls(context=context)
            if parts.username:
                client.login(unquote(parts.username), unquote(parts.password or ""))
            refused = client.send_message(mail)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        hint = f"check {SERVER}, and whether that server accepts mail from this machine"
        raise OutputError(f"{shown}:{port}: the mail was not sent: {error}", hint) from error
    if refused:
        raise OutputError(
            f"{shown}:{port}: the server refused {', '.join(refused)}", "correct the addresses of --email"
        )
