"""Paths that are no files: written to and never replaced; read by name, or named and skipped."""

from __future__ import annotations

import io
import os
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import logscan
from logscan import atomic
from logscan._outputs.sink import Sink
from logscan._store.contents import Contents
from logscan.errors import InputError, OutputError, UsageError
from logscan.nodes import Kind, descriptor_named, kind_of
from support.command import SAMPLES, Run, environment, named
from support.lines import BAD, JAVA, channel, info, thrown

LOG = SAMPLES / "no-keystore" / "system.log"
ONE = channel(BAD) + info("K@1", "alias") + thrown(JAVA)


class Reader:
    """Reads a FIFO to its end, in a thread."""

    def __init__(self, path: Path) -> None:
        self._data = b""
        self._path = path
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        self._data = self._path.read_bytes()

    def data(self) -> bytes:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self._data


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def null(tmp_path: Path) -> Path:
    """A device of our own: nobody risks the machine's."""
    path = tmp_path / "null"
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        path.write_bytes(b"x")
    except OSError:
        pytest.skip("only root can make a device, and not everywhere")
    return path


WRITING = {
    "report": ("report", LOG),
    "report_xlsx": ("report", "--format", "xlsx", LOG),
    "report_parquet": ("report", "--format", "parquet", LOG),
    "export_parquet": ("export", "-q", "--format", "parquet", LOG),
    "export_arrow": ("export", "-q", "--format", "arrow", LOG),
    "diagnose": ("diagnose", LOG),
    "gather": ("gather", LOG),
}
"""Commands with an output; xlsx, Parquet, Arrow and zip cannot go back in a FIFO."""


@pytest.mark.parametrize("name", named(WRITING, ["gather"]))
def test_an_output_that_is_a_device(run: Run, null: Path, name: str) -> None:
    """C1: ``-o /dev/null`` of root made a file of /dev/null."""
    done = run(*WRITING[name], "-o", null)
    assert (done.returncode, done.stderr) == (0, b"")
    assert kind_of(str(null)) is Kind.DEVICE
    assert [path.name for path in null.parent.iterdir()] == ["null"]


@pytest.mark.parametrize("name", named(WRITING, ["export_parquet", "gather"]))
def test_an_output_that_is_a_fifo(run: Run, fifo: Path, tmp_path: Path, name: str) -> None:
    """C1: the reader gets what a file would hold, and the FIFO stays."""
    reader = Reader(fifo)
    done = run(*WRITING[name], "-o", fifo)
    assert done.returncode == 0, done.stderr.decode()
    assert kind_of(str(fifo)) is Kind.FIFO
    data = reader.data()
    if name in ("gather", "report_xlsx"):
        assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
        return
    run(*WRITING[name], "-o", tmp_path / "file")
    assert data == (tmp_path / "file").read_bytes()
    if name == "export_parquet":
        assert len(pq.read_table(io.BytesIO(data))) > 0


