"""The night: what is mailed to whom by a real server, and what is printed beside it."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from support.command import SAMPLES, logscan
from support.mails import Inbox, body, faults_of_html, faults_of_text

ROUTES = """
[[route]]
name = "payments"
env = "PROD"
proxy = ["pay*", "kyc*"]
email = ["payments@example.com"]
subject = "{route}: {subject}"

[[route]]
name = "test"
env = ["test"]
email = "test@example.com"
"""


class Post:
    """A real mail server, and a command that mails to it."""

    def __init__(self, box: Inbox, port: int, folder: Path) -> None:
        self.box, self.server, self.folder = box, f"smtp://127.0.0.1:{port}", folder

    def report(self, *more: str | Path, **env: str) -> CompletedProcess[bytes]:
        env = {"LOGSCAN_SMTP_URL": self.server, "LOGSCAN_MAIL_FROM": "logscan@example.com"} | env
        return logscan("report", *more, stdin=b"", cwd=self.folder, **env)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    from aiosmtpd.controller import Controller

    box = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield Post(box, port, tmp_path)
    controller.stop()


def test_mail(post: Post) -> None:
    """A short text and HTML that mail programs show, the page as a file, nothing on the screen; no mail if no failure is
    selected."""
    args = (SAMPLES, "--email", "ann@example.com", "--email", "joe@example.com", "--quiet", "--alert")
    done = post.report(*args, "bad_certificate", "--subject", "[site A] {subject}")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (mail,) = post.box.mails
    assert post.box.receivers == ["ann@example.com", "joe@example.com"]
    assert mail["Subject"].startswith("[site A] [prod, env-name, test] 11 failed handshakes, bad_certificate")
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = body(mail, "plain"), body(mail, "html")
    assert "payments-v1" in text
    assert faults_of_text(text) == faults_of_html(html) == []
    (page,) = mail.iter_attachments()
    assert page.get_filename() == "report.html"
    assert b"<!doctype html>" in page.get_payload(decode=True)
    done = post.report(*args, "unknown_psk_identity")
    assert (done.returncode, done.stdout, done.stderr, len(post.box.mails)) == (0, b"", b"", 1)


def test_mail_and_a_file(post: Post) -> None:
    """A format or a file that is asked for is written beside the mail."""
    args = (SAMPLES / "no-keystore", "--email", "ann@example.com")
    assert post.report(*args, "--format", "csv").stdout.startswith(b"org,env")
    assert post.report(*args, "-o", "report.txt").stdout == b""
    assert "payments-v1" in (post.folder / "report.txt").read_text()
    assert len(post.box.mails) == 2


def test_mail_that_is_not_taken(post: Post) -> None:
    """Its text is printed in its place, and the message has no password."""
    args = (SAMPLES, "--email", "ann@example.com", "--alert", "bad_certificate")
    done = post.report(*args, LOGSCAN_SMTP_URL="smtp://joe:geheim@127.0.0.1:1")
    assert (done.returncode, b"was not sent" in done.stderr, b"geheim" in done.stderr) == (2, True, False)
    assert b"11 failed handshakes" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--email", "nobody"), b"not a mail address"), (("--email", "a@b", "--subject", "{neu}"), b"{neu}: no such field"),
        (("--routes",), b"no [[route]]"), (("--routes", "--group", "target"), b"exclude each other"),
    ],
)  # fmt: skip
def test_wrong_use_is_noticed_before_reading(args: tuple[str, ...], words: bytes, tmp_path: Path) -> None:
    """The file that does not exist is not looked for."""
    done = logscan("report", "missing.log", *args, cwd=tmp_path)
    assert (done.returncode, words in done.stderr, b"missing.log" in done.stderr) == (2, True, False), (
        done.stderr
    )
    done = logscan("report", "missing.log", "--email", "a@b", cwd=tmp_path, LOGSCAN_SMTP_URL="http://x")
    assert (done.returncode, b"LOGSCAN_SMTP_URL" in done.stderr, b"missing.log" in done.stderr) == (
        2,
        True,
        False,
    )


def test_routes(post: Post) -> None:
    """One pass over the logs; each team gets its own incidents and counts, --email the rest; no mail for nothing."""
    (post.folder / "routes.toml").write_text(
        ROUTES + '[[route]]\nname = "idle"\norg = "none"\nemail = "idle@example.com"\n'
    )
    args = (
        SAMPLES,
        "--alert",
        "bad_certificate",
        "--quiet",
        "--routes",
        "--history",
        "kept",
        "--compare",
        "previous",
    )
    done = post.report(*args, "--email", "rest@example.com", LOGSCAN_CONFIG="routes.toml")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    mails = {mail["To"]: mail for mail in post.box.mails}
    assert {to: mail["Subject"] for to, mail in mails.items()} == {
        "payments@example.com": "payments: [prod] 2 failed handshakes, bad_certificate (payments-v1)",
        "test@example.com": "[test] 1 failed handshake, bad_certificate (test-client)",
        "rest@example.com": "[env-name, prod] 8 failed handshakes, bad_certificate",
    }
    text = body(mails["payments@example.com"], "plain")
    assert "payments-v1" in text
    assert "orders" not in text
    assert "Outside" not in text
    assert "First run: nothing to compare with." in text
    (page,) = mails["payments@example.com"].iter_attachments()
    assert b"orders-client" not in page.get_payload(decode=True)
    # The next run: each part is compared with its own.
    post.box.mails.clear()
    done = post.report(*args, "--proxy", "pay*", "--proxy", "orders", LOGSCAN_CONFIG="routes.toml")
    assert b"2 failed handshakes in 1 incident that no route takes" in done.stderr
    assert [mail["To"] for mail in post.box.mails] == ["payments@example.com", "test@example.com"]


def test_one_route_that_fails_does_not_stop_the_others(post: Post) -> None:
    """Its mail is printed, and the exit code says that one was not sent."""
    post.box.refused = "payments@example.com"
    (post.folder / "routes.toml").write_text(ROUTES)
    done = post.report(
        SAMPLES, "--alert", "bad_certificate", "--quiet", "--routes", LOGSCAN_CONFIG="routes.toml"
    )
    assert (done.returncode, b"no such user" in done.stderr, b"payments-v1" in done.stdout) == (2, True, True)
    assert [mail["To"] for mail in post.box.mails] == ["test@example.com"]


def test_a_notice_of_a_route(tmp_path: Path) -> None:
    """To a chat: the subject and the letter's text, in which links and mentions mean nothing."""
    pytest.importorskip("apprise")
    notices: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            notices.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"json://127.0.0.1:{server.server_port}/"
    (tmp_path / "c.toml").write_text(f'[[route]]\nname = "chat"\nnotify = "{url}"\n')
    try:
        done = logscan("report", SAMPLES / "no-keystore", "--routes", cwd=tmp_path, LOGSCAN_CONFIG="c.toml")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    finally:
        server.shutdown()
        server.server_close()
    (notice,) = notices
    assert notice["title"] == "［prod］ 2 failed handshakes, bad_certificate （payments-v1）"
    assert "prod / payments-v1" in notice["message"]
    assert not set("<>[]()@`*~|") & set(notice["title"] + notice["message"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[route]]\nemial = "a@b"', "emial: a route has no such key|did you mean email?"),
        ('[[route]]\nenv = "prod"', "it sends nothing"), ('[route]\nemail = "a@b"', "expected [[route]]"),
        ('[[route]]\nemail = 5', "email: expected text, or a list"), ('[[route]]\nemail = "a@b"\nname = ["x"]', "name: expected text"),
        ('[[route]]\nname = "x"\nemail = "a@b"\n[[route]]\nname = "x"\nemail = "a@b"', "two routes have this name"),
        ('[[route]]\nemail = "a@b"\nsubject = "{x}"', "{x}: no such field"),
    ],
)  # fmt: skip
def test_wrong_routes(text: str, words: str, tmp_path: Path) -> None:
    """An error that names the file and the route, with what was meant; also for a run without --routes."""
    (tmp_path / "c.toml").write_text(text)
    done = logscan("report", "missing.log", cwd=tmp_path, LOGSCAN_CONFIG="c.toml")
    assert done.returncode == 2
    for each in (*words.split("|"), "c.toml: "):
        assert each in done.stderr.decode()


