"""Logs beyond the disk: a server that speaks S3, and one of plain files that breaks off."""

from __future__ import annotations

import gzip
import http.server
import random
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from logscan._jobs.ingest import ingest
from logscan._reading import remote
from support.command import ROOT, environment, logscan
from support.object_store import ObjectStore
from support.profiles import sampled
from support.servers import silent_server

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("s3fs", "fsspec", "moto"))), reason="s3fs, fsspec or moto is not installed"
)
NO_KEYSTORE = ROOT / "sample_logs/no-keystore/system.log"


@pytest.fixture(scope="module")
def bucket(object_store: ObjectStore) -> dict[str, Any]:
    """A bucket with a rotated, packed family and another log; what the environment must say."""
    client = object_store.client
    client.create_bucket(Bucket="logs")
    for path in sorted((ROOT / "sample_logs/rotation").glob("*.log*")):
        client.put_object(Bucket="logs", Key=f"mp01/{path.name}", Body=path.read_bytes())
    client.put_object(Bucket="logs", Key="mp02/system.log", Body=NO_KEYSTORE.read_bytes())
    client.put_object(Bucket="logs", Key="mp02/readme.txt", Body=b"no log")
    return object_store.env


def test_s3(bucket: dict[str, Any], tmp_path: Path) -> None:
    """A folder, a pattern, one file; a rotated family is one; ingest knows what it has."""
    done = logscan("report", "s3://logs/mp01/", "--format", "csv", cwd=tmp_path, **bucket)
    files = logscan("report", ROOT / "sample_logs/rotation", "--format", "csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert [row.split(b",")[:8] for row in done.stdout.splitlines()] == [
        row.split(b",")[:8] for row in files.stdout.splitlines()
    ]
    found = logscan(
        "search", "-h", "router01.example.com-4321-5562-1", "s3://logs/*/*.log*", cwd=tmp_path, **bucket
    )
    plain = logscan(
        "search", "-h", "router01.example.com-4321-5562-1", ROOT / "sample_logs/rotation", cwd=tmp_path
    )
    assert (found.returncode, found.stdout) == (0, plain.stdout), found.stderr.decode()
    for message in (b"4 new files, 0 grown, 0 known", b"0 new files, 0 grown, 4 known"):
        done = logscan("ingest", "s3://logs/", "--store", "store", cwd=tmp_path, **bucket)
        assert (done.returncode, message in done.stderr) == (0, True), done.stderr.decode()
    text = logscan("cat", "--store", "store", "s3://logs/mp02/system.log", cwd=tmp_path)
    assert text.stdout == NO_KEYSTORE.read_bytes()


