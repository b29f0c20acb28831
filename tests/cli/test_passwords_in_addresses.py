"""M11: a password that a user wrote into an address or a command is not repeated."""

from __future__ import annotations

import base64
import http.server
import pickle
import threading
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from logscan._failures.selection import HostNames
from logscan._reading import remote
from logscan._reading.paths import list_streams
from logscan.errors import InputError, problem_of
from logscan.shown import without_password
from support.command import SAMPLES, logscan

SECRET = "SECRETPW"
CLOSED = f"://u:{SECRET}@127.0.0.1:1/x.log"


def test_config_show(tmp_path: Path) -> None:
    """M11: passwords in addresses, commands and notes are masked, from the file and from the environment."""
    (tmp_path / "mine.toml").write_text(
        f'[gather]\nmgmt = "https://u:{SECRET}@host"\ncurl = "curl -u u:{SECRET} https://x"\n'
        f'note = ["password={SECRET}"]\n[report]\npaths = ["sftp://u:{SECRET}@h/x", "plain.log"]\n'
    )
    done = logscan(
        "config", "show", "--all", cwd=tmp_path, LOGSCAN_DIAGNOSE_MGMT=f"https://u:{SECRET}@host",
        LOGSCAN_CONFIG="mine.toml",
    )  # fmt: skip
    text = done.stdout.decode() + done.stderr.decode()
    assert SECRET not in text
    assert 'curl         = "curl -u *** https://x"' in text
    assert '["sftp://***@h/x", "plain.log"]' in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "https" + CLOSED), ("search", "x", "https" + CLOSED), ("diagnose", "https" + CLOSED),
        ("diagnose", "--keystore", "https" + CLOSED), ("index", "https" + CLOSED), ("tail", "--from-start", "nosuch" + CLOSED),
        ("report", "nosuch" + CLOSED), ("ingest", "https" + CLOSED, "--store", "st"),
        ("report", "x.log", "-o", "https" + CLOSED),
        ("diagnose", "--mgmt", "https" + CLOSED, "--org", "a", "--env", "b"),
    ],
)  # fmt: skip
def test_errors(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """M11: no command's message repeats it."""
    if arguments[0] == "tail":
        arguments = (*arguments, "--format", "nonsense")  # ends before it waits for the file
    done = logscan(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr
    assert SECRET.encode() not in done.stderr + done.stdout
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sftp://u:PW@h/x", "sftp://***@h/x"), ("https://TOKEN@h/x", "https://***@h/x"), ("sftp://u@h/x", "sftp://u@h/x"),
        ("s3://KEY:SECRET@bucket/x", "s3://***@bucket/x"), ("https://u:p@w@h/x", "https://***@h/x"),
        ("https://h/x?a=1&X-Amz-Signature=abc&b=2", "https://h/x?a=1&X-Amz-Signature=***&b=2"),
        ("https://h/x?sig=abc", "https://h/x?sig=***"), ("https://h/a@b", "https://h/a@b"), ("/a/b@c", "/a/b@c"),
    ],
)  # fmt: skip
def test_what_is_shown(address: str, shown: str) -> None:
    """M11: the user's part goes, host and path stay; a second time changes nothing."""
    assert without_password(address) == shown
    assert without_password(shown) == shown
    assert str(InputError(f"{address}: x")) == f"{shown}: x"


def test_the_address_opens_by_what_it_holds(tmp_path: Path) -> None:
    """M11: as text an address shows no password; it opens by the real one, also in another process."""
    fsspec = pytest.importorskip("fsspec")
    path = f"memory://u:{SECRET}@h/m11.log"
    fs, name = fsspec.core.url_to_fs(path)
    fs.pipe(name, b"text")
    try:
        problems: list[object] = []
        ((file,),) = list_streams([path], problems)  # type: ignore[arg-type]
        assert SECRET not in repr(file)
        assert SECRET not in f"{file.path} {file.stem} {HostNames()(file.path)}"
        for each in (file, pickle.loads(pickle.dumps(file))):
            assert remote.read_at(each.path, 0, 9) == b"text"
        assert problem_of(path, InputError(f"{path}: gone")).path == "memory://***@h/m11.log"
    finally:
        fs.rm(name)


class _Behind(http.server.SimpleHTTPRequestHandler):
    """Files for those who give the password."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """A file, or 401."""
        given = self.headers.get("Authorization", "")
        self.asked.append(given)
        if given != "Basic " + base64.b64encode(f"u:{SECRET}".encode()).decode():
            self.send_error(401)
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def test_store_history_and_reports_hold_none(tmp_path: Path) -> None:
    """M11: a store, a history, a search and reports carry the masked address, and the file opens by the real one."""
    pytest.importorskip("aiohttp")
    handler = partial(_Behind, directory=str(SAMPLES / "no-keystore"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shown = f"http://***@127.0.0.1:{server.server_address[1]}/system.log"
    path = shown.replace("***", f"u:{SECRET}")
    try:
        for number, arguments in enumerate(
            [
                ("report", path, "--history", "kept", "--each", "--format", "json"),
                ("ingest", path, "--store", "st"),
                ("ingest", path, "--store", "st"),
                ("search", "-H", "--prefix", "router01", path),
            ]
        ):
            done = logscan(*arguments, cwd=tmp_path, no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")
            assert done.returncode == 0, done.stderr.decode()
            (tmp_path / f"out{number}").write_bytes(done.stdout + done.stderr)
    finally:
        server.shutdown()
        server.server_close()
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    for number in (0, 3):
        assert shown in (tmp_path / f"out{number}").read_text()
    assert b" 1 known" in (tmp_path / "out2").read_bytes()
