"""The archive with its own interpreter does what this environment does, in a root of its own and without a network."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from support.authorities import authority
from support.command import ROOT, SAMPLES, cold

HERE = ROOT / "packaging" / "bundle"
ARCHIVE = os.environ.get("LOGSCAN_BUNDLE", "")
HOW = "packaging/bundle/build.sh; LOGSCAN_BUNDLE=dist/logscan-VERSION-linux-x86_64.tar.xz pytest --thorough tests/packaging"
OTHER_ROOT = os.environ.get("LOGSCAN_BUNDLE_ROOT", "")
"""A root with an older glibc: debootstrap --variant=minbase bullseye DIR."""
COMMANDS = [
    "report logs",
    "report logs --alert all --format json",
    "report logs --format html --details 0",
    "report logs/no-keystore --format csv",
    "report logs --since 2026-11-23 --until 2026-11-24 --format markdown --history {out}",
    "search router01.example.com-4321-1001-1 logs",
    "search absent-1 logs",
    "diagnose logs/ca-mismatch logs/no-keystore --tz UTC",
    "diagnose evidence/jsse17/ca_mismatch_v1.2.client.log evidence/jsse17/ca_mismatch_v1.2.pcap"
    " --keystore evidence/pki/good.p12 --tz UTC --format json",
    "alerts",
    "tail --help",
]


def symbols() -> ModuleType:
    """packaging/bundle/symbols.py."""
    pytest.importorskip("elftools", reason="pip install pyelftools")
    spec = importlib.util.spec_from_file_location("symbols", HERE / "symbols.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["symbols"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the archive, unpacked as its checksum file and its page say."""
    if not ARCHIVE:
        pytest.skip(f"no archive: {HOW}")
    archive = Path(ARCHIVE).resolve()
    written = Path(f"{archive}.sha256").read_text().split()
    assert written == [hashlib.sha256(archive.read_bytes()).hexdigest(), archive.name]
    folder = tmp_path_factory.mktemp("host")
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    (top,) = folder.iterdir()
    assert top.name == archive.name.removesuffix(".tar.xz")
    return top


class Place:
    """Where the archive runs: a root, without a network.

    Args:
        command: what comes before the command.
        root: the folder that is its root.
        top: the archive's folder there, as seen in it.
    """

    def __init__(self, command: list[str], root: Path, top: Path) -> None:
        self.command, self.root, self.top = command, root, top

    def words(self, *arguments: str) -> list[str]:
        return [*self.command, str(self.top / "bin/logscan"), *arguments]


