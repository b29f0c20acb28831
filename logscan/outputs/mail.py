"""A report by mail: text for those who read text, and the page; by SMTP."""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from logscan.errors import OutputError, UsageError

SERVER, SENDER = "LOGSCAN_SMTP_URL", "LOGSCAN_MAIL_FROM"
"""Variables: ``smtp://host:25``, ``smtp+starttls://user:password@host:587``, ``smtps://…``; and who sends."""
TIMEOUT = 30.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def compose(
    subject: str, text: str, page: str, receivers: Sequence[str], sender: str | None = None
) -> EmailMessage:
    """The mail: text, the page as its better form, and the page as a file that can be kept.

    Raises:
        UsageError: an address cannot be one.
    """
    for receiver in receivers:
        if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", receiver):
            raise UsageError(f"--email {receiver}: not an address", "write name@example.com")
    mail = EmailMessage()
    mail["Subject"] = re.sub(r"[\x00-\x1f\x7f]+", " ", subject)[:200]
    mail["From"] = sender or os.environ.get(SENDER) or f"logscan@{socket.getfqdn()}"
    mail["To"] = ", ".join(receivers)
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid("logscan")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    mail.add_alternative(page, subtype="html")
    mail.add_attachment(page.encode(), maintype="text", subtype="html", filename="report.html")
    return mail


def send(mail: EmailMessage, server: str | None = None) -> None:
    """Give it to the server.

    Raises:
        UsageError: the server's address cannot be one.
        OutputError: it was not taken.
    """
    address = server or os.environ.get(SERVER) or "smtp://localhost:25"
    parts = urlsplit(address)
    shown = f"{parts.scheme}://{parts.hostname}"
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(
            f"{SERVER}: not the address of a mail server",
            "write smtp://host:25 or smtps://user:password@host",
        )
    port = parts.port or _PORTS[parts.scheme]
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
    except (OSError, smtplib.SMTPException) as error:
        hint = f"is {SERVER} right, and does that server take mail from here?"
        raise OutputError(f"{shown}:{port}: the mail was not taken: {error}", hint) from error
    if refused:
        raise OutputError(
            f"{shown}:{port}: not taken for {', '.join(refused)}", "correct the addresses of --email"
        )