def test_routes_of_the_working_directory(post: Post) -> None:
    """They are never used unless the user says so; config show says what is used."""
    (post.folder / "logscan.toml").write_text(
        ROUTES.replace('email = "test', 'notify = "slack://t0ken"\nemail = "test')
    )
    done = post.report(SAMPLES, "--routes")
    assert (done.returncode, b"[[route]] is not used" in done.stderr, post.box.mails) == (2, True, [])
    shown = logscan("config", "show", cwd=post.folder).stdout.decode()
    assert "[[route]]   # not used" in shown
    shown = logscan(
        "config", "show", "report", cwd=post.folder, LOGSCAN_CONFIG="logscan.toml"
    ).stdout.decode()
    assert (
        '[[route]]   # file: logscan.toml\nname    = "payments"\nenv     = "PROD"\nproxy   = ["pay*", "kyc*"]'
        in shown
    )
    assert "t0ken" not in shown
    done = logscan("search", "x", SAMPLES, cwd=post.folder)
    assert b"route" not in done.stderr


def test_copies_are_one_line(tmp_path: Path) -> None:
    """Of many files; --stats names them, --quiet says nothing of them where nothing failed."""
    for name in ("a", "b", "c"):
        shutil.copytree(SAMPLES / "no-keystore", tmp_path / "case" / name)
    done = logscan("report", "case", cwd=tmp_path)
    assert (
        done.stderr.decode() == "logscan: 2 files are copies of others: counted once\n  --stats names them\n"
    )
    done = logscan("report", "case", "--stats", cwd=tmp_path)
    assert done.stderr.count(b"holds the same text as") == 2
    done = logscan("report", "case", "--quiet", "--alert", "unknown_ca", cwd=tmp_path)
    assert (done.stdout, done.stderr) == (b"", b"")
    rows = json.loads(logscan("report", "case", "--format", "json", cwd=tmp_path).stdout)
    assert len(rows["problems"]) == 2
