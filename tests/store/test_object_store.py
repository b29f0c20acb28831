"""A store on a server that speaks S3: all that can be done with one, and what can fail."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from logscan._jobs.ingest import ingest
from logscan._jobs.store import history_of_store, restore_store, vacuum_store
from logscan._store import upkeep
from logscan._store.contents import Contents
from logscan._store.open_store import Store
from logscan._store.storage import is_store
from support.command import logscan
from support.object_store import ObjectStore

LINE = "2026-11-{:02} 00:00:00,000 org:o env:e api:p rev:1 messageid:m-{} main ERROR A - handshakeFailed() : bad_certificate\n"


def logs(folder: Path, *numbers: int) -> Path:
    """Logs of some days, each of two entries."""
    (folder / "logs").mkdir(exist_ok=True)
    for number in numbers:
        (folder / "logs" / f"system-2026-11-{number:02}.log").write_text(2 * LINE.format(number, number))
    return folder / "logs"


def text_of(store: str) -> bytes:
    """The text of all sources."""
    held = Store(store)
    return b"".join(b"".join(held.text(source.id)) for source in held.ordered)


@contextmanager
def losing_answers(address: str, to: str, count: int) -> Iterator[str]:
    """A server in between, which passes requests on, and breaks off instead of the answers to the first writes
    of some path."""
    left = [count]
    target = urlsplit(address)

    class Between(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            if self.command == "PUT" and to in self.path and left[0]:
                left[0] -= 1
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in (
                    "transfer-encoding",
                    "connection",
                    "content-length",
                    "server",
                    "date",
                ):
                    self.send_header(name, value)
            self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    between = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
    threading.Thread(target=between.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{between.server_port}"
    between.shutdown()
    between.server_close()


@pytest.mark.thorough
def test_a_store_in_an_object_store(tmp_path: Path, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ingest, read, merge, drop, vacuum, go back."""
    s3.client.create_bucket(Bucket="all")
    store = "s3://all/store"
    assert not is_store(store)
    folder = logs(tmp_path, 1)
    assert ingest(folder, store=store, workers=1).new == 1
    assert is_store(store)
    monkeypatch.setattr(upkeep, "MANY_FILES", 2)
    with (folder / "system-2026-11-01.log").open("a") as file:
        file.write(LINE.format(1, "late"))
    held = Store(store)
    before = (folder / "system-2026-11-01.log").read_bytes()
    logs(tmp_path, 20)
    done = ingest(folder, store=store, workers=1)
    assert (done.new, done.grown, done.merged > 0) == (1, 1, True)
    assert b"".join(held.text(held.ordered[0].id)) == before[: 2 * len(LINE.format(1, 1))]  # a snapshot
    assert text_of(store) == before + (folder / "system-2026-11-20.log").read_bytes()
    for command in (
        ("search", "m-late", "-h", "--store", store), ("report", "--store", store), ("cat", "--store", store),
        ("store", "check", store), ("store", "history", store),
    ):  # fmt: skip
        printed = logscan(*command, cwd=tmp_path, **s3.env)
        assert printed.returncode == 0, (command, printed.stderr)
    version = Contents(store).log.version
    monkeypatch.undo()
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    from datetime import date

    assert ingest((), store=store, keep=5, today=date(2026, 11, 22), workers=1).dropped > 0
    assert text_of(store) == (folder / "system-2026-11-20.log").read_bytes()
    assert restore_store(store, version) > version
    assert text_of(store) == before + (folder / "system-2026-11-20.log").read_bytes()
    gone = vacuum_store(store, days=0).files
    assert gone
    assert text_of(store) == before + (folder / "system-2026-11-20.log").read_bytes()
    assert [one.what for one in history_of_store(store)].count("restore") == 1


@pytest.mark.thorough
@pytest.mark.parametrize("count", [1, 100])
def test_the_answer_to_a_commit_is_lost(
    tmp_path: Path, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """The commit was made: its files stay, and nothing is there twice."""
    s3.client.create_bucket(Bucket=f"lost{count}")
    store = f"s3://lost{count}/store"
    folder = logs(tmp_path, 1)
    ingest(folder, store=store, workers=1)
    logs(tmp_path, 2)
    with losing_answers(s3.env["AWS_ENDPOINT_URL"], "_delta_log/", count) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        logscan("ingest", folder, "--store", store, cwd=tmp_path, **(s3.env | {"AWS_ENDPOINT_URL": address}))
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3.env["AWS_ENDPOINT_URL"])
    done = ingest(folder, store=store, workers=1)
    assert not done.problems
    assert text_of(store) == b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    assert logscan("store", "check", store, cwd=tmp_path, **s3.env).returncode == 0


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", ["no bucket", "no credentials", "no server"])
def test_faults(tmp_path: Path, s3: ObjectStore, fault: str) -> None:
    """One line with the address, and exit code 2."""
    store = f"s3://{fault.replace(' ', '-')}/store"
    if fault != "no bucket":
        s3.client.create_bucket(Bucket=fault.replace(" ", "-"))
    env = dict(s3.env)
    if fault == "no credentials":
        env |= {
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(tmp_path),
        }
    if fault == "no server":
        env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    folder = logs(tmp_path, 1)
    for command in (
        ("ingest", folder, "--store", store), ("cat", "--store", store), ("search", "m-1", "--store", store),
        ("report", "--store", store), ("store", "check", store),
    ):  # fmt: skip
        done = logscan(*command, cwd=tmp_path, **env)
        lines = done.stderr.decode().splitlines()
        assert done.returncode == 2, (command, lines)
        assert len(lines) <= 2, lines
        assert store in lines[0], lines