@pytest.fixture(scope="module", params=["this root", "another root"])
def place(
    request: pytest.FixtureRequest, unpacked: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """This machine without its network; a root of its own with an older glibc."""
    alone = ["unshare", "--net", "--"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("unshare --net is not permitted here")
    inputs = {"logs": SAMPLES, "evidence": ROOT / "tests/data/tls"}
    if request.param == "this root":
        folder = tmp_path_factory.mktemp("work")
        for name, source in inputs.items():
            (folder / name).symlink_to(source)
        yield Place(
            [*alone, "env", "-C", str(folder), "-i", "TZ=UTC", "PATH=/usr/bin:/bin"], folder, unpacked
        )
        return
    if not OTHER_ROOT:
        pytest.skip("no other root: debootstrap --variant=minbase bullseye DIR; LOGSCAN_BUNDLE_ROOT=DIR")
    folder = Path(OTHER_ROOT, "srv/logscan-test")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(unpacked, folder / "bundle", symlinks=True)
    for name, source in inputs.items():
        shutil.copytree(source, folder / name)
    inside = ["chroot", OTHER_ROOT, "env", "-C", "/srv/logscan-test", "-i", "TZ=UTC", "PATH=/usr/bin:/bin"]
    yield Place([*alone, *inside], folder, Path("/srv/logscan-test/bundle"))
    shutil.rmtree(folder)


@pytest.mark.thorough
@pytest.mark.parametrize("line", COMMANDS)
def test_same_output(place: Place, line: str, tmp_path: Path) -> None:
    """Each command prints the same bytes and ends with the same code as in this environment."""
    for name, source in {"logs": SAMPLES, "evidence": ROOT / "tests/data/tls"}.items():
        (tmp_path / name).symlink_to(source)
    shutil.rmtree(place.root / "out", ignore_errors=True)
    words = line.format(out="out").split()
    done = subprocess.run(place.words(*words), capture_output=True, timeout=120)
    expected = cold(*words, cwd=tmp_path)
    shown = expected.stdout.replace(b"python -m logscan", b"logscan")
    assert (done.returncode, done.stdout.decode()) == (expected.returncode, shown.decode()), (
        done.stderr.decode()
    )
    assert done.stderr.decode() == expected.stderr.decode()
    assert done.stdout or done.returncode == 1


@pytest.mark.thorough
def test_index(place: Place) -> None:
    """An index is written and used: SQLite is there."""
    shutil.rmtree(place.root / "kept", ignore_errors=True)
    shutil.copytree(SAMPLES / "no-keystore", place.root / "kept")
    done = subprocess.run(place.words("index", "kept"), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    found = subprocess.run(
        place.words("search", "router01.example.com-4321-1001-1", "kept"), capture_output=True, timeout=60
    )
    assert (found.returncode, b"1001-1" in found.stdout) == (0, True), found.stderr.decode()


@pytest.mark.thorough
def test_tail(place: Place) -> None:
    """A followed log grows by one failure: it is printed, and SIGTERM ends the run well."""
    text = (SAMPLES / "no-keystore/system.log").read_bytes()
    (place.root / "followed.log").write_bytes(text)
    words = ["tail", "--each", "--from-start", "--checkpoint", "state", "followed.log"]
    (place.root / "state").unlink(missing_ok=True)
    with subprocess.Popen(place.words(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        assert process.stdout
        first = [process.stdout.readline(), process.stdout.readline()]
        assert [b"bad_certificate" in line for line in first] == [True, True]
        with (place.root / "followed.log").open("ab") as log:
            log.write(text.replace(b"4321-1001-1", b"4321-9001-1").replace(b"2026-11-23", b"2026-11-24"))
        assert b"4321-9001-1" in process.stdout.readline()
        process.terminate()
        rest, errors = process.communicate()
        guard.cancel()
    assert (process.returncode, b"Traceback" in rest + errors) == (0, False), errors.decode()
    assert (place.root / "state").stat().st_size > 0


@pytest.mark.thorough
def test_what_is_missing_is_said_in_a_line(place: Place) -> None:
    """Frames are not in the archive."""
    words = place.words("report", "logs", "--format", "parquet", "-o", "x.parquet")
    done = subprocess.run(words, capture_output=True, timeout=60)
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
    assert b"pandas" in done.stderr or b"pyarrow" in done.stderr


@pytest.mark.thorough
def test_modules_of_the_interpreter(unpacked: Path) -> None:
    """What other interpreters built from source often lack is there, and the folder of the extras too."""
    wanted = "_ctypes _hashlib _sqlite3 _ssl bz2 lzma zlib zoneinfo textual apprise prometheus_client cryptography httpx"
    (python,) = (unpacked / "bin").glob("python3*")
    code = f"import {wanted.replace(' ', ', ')}, hashlib; hashlib.scrypt(b'', salt=b'', n=2, r=1, p=1)"
    done = subprocess.run([python, "-I", "-W", "error", "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr.decode()) == (0, "")


@pytest.mark.thorough
def test_any_place_and_no_other_python(unpacked: Path, tmp_path: Path) -> None:
    """Through links, from any folder, read-only, and whatever the environment says to a Python."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/logscan").symlink_to(unpacked / "bin/logscan")
    (tmp_path / "link").symlink_to(tmp_path / "bin/logscan")
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich/__init__.py").write_text("raise SystemExit(7)")
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    before = sorted(path for path in unpacked.rglob("*") if path.is_file())
    env = {
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nonexistent",
        "PYTHONSTARTUP": str(tmp_path / "json.py"), "HOME": str(tmp_path), "TZ": "UTC", "LC_ALL": "C",
    }  # fmt: skip
    for command in ("logscan", tmp_path / "link", unpacked / "bin/logscan"):
        done = subprocess.run(
            [command, "report", SAMPLES, "--format", "json"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr.decode()) == (0, "")
        assert done.stdout.startswith(b"{")
    assert sorted(path for path in unpacked.rglob("*") if path.is_file()) == before


@pytest.mark.thorough
def test_workers_of_their_own(unpacked: Path, tmp_path: Path) -> None:
    """Processes that are started anew for large inputs are of the same interpreter."""
    text = (SAMPLES / "no-keystore/system.log").read_bytes()
    for number in range(4):
        (tmp_path / f"mp{number}.log").write_bytes(f"host {number}\n".encode() + text * 2000)
    words = ["report", str(tmp_path), "--workers", "2", "--format", "json"]
    done = subprocess.run(
        [unpacked / "bin/logscan", *words],
        env={"PYTHONHOME": "/nonexistent", "TZ": "UTC"},
        capture_output=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert done.stdout == cold(*words).stdout


@pytest.mark.thorough
def test_bytecode_is_used_as_it_is(unpacked: Path) -> None:
    """Not one file is compared with its source, whose time is another after it was unpacked: Python would compile it at each
    start, and could not write the result."""
    compiled = [path.read_bytes()[4:8] for path in unpacked.rglob("*.pyc")]
    assert len(compiled) > 1000
    assert set(compiled) == {b"\1\0\0\0"}  # known by a hash that is not checked (PEP 552)


def test_symbols(unpacked: Path) -> None:
    """All that is compiled in it runs with glibc 2.17."""
    module = symbols()
    found = [module.needs(path) for path in module.files(unpacked)]
    assert len(found) > 10
    assert [line for one in found for line in module.problems(one, unpacked)] == []
    assert {one.path.name for one in found} >= {
        next((unpacked / "bin").glob("python3*")).name,
        "_rust.abi3.so",
    }


def test_symbols_of_a_younger_library(tmp_path: Path) -> None:
    """A newer glibc, and a library that is not there, are problems; one that is beside the file is none."""
    module = symbols()
    needs = module.Needs(
        tmp_path / "a.so", (2, 34), {"GLIBC_PRIVATE"}, {"libc.so.6", "libz.so.1"}, ["$ORIGIN/libs"]
    )
    assert module.problems(needs, tmp_path) == [
        "a.so: needs glibc 2.34",
        "a.so: needs libz.so.1, which is not in the folder",
        "a.so: needs what is private to one glibc",
    ]
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs/libz.so.1").touch()
    assert (
        module.problems(
            module.Needs(tmp_path / "a.so", (2, 17), set(), {"libz.so.1"}, ["$ORIGIN/libs"]), tmp_path
        )
        == []
    )
    assert module.main(tmp_path) == 1  # nothing to check is no success
    read = module.needs(Path(os.path.realpath(sys.executable)))
    assert (read.glibc >= (2, 2), "libc.so.6" in read.libraries) == (True, True)


def test_launcher_takes_the_authorities_of_the_host(tmp_path: Path) -> None:
    """SSL_CERT_FILE as it is set, or the first file that a host has, or certifi's."""
    (tmp_path / "bin").mkdir()
    shutil.copy(HERE / "logscan", tmp_path / "bin/logscan")
    python = tmp_path / "bin/python3.13"
    python.write_text('#!/bin/sh\necho "$SSL_CERT_FILE|$SSL_CERT_DIR|$*"\n')
    python.chmod(0o755)

    def printed(**env: str) -> list[str]:
        done = subprocess.run(
            [tmp_path / "bin/logscan", "a b", "c"], env=env, capture_output=True, check=True
        )
        return done.stdout.decode().rstrip("\n").split("|")

    assert printed(SSL_CERT_FILE="/x.pem")[:2] == ["/x.pem", ""]
    assert printed(SSL_CERT_DIR="/certs")[:2] == ["", "/certs"]
    file, _, arguments = printed()
    assert arguments == f"-IB {tmp_path}/lib/start/logscan a b c"
    hosts = [
        Path("/etc/pki/tls/certs/ca-bundle.crt"),
        Path("/etc/ssl/certs/ca-certificates.crt"),
        Path("/etc/ssl/ca-bundle.pem"),
    ]
    own = tmp_path / "lib/python3.13/site-packages/certifi/cacert.pem"
    assert Path(file) == next((path for path in hosts if path.exists()), own)


@pytest.mark.thorough
def test_tls(unpacked: Path, tmp_path: Path) -> None:
    """Requests are verified: an authority that the host does not trust is refused, and taken if SSL_CERT_FILE names it."""
    authority(tmp_path)
    seen: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        words = [
            "diagnose",
            str(SAMPLES / "no-keystore"),
            "--mgmt",
            f"https://127.0.0.1:{server.server_port}",
            "--tz",
            "UTC",
        ]
        env = {"LOGSCAN_MGMT_TOKEN": "x", "PATH": "/usr/bin:/bin"}
        refused = subprocess.run([unpacked / "bin/logscan", *words], env=env, capture_output=True, timeout=60)
        assert (refused.returncode, seen, b"--mgmt-ca" in refused.stderr) == (2, [], True), (
            refused.stderr.decode()
        )
        env["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
        subprocess.run([unpacked / "bin/logscan", *words], env=env, capture_output=True, timeout=60)
        server.shutdown()
    assert seen