def test_an_output_that_is_a_socket(run: Run, tmp_path: Path) -> None:
    """C1: who listens gets the report; without a listener it is an error."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert run("report", "-o", path, LOG).returncode == 2
        listener.listen(1)
        done = run("report", "-o", path, LOG)
        with listener.accept()[0] as connection, connection.makefile("rb") as received:
            assert b"payments-v1" in received.read()
    assert done.returncode == 0
    assert kind_of(str(path)) is Kind.SOCKET


def test_an_output_that_is_an_open_descriptor(tmp_path: Path) -> None:
    """C1: /dev/stdout is standard output: also a file that was opened to append."""
    out = tmp_path / "out.txt"
    command = [sys.executable, "-m", "logscan", "report", "-o"]
    for name in ("/dev/stdout", tmp_path / "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to("/dev/stdout")
        out.write_bytes(b"before\n")
        with out.open("ab") as file:
            subprocess.run(
                [*command, str(name), str(LOG)], stdout=file, env=environment(), check=True, timeout=60
            )
        assert out.read_bytes().startswith(b"before\n")
        assert b"payments-v1" in out.read_bytes()
    with out.open("wb") as file:
        other = [*command, f"/dev/fd/{file.fileno()}", str(LOG)]
        subprocess.run(other, pass_fds=[file.fileno()], env=environment(), check=True, timeout=60)
    assert b"payments-v1" in out.read_bytes()


def test_names_of_descriptors(tmp_path: Path) -> None:
    """Only those of this process, and nothing that looks alike."""
    assert descriptor_named("/dev/fd/7") == descriptor_named(f"/proc/{os.getpid()}/fd/7") == 7
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for path in ("/proc/1/fd/7", str(tmp_path / "circle"), "/dev/fd/x", "dev/fd/1", "", "\0"):
        assert descriptor_named(path) is None


def test_a_full_device_as_output(run: Run) -> None:
    """M1: its fault is that of any output."""
    for name in ("export_parquet", "gather"):
        done = run(*WRITING[name], "-o", "/dev/full")
        assert done.returncode == 2
        assert done.stderr == b"logscan: /dev/full: cannot be written: no space left on device\n"


def test_a_fifo_without_a_reader_is_named(fifo: Path) -> None:
    """C1: nobody waits without knowing for what."""
    command = [sys.executable, "-m", "logscan", "report", "-o", str(fifo), str(LOG)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"logscan: {fifo}: waits for a reader\n".encode()
        assert b"payments-v1" in Reader(fifo).data()
        assert process.wait(60) == 0


def test_what_logscan_keeps_is_no_fifo(run: Run, fifo: Path, tmp_path: Path) -> None:
    """C1: history, store and index are refused there, in one line and a hint."""
    for name in ("store", "index"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "store" / "logscan-store.json")
    os.mkfifo(tmp_path / "index" / "logscan-index.sqlite")
    for refused in (
        lambda: logscan.ingest(LOG, store=fifo),
        lambda: logscan.ingest(LOG, store=tmp_path / "store"),
        lambda: logscan.index(LOG, directory=fifo),
        lambda: logscan.index(LOG, directory=tmp_path / "index"),
    ):
        with pytest.raises((OutputError, UsageError), match=r"is a FIFO, not|holds other files"):
            refused()
    with pytest.raises(InputError, match="no store is there"):
        Contents(str(tmp_path / "store"))
    done = run("report", "--history", fifo, LOG)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"logscan: --history {fifo}: is a FIFO, not a directory\n".encode() in done.stderr
    assert kind_of(str(fifo)) is Kind.FIFO
    done = run("search", "--index", tmp_path / "index", "no-such-id", LOG)
    assert done.returncode == 1
    assert b"is a FIFO, not an index: not used" in done.stderr


def test_metrics_and_failures_of_tail_to_a_device(run: Run, null: Path) -> None:
    """C1: --metrics-file replaced it; --output tried again for ever, because a device cannot be synced."""
    for option in ("--metrics-file", "--output"):
        done = run("tail", "--from-start", option, null, "-", stdin=ONE.encode())
        assert (done.returncode, done.stderr) == (0, b"")
        assert kind_of(str(null)) is Kind.DEVICE


def test_a_sink_to_a_fifo(fifo: Path) -> None:
    """C1: lines are written once, and nothing is read back or cut."""
    sink = Sink(str(fifo))
    assert sink.add("1", "one")
    assert sink.add("2", "two")
    with fifo.open("rb", buffering=0) as file:
        sink.flush()
        sink.close()
        assert file.read() == b"one\ntwo\n"


# Inputs


COMMANDS = {
    "report": ("report", "--format", "csv"),
    "search": ("search", "-c", "m-1"),
    "export": ("export", "--format", "csv", "-o", "-"),
    "ingest": ("ingest", "-q", "--store", "store"),
    "index": ("index", "-q", "--index", "index"),
    "diagnose": ("diagnose",),
    "gather": ("gather", "--review"),
}


@pytest.mark.parametrize("name", named(COMMANDS, ["report", "ingest", "diagnose"]))
def test_what_is_found_beside_logs(run: Run, tmp_path: Path, name: str) -> None:
    """M2: a FIFO, a socket and a link to a FIFO in a directory are named and skipped, not waited for."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_text(ONE)
    os.mkfifo(folder / "fifo.log")
    (folder / "link.log").symlink_to("fifo.log")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "socket.log"))
    for path in (folder, f"{folder}/*.log") if name in ("report", "search") else (folder,):
        done = run(*COMMANDS[name], path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr.decode()
        for left_out in ("fifo.log", "link.log", "socket.log"):
            assert done.stderr.count(f"/{left_out}: is ".encode()) == 1
        assert done.stderr.count(b"skipped") == 3


def test_a_directory_with_a_fifo_only(run: Run, tmp_path: Path) -> None:
    """M2: then nothing can be read."""
    os.mkfifo(tmp_path / "fifo.log")
    done = run("report", tmp_path)
    assert done.returncode == 2
    assert b"fifo.log: is a FIFO: skipped" in done.stderr


def test_a_fifo_in_a_bundle(run: Run, tmp_path: Path) -> None:
    """M2: wherever files are searched for."""
    targets = tmp_path / "apiproxy" / "targets"
    targets.mkdir(parents=True)
    os.mkfifo(targets / "a.xml")
    (targets / "b.xml").write_text("<TargetEndpoint name='b'/>")
    for command in ("diagnose", "gather --review"):
        done = run(*command.split(), tmp_path)
        assert done.returncode == 0
        assert b"a.xml: is no file: skipped" in done.stderr


READING = ("report", "search", "export", "diagnose", "gather")
"""Commands that read a log once."""


@pytest.mark.parametrize("name", named(READING, ["gather"]))
def test_a_fifo_given_by_name(run: Run, fifo: Path, name: str) -> None:
    """M2: it is read once, as ``<(zcat x)`` is given; nothing opens it a second time."""
    writer = threading.Thread(target=lambda: fifo.write_text(ONE), daemon=True)
    writer.start()
    done = run(*COMMANDS[name], fifo)
    writer.join(60)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout


def test_a_page_of_a_fifo(run: Run, fifo: Path, tmp_path: Path) -> None:
    """M2: the samples of a page are read again, but not from there."""
    threading.Thread(target=lambda: fifo.write_text(ONE), daemon=True).start()
    done = run("report", "--format", "html", "-o", tmp_path / "page.html", fifo)
    assert done.returncode == 0
    assert b"bad_certificate" in (tmp_path / "page.html").read_bytes()


def test_a_fifo_without_a_writer_is_named(fifo: Path) -> None:
    """M2: after a second, one line."""
    command = [sys.executable, "-m", "logscan", "report", str(fifo)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert process.stderr.readline() == f"logscan: {fifo}: waits for a writer\n".encode()
        fifo.write_text(ONE)
        assert b"bad_certificate" in process.stdout.read()
        assert process.wait(60) == 0


def test_what_cannot_be_read_by_name(run: Run, fifo: Path, tmp_path: Path) -> None:
    """M2: a socket by any command; a FIFO by those that come back to a log later."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    done = run("report", path)
    assert (done.returncode, b"is a socket" in done.stderr) == (2, True)
    for name, words in (("ingest", "a store knows logs by their files"), ("index", "is no file on a disk")):
        done = run(*COMMANDS[name], fifo, cwd=tmp_path)
        assert (done.returncode, words.encode() in done.stderr) == (2, True)


def tar(mode: str) -> Callable[[], bytes]:
    def packed() -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
            member = tarfile.TarInfo("system.log")
            member.size = len(ONE)
            archive.addfile(member, io.BytesIO(ONE.encode()))
        return file.getvalue()

    return packed


def stored_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("system.log", ONE)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "packed"), [("zip", stored_zip), ("tar", tar("w")), ("tar", tar("w:gz")), ("tar", tar("w:xz"))]
)
def test_archives_are_not_read_as_logs(tmp_path: Path, kind: str, packed: Callable[[], bytes]) -> None:
    """LOW: a .zip that is not compressed, and .tar.gz, were read as if they were a log, by luck."""
    (tmp_path / "b.log").write_bytes(packed())
    (tmp_path / "a.log").write_text(ONE.replace("m-1", "m-2"))
    result = logscan.report(tmp_path)
    (problem,) = result.counters.problems
    assert problem.reason == f"is a {kind} archive: not read"
    assert problem.fatal
    assert [incident.failed_handshakes for incident in result.incidents] == [1]


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be"])
def test_utf_32(tmp_path: Path, encoding: str) -> None:
    """LOW: it was "no entry"."""
    (tmp_path / "a.log").write_bytes(ONE.encode(encoding))
    result = logscan.report(tmp_path)
    assert [incident.failed_handshakes for incident in result.incidents] == [1]


# Modes


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_kept_is_not_for_all_users(run: Run, tmp_path: Path) -> None:
    """LOW: history, store, index and zip hold names of proxies and backends; a report is as the umask says."""
    logscan.ingest(LOG, store=tmp_path / "store")
    logscan.index(LOG, directory=tmp_path / "index")
    assert run("report", "--history", tmp_path / "history", LOG).returncode == 0
    for name in ("store", "index", "history"):
        assert mode(tmp_path / name) == 0o750
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        assert {mode(path) for path in files} == {0o640}, files
    for name, arguments, expected in (
        ("a.zip", ("gather", LOG), 0o600), ("a.txt", ("diagnose", LOG), 0o644),
    ):  # fmt: skip
        assert run(*arguments, "-o", tmp_path / name).returncode == 0
        assert mode(tmp_path / name) == expected
        (tmp_path / name).chmod(0o600)
        assert run(*arguments, "-o", tmp_path / name).returncode == 0
        assert mode(tmp_path / name) == 0o600


def test_the_longest_name(tmp_path: Path) -> None:
    """A temporary file beside a name of 255 bytes, of any bytes."""
    for name in (b"x" * 255, b"\xff" * 255, "ü".encode() * 127):
        path = os.fsdecode(os.path.join(os.fsencode(tmp_path), name))
        with atomic.atomic_write(path) as file:
            file.write(b"x")
        assert os.listdir(os.fsencode(tmp_path)) == [name]
        os.unlink(path)


def test_a_directory_as_output(run: Run, tmp_path: Path) -> None:
    """It is named, before anything is written."""
    with pytest.raises(OutputError, match="is a directory, not a file"), atomic.atomic_write(str(tmp_path)):
        raise AssertionError
    assert not list(tmp_path.parent.glob(".*.logscan-part"))
