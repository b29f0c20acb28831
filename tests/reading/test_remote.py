"""Logs beyond the disk: a server that speaks S3, and one of plain files that breaks off."""

from __future__ import annotations

import contextlib
import getpass
import gzip
import http.server
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from logscan._jobs.ingest import ingest
from logscan._reading import remote
from support.command import ROOT, environment, logscan
from support.oracles import SSHD, require
from support.profiles import sampled
from support.servers import silent_server

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("s3fs", "fsspec", "moto"))), reason="s3fs, fsspec or moto is not installed"
)
NO_KEYSTORE = ROOT / "sample_logs/no-keystore/system.log"


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, Any]]:
    """A bucket with a rotated, packed family and another log; what the environment must say."""
    import boto3
    import moto.server

    server = moto.server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    env = {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }  # fmt: skip
    client = boto3.client(
        "s3", endpoint_url=env["AWS_ENDPOINT_URL"], region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test",
    )  # fmt: skip
    client.create_bucket(Bucket="logs")
    for path in sorted((ROOT / "sample_logs/rotation").glob("*.log*")):
        client.put_object(Bucket="logs", Key=f"mp01/{path.name}", Body=path.read_bytes())
    client.put_object(Bucket="logs", Key="mp02/system.log", Body=NO_KEYSTORE.read_bytes())
    client.put_object(Bucket="logs", Key="mp02/readme.txt", Body=b"no log")
    yield env
    server.stop()


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
    bucket: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packed file is known by its tag; written again with other text it is read."""
    import boto3
    import fsspec

    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=bucket["AWS_ENDPOINT_URL"])
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


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Any], Path]]:
    """An OpenSSH server: its address, what the environment must say, and the folder with logs."""
    require(SSHD)
    folder = tmp_path_factory.mktemp("ssh")
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    for key in (folder / "host", home / ".ssh/id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    keys = folder / "keys"
    keys.write_text((home / ".ssh/id_ed25519.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {keys}\nStrictModes no\n"
        f"PidFile {folder}/pid\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    logs = folder / "logs"
    shutil.copytree(ROOT / "sample_logs/rotation", logs / "mp01")
    shutil.copytree(ROOT / "sample_logs/no-keystore", logs / "mp02")
    server = subprocess.Popen([SSHD.path, "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        user = getpass.getuser()
        yield f"sftp://{user}@127.0.0.1:{port}", {"HOME": str(home), "SSH_AUTH_SOCK": ""}, logs
    finally:
        server.terminate()
        server.wait(timeout=10)


def test_sftp(ssh: tuple[str, dict[str, Any], Path], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A folder, a pattern, one file, over a real sshd."""
    address, env, logs = ssh
    asked = (
        (("report", "--format", "csv", "--host", "mp"), ""),
        (("report", "--format", "csv", "--host", "mp"), "/mp01"),
        (("search", "-c", "-h", "--prefix", "router"), "/mp*/*.log*"),
        (("search", "-h", "router01.example.com-4321-5562-1"), "/mp02/system.log"),
        (("search", "-h", "router01.example.com-4321-5562-1"), "/mp01"),
    )
    for args, where in asked if request.config.getoption("thorough") else asked[::2]:
        there = logscan(*args, f"{address}{logs}{where}", cwd=tmp_path, **env)
        here = logscan(*args, f"{logs}{where}", cwd=tmp_path)
        assert (there.returncode, there.stdout) == (here.returncode, here.stdout), there.stderr.decode()
    done = logscan("ingest", f"{address}{logs}", "--store", "store", cwd=tmp_path, **env)
    assert (done.returncode, b"4 new files" in done.stderr) == (0, True), done.stderr.decode()
    text = logscan("cat", "--store", "store", "*/mp02/system.log", cwd=tmp_path)
    assert text.stdout == NO_KEYSTORE.read_bytes()


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


@pytest.mark.parametrize("address", ["http://{server}/a.log", "s3://silent/a.log", "sftp://u@{server}/a.log"])
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


BOTH = """
import sys
from logscan._reading import remote
from logscan._reading.unpack import open_bytes, read_up_to
packed, plain = sys.argv[1:]
stream = open_bytes(packed, ahead=True)
for _ in range(10):
    assert len(remote.read_at(plain, 0, 10)) == 10
while part := read_up_to(stream, 1 << 20):
    sys.stdout.buffer.write(part)
"""


def test_two_threads_read_by_sftp(ssh: tuple[str, dict[str, Any], Path]) -> None:
    """A file that is unpacked in a thread of its own, while another is read: paramiko alone hangs."""
    address, env, logs = ssh
    text = random.Random(1).randbytes(6 << 20)
    packed = logs.parent / "busy.gz"
    packed.write_bytes(gzip.compress(text, 1))
    done = subprocess.run(
        [sys.executable, "-c", BOTH, f"{address}{packed}", f"{address}{logs}/mp02/system.log"],
        capture_output=True, timeout=60, env=environment(**env),
    )  # fmt: skip
    assert done.stdout == text, done.stderr.decode()


def test_sftp_says_what_is_wrong(ssh: tuple[str, dict[str, Any], Path], tmp_path: Path) -> None:
    """No such file, no key, nobody there."""
    address, env, logs = ssh
    port = address.rpartition(":")[2]
    (tmp_path / "nobody").mkdir()
    for where, more, message in (
        (f"{address}{logs}/mp03/system.log", {}, b"not found"),
        (f"{address}{logs}/mp02/system.log", {"HOME": str(tmp_path / "nobody")}, b"may not be read"),
        (f"{address.removesuffix(port)}1{logs}/mp02/system.log", {}, b"check the network"),
    ):
        done = logscan("report", where, NO_KEYSTORE, "--format", "csv", cwd=tmp_path, **{**env, **more})
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr.decode()
        assert b"Traceback" not in done.stderr
        assert b"payments-v1" in done.stdout
