"""Bad input: a clear message or a counted skip, and the rest of the run goes on."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import pty
import re
import resource
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from logscan._cli._common import write_atomically
from logscan.errors import OutputError
from support.command import ROOT, Run, environment, zstd_compress
from support.lines import BAD, JAVA, channel, info, thrown

ONE = channel(BAD) + info("K@1", "alias") + thrown(JAVA)
TWO = ONE.replace("m-1", "m-2").replace("00:00:01", "00:00:02")
FILLER = "2026-11-23 00:00:00,000 org:o env:e api:a rev:1 messageid:x main INFO L - A.b() : filler {}\n"


def found(
    run: Run, *arguments: str | Path, status: int = 0, stdin: bytes = b""
) -> tuple[dict[str, object], str]:
    done = run("report", "--format", "json", "--alert", "all", *arguments, stdin=stdin)
    assert done.returncode == status, done.stderr.decode()
    return json.loads(done.stdout), done.stderr.decode()


def handshakes(report: dict[str, object]) -> int:
    incidents = report["incidents"]
    assert isinstance(incidents, list)
    return sum(incident["failed_handshakes"] for incident in incidents)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": zstd_compress,
}


@pytest.mark.parametrize("pack", ["gz", "zst", "xz", "bz2"])
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damaged_archives(run: Run, tmp_path: Path, pack: str, damage: str) -> None:
    """What stands before the damage is read, the damage is told, and the next file is read."""
    data = (ONE + "".join(FILLER.format(os.urandom(20).hex()) for _ in range(15_000))).encode()
    packed = bytearray(PACKERS[pack](data))
    if damage == "cut":
        del packed[len(packed) * 3 // 4 :]
    else:
        middle = len(packed) * 3 // 4
        packed[middle : middle + 200] = os.urandom(200)
    (tmp_path / "a.log").write_bytes(packed)
    (tmp_path / "b.log").write_text(TWO)
    report, stderr = found(run, tmp_path, status=2)
    assert handshakes(report) == 2
    assert "a.log: damaged after byte" in stderr


def test_five_bytes_of_a_gzip_header(run: Run, tmp_path: Path) -> None:
    """Not even a header."""
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(ONE.encode())[:5])
    done = run("report", tmp_path / "a.log.gz")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"damaged after byte 0" in done.stderr


def test_what_continues_a_damaged_file_is_not_joined_to_it(run: Run, tmp_path: Path) -> None:
    """The rotated file behind the damage does not continue what was read before it."""
    (tmp_path / "system.log.1").write_bytes(gzip.compress(ONE.encode())[:-9])
    (tmp_path / "system.log").write_text("\tat lost.head.Of(X.java:1)\n" + TWO)
    report, stderr = found(run, tmp_path, "--stats", status=2)
    assert handshakes(report) == 2
    assert "lines that belong to no entry                      1" in stderr


def test_a_missing_file_of_a_numbered_family_cuts_it(run: Run, tmp_path: Path) -> None:
    """system.log.2 is gone: what .1 begins with does not continue .3."""
    (tmp_path / "system.log.3").write_text(ONE)
    (tmp_path / "system.log.1").write_text(
        "javax.net.ssl.SSLException: Received fatal alert: unknown_ca\n" + TWO
    )
    report, stderr = found(run, tmp_path, "--stats")
    assert "lines that belong to no entry                      1" in stderr
    alerts = {(i["alert"], i["org"]): i["failed_handshakes"] for i in report["incidents"]}  # type: ignore[attr-defined]
    assert alerts == {("bad_certificate", "o"): 2, ("unknown_ca", None): 1}


def test_empty_binary_and_foreign_files(run: Run, tmp_path: Path) -> None:
    """An empty file is no news; another kind of file is said to be one and fails nothing."""
    (tmp_path / "empty.log").write_bytes(b"")
    (tmp_path / "binary.log").write_bytes(os.urandom(300_000))
    (tmp_path / "zero.log").write_bytes(bytes(3_000_000))
    (tmp_path / "good.log").write_text(ONE)
    report, stderr = found(run, tmp_path)
    assert handshakes(report) == 1
    assert stderr.count("no entry of a Message Processor's log") == 2
    assert "empty.log" not in stderr


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_other_encodings(run: Run, tmp_path: Path, encoding: str) -> None:
    """UTF-16 with or without its mark, and UTF-8 with one."""
    (tmp_path / "a.log").write_bytes(ONE.encode(encoding))
    report, _ = found(run, tmp_path)
    assert handshakes(report) == 1


def test_crlf_nul_and_latin_1(run: Run, tmp_path: Path) -> None:
    """Line ends of another system, what copytruncate leaves, bytes that are no UTF-8."""
    data = b"\0" * 4096 + ONE.replace("alias", "gr\xf6\xdfe").replace("\n", "\r\n").encode("latin-1")
    (tmp_path / "a.log").write_bytes(data)
    report, stderr = found(run, tmp_path, "--stats")
    assert handshakes(report) == 1
    assert report["incidents"][0]["key_aliases"] == ["gr\\xf6\\xdfe"]  # type: ignore[index]
    assert "NUL bytes skipped                              4,096" in stderr


def test_times_that_do_not_parse_and_a_future_clock(run: Run, tmp_path: Path) -> None:
    """Kept and counted; in a time range they cannot be placed and are told."""
    log = tmp_path / "a.log"
    log.write_text(
        ONE
        + TWO.replace("2026-11-23", "2026-13-23")
        + ONE.replace("2026-11", "2126-11").replace("m-1", "m-3")
    )
    report, _ = found(run, log)
    assert handshakes(report) == 3
    done = run("report", "--details", "0", log)
    assert b"3 entries with a time that cannot be read" in done.stdout
    assert b"1 failure later than this machine's clock" in done.stdout
    done = run("report", "--details", "0", "--since", "2026-11-01", log)
    assert b"1 failure without a readable time left out" in done.stdout


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def test_one_gigantic_line_in_bounded_memory(tmp_path: Path) -> None:
    """A line of 600 MiB, and a failure behind it: found, in an address space of 1 GiB."""
    code = (
        "import sys\n"
        "block = b'x' * (1 << 20)\n"
        f"sys.stdout.buffer.write({FILLER.encode()!r}.rstrip())\n"
        "for _ in range(600): sys.stdout.buffer.write(block)\n"
        f"sys.stdout.buffer.write(b'\\n' + {ONE.encode()!r})\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert writer.stdout
    done = subprocess.run(
        [sys.executable, "-m", "logscan", "report", "--format", "json", "--stats", "-"],
        stdin=writer.stdout, capture_output=True, cwd=ROOT, env=environment(), preexec_fn=limited, timeout=120,
    )  # fmt: skip
    writer.stdout.close()
    writer.wait()
    assert done.returncode == 0, done.stderr.decode()
    assert handshakes(json.loads(done.stdout)) == 1


def test_a_long_entry_is_cut_and_told(run: Run, tmp_path: Path) -> None:
    """Beyond --max-entry-bytes it is counted, and its beginning is kept."""
    log = tmp_path / "a.log"
    log.write_text(thrown(JAVA + "\n" + "\tat a.b.C(D.java:1)\n" * 500) + TWO)
    done = run("report", "--details", "0", "--max-entry-bytes", "2048", log)
    assert b"client-certificate: 2 failed handshakes" in done.stdout
    assert b"1 entry longer than --max-entry-bytes" in done.stdout
    done = run("search", "--max-entry-bytes", "2048", "m-1", log)
    assert len(done.stdout) <= 2049
    assert b"entries were cut" in done.stderr


def test_too_many_open_failures_are_told(run: Run, tmp_path: Path) -> None:
    """Many failures of one message at the same moment are counted before they are complete, and that is shown; many
    open messages, and a rule that keeps entries apart, are no loss."""
    log, other = tmp_path / "a.log", tmp_path / "b.log"
    log.write_text("".join(channel(BAD, c=n) for n in range(50)))
    other.write_text(
        "".join(channel(BAD, m=f"m-{n}") for n in range(50)) + "".join(info(m=f"m-{n}") for n in range(50))
    )
    assert (
        b"18 failures counted before their lines were complete" in run("report", "--details", "0", log).stdout
    )
    for options, count in (
        ((), b"50 failed"),
        (("--join-bytes", "1000"), b"50 failed"),
        (("--join-time", "0"), b"50 failed"),
    ):
        done = run("report", "--details", "0", *options, other)
        assert b"before their lines" not in done.stdout
        assert count in done.stdout


def test_output_is_written_whole_or_not_at_all(run: Run, tmp_path: Path) -> None:
    """An unwritable place is told and leaves the old report."""
    out = tmp_path / "report.csv"
    out.write_text("old")
    out.chmod(0o640)
    done = run("report", "--format", "csv", "--output", out, "sample_logs")
    assert (done.returncode, done.stdout) == (0, b"")
    assert out.read_text().startswith("org,env,proxy")
    assert out.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]
    done = run("report", "--output", tmp_path / "nowhere" / "x", "sample_logs")
    assert done.returncode == 2
    assert b"cannot be written" in done.stderr
    with pytest.raises(OutputError):
        write_atomically(str(tmp_path), b"a directory is in the way")
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]


def test_parquet(run: Run, tmp_path: Path) -> None:
    """Read back, it is the frame."""
    import pandas as pd

    import logscan

    out = tmp_path / "r.parquet"
    assert run("report", "--format", "parquet", "--output", out, "sample_logs").returncode == 0
    frame = pd.read_parquet(out)
    expected = logscan.read_incidents("sample_logs")
    assert frame["failed_handshakes"].tolist() == expected["failed_handshakes"].tolist()
    assert frame["keystores"].map(list).tolist() == expected["keystores"].tolist()
    assert run("report", "--format", "parquet", "sample_logs").returncode == 2


def test_a_closed_pipe_is_no_error() -> None:
    """``| head -1``: quiet, and no traceback."""
    done = subprocess.run(
        f"{sys.executable} -m logscan search --prefix r sample_logs sample_logs sample_logs | head -1",
        shell=True, capture_output=True, cwd=ROOT, env=environment(), timeout=60,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == b""


def on_terminal(*arguments: str) -> str:
    """Run with standard output on a terminal of 80 columns; what it shows."""
    import fcntl
    import struct
    import termios

    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "logscan", *arguments], stdin=subprocess.DEVNULL, stdout=side, stderr=side, cwd=ROOT,
        env=environment(TERM="xterm-256color"),
    )  # fmt: skip
    os.close(side)
    shown = b""
    while True:
        ready, _, _ = select.select([main], [], [], 30)
        try:
            data = os.read(main, 65536) if ready else b""
        except OSError:
            break
        if not data:
            break
        shown += data
    process.wait(timeout=30)
    os.close(main)
    return shown.decode()


EVIL = (
    ONE.replace("api:a", "api:\x1b]0;evil\x07\x9b31m")
    .replace("m-1", "m\u202e1")
    .replace("alias", "a\rb\x08c")
)


def test_control_characters_never_reach_a_terminal_raw(tmp_path: Path) -> None:
    """A report and a search print them as text."""
    log = tmp_path / "a.log"
    log.write_text(EVIL)
    for arguments in (
        ("report", "--details", "1", str(log)),
        ("search", "m\u202e1", str(log)),
        ("report", "--each", str(log)),
    ):
        shown = on_terminal(*arguments)
        own = re.sub(
            r"\x1b\[[0-9;?]*[A-Za-z]", "", shown
        )  # without logscan's own colours, and its progress bar
        for raw in ("\x1b", "\x07", "\x9b", "\u202e", "\x08"):
            assert raw not in own, (arguments, raw)
        for text in (r"\x1b]0;evil\x07\x9b31m", r"m\u202e1", r"a\x0db\x08c"):
            # A failure on one line keeps what finds its message, and leaves out what has no place.
            assert text in own or ("--each" in arguments and text != r"m\u202e1"), (arguments, text)


def test_the_day_on_one_line() -> None:
    """On a terminal, failures over time; not where they are all in one span, and not in a pipe."""
    shown = on_terminal("report", "sample_logs", "--since", "2026-11-24")
    (line,) = [line for line in shown.splitlines() if "at most" in line]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    assert re.fullmatch(
        r"course     00:47 [ ▁▂▃▄▅▆▇█]+ 01:01  at most 3 in a minute; 2 earlier", plain.rstrip()
    )
    assert "at most" not in on_terminal("report", "sample_logs/ca-mismatch")


def test_colours_on_a_terminal_only(run: Run) -> None:
    """And not when NO_COLOR says so, or into a pipe."""
    assert "\x1b[31mERROR\x1b[0m" in on_terminal("search", "--prefix", "router02", "sample_logs/interleaved")
    assert "\x1b[3" not in on_terminal(
        "search", "--color", "never", "--prefix", "router02", "sample_logs/interleaved"
    )
    assert b"\x1b" not in run("search", "--prefix", "router02", "sample_logs/interleaved").stdout
    forced = run("search", "--color", "always", "--prefix", "router02", "sample_logs/interleaved").stdout
    assert b"\x1b[31mERROR" in forced
    assert run("search", "--color", "sometimes", "x", "sample_logs").returncode == 2


def test_the_table_fits_the_terminal() -> None:
    """No line of the report is wider than the window."""
    # On a busy machine there may be a progress bar, too, which moves the cursor.
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", on_terminal("report", "sample_logs"))
    assert max(len(line) for line in shown.replace("\r", "\n").split("\n")) <= 80


def test_byte_exact_into_a_pipe(run: Run, tmp_path: Path) -> None:
    """What search prints into a pipe are the file's own bytes."""
    log = tmp_path / "a.log"
    data = EVIL.encode("utf-8") + b"\xff\xfe tail\r\n"
    log.write_bytes(data)
    assert run("search", "m\u202e1", log).stdout == data