def test_what_has_not_changed_is_not_read(
    s3: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packed file is known by its tag; written again with other text it is read."""
    import fsspec

    client = s3.client
    client.create_bucket(Bucket="months")
    rnd = random.Random(5)

    def put(lines: int) -> int:
        text = "".join(
            f"2026-11-23 00:00:{n % 60:02},000 main INFO X - {rnd.random()}\n" for n in range(lines)
        )
        packed = gzip.compress(text.encode())
        client.put_object(Bucket="months", Key="system-2026-11-23.log.gz", Body=packed)
        fsspec.filesystem("s3").invalidate_cache()
        return len(packed)

    size = put(60_000)  # many times what a probe reads
    read = 0
    usual = remote.RemoteFile.readinto

    def counting(self: remote.RemoteFile, view: Any) -> int:
        nonlocal read
        count = usual(self, view)
        read += count
        return count

    monkeypatch.setattr(remote.RemoteFile, "readinto", counting)
    for new, least, most in ((1, size, 4 * size), (0, 0, size // 2)):
        read = 0
        done = ingest("s3://months/*.gz", store=tmp_path / "store", workers=1)
        assert (done.new, done.counters.problems) == (new, [])
        assert least <= read <= most
    put(15_000)
    assert ingest("s3://months/*.gz", store=tmp_path / "store", workers=1).new == 1


@pytest.mark.parametrize(
    ("address", "message"),
    sampled(
        [
            ("s3://logs/mp03/system.log", b"not found"),
            ("s3://nowhere/system.log", b"s3://nowhere/system.log: "),
            ("s3://logs/mp02/*.txt", b"no logs there"),
            ("nothing://x/y.log", b"is not known"),
        ],
        2,
    ),
)
def test_what_is_not_there(address: str, message: bytes, bucket: dict[str, Any], tmp_path: Path) -> None:
    """Said, with its address; the rest goes on."""
    done = logscan("report", address, NO_KEYSTORE, "--format", "csv", cwd=tmp_path, **bucket)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr.decode()
    assert b"payments-v1" in done.stdout


class Breaking(http.server.SimpleHTTPRequestHandler):
    """Serves one log in ranges; each third answer of some length breaks off in the middle."""

    text = b""
    answers = 0

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        if "system.log" not in self.path:
            self.send_error(403)
            return
        asked = self.headers.get("Range")
        start, end = 0, len(self.text)
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(end, int(last) + 1 if last else end)
        data = self.text[start:end]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data)))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(self.text)}")
        self.end_headers()
        if body:
            Breaking.answers += 1
            broken = len(data) > 10_000 and Breaking.answers % 3 == 0
            self.wfile.write(data[: len(data) // 2] if broken else data)
            if broken:
                self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


def test_a_connection_that_breaks(tmp_path: Path) -> None:
    """It is taken up again; nothing is lost or doubled. What is forbidden is said to be."""
    line = (
        "2026-11-25 10:00:{:02},{:03} org:o env:e api:p rev:1 messageid:m-{} main INFO A - B.c() : text {}\n"
    )
    text = "".join(line.format(n % 60, n % 1000, n, n) for n in range(60_000)).encode()
    Breaking.text = gzip.compress(text, 1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Breaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    env: dict[str, Any] = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    try:
        done = logscan(
            "search", "-c", "-h", "--prefix", "m-", f"{address}/system.log.gz", cwd=tmp_path, **env
        )
        assert (done.returncode, done.stdout) == (0, b"60000\n"), done.stderr.decode()
        done = logscan("report", f"{address}/other.log", cwd=tmp_path, **env)
        assert (done.returncode, b"forbidden without" in done.stderr) == (2, True), done.stderr.decode()
    finally:
        server.shutdown()
        server.server_close()


SILENT = """
import sys, logscan
from logscan._reading import patience, remote
remote.ANSWER_SECONDS = 0.5
waits = []
def within(seconds, action):
    try:
        return patience.within(seconds, action)
    except patience.SilentError:
        waits.append(seconds)
        raise
remote.within = within
done = logscan.report(sys.argv[1:])
print(len(waits), done.counters.files)
for problem in done.counters.problems:
    print(problem.path, problem.reason, problem.hint)
"""


@pytest.mark.parametrize("address", ["http://{server}/a.log", "s3://silent/a.log"])
def test_a_server_that_is_silent(address: str) -> None:
    """Row N2: it accepts and says nothing. It is waited for once, then its address is a problem; the rest is
    read."""
    with silent_server() as port:
        server = f"127.0.0.1:{port}"
        path = address.format(server=server)
        done = subprocess.run(
            [sys.executable, "-c", SILENT, path, path + "b", NO_KEYSTORE], capture_output=True, timeout=60,
            env=environment(
                AWS_ENDPOINT_URL=f"http://{server}", AWS_ACCESS_KEY_ID="t", AWS_SECRET_ACCESS_KEY="t",
                AWS_DEFAULT_REGION="a", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1",
            ),
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    waits, *problems = done.stdout.decode().splitlines()
    assert waits == "1 1"
    for each, name in zip(problems, (path, path + "b"), strict=True):
        assert each.startswith(f"{name} the server does not answer (waited 0.5 s) is the address right?")
