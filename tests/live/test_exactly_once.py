"""What a review found in ``tail``: each row by its number (D: defects, A: annoyances)."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from support.command import ROOT, environment, logscan
from support.lines import ONE
from support.profiles import sampled
from support.schemas import faults
from support.tailing import Tail, append, until


def storm(first: int, count: int, *, second: int = 0) -> str:
    """Failing messages that differ in their ids and times alone, all of one length."""
    return "".join(
        ONE.replace("m-1", f"m-{number:04}").replace(
            "00:00:01", f"00:{second + number // 60:02}:{number % 60:02}"
        )
        for number in range(first, first + count)
    )


def resumable(folder: Path, *arguments: str | Path) -> Tail:
    return Tail("--checkpoint", folder / "state", "--output", folder / "out.jsonl", *arguments)


def written(folder: Path) -> list[str]:
    """The messages in the output; a line that is being written does not count before its line break."""
    path = folder / "out.jsonl"
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    return [json.loads(line)["message_id"] for line in whole.splitlines()]


def names(count: int) -> list[str]:
    return [f"m-{number:04}" for number in range(count)]


def resident(process: int) -> int:
    """Bytes of memory that a process has."""
    text = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(text.split("VmRSS:")[1].split()[0])


def read_and_stop(follow: list[Tail], folder: Path, log: Path) -> None:
    """A first run that reads three messages and ends."""
    tail = resumable(folder, "--from-start", log)
    follow.append(tail)
    until(lambda: len(written(folder)) == 3)
    assert tail.stop()[0] == 0


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def test_d1_equal_entries_after_a_truncation(follow: list[Tail], logs: Path, tmp_path: Path) -> None:
    """D1: copied, truncated and grown beyond the old offset, by entries of one length."""
    log = logs / "system.log"
    log.write_text(storm(0, 20))
    tail = resumable(tmp_path, "--from-start", log)
    follow.append(tail)
    until(lambda: len(written(tmp_path)) == 20)
    tail.look()
    shutil.copy(log, logs / "system.log.1")
    os.truncate(log, 0)
    append(log, storm(20, 25))
    until(lambda: len(written(tmp_path)) >= 45)
    assert written(tmp_path) == names(45)
    assert tail.stop() == (0, "")


@pytest.mark.parametrize("packed", sampled([False, True], 2))
def test_d2_a_hole_after_each_truncation(
    follow: list[Tail], logs: Path, tmp_path: Path, packed: bool
) -> None:
    """D2: a writer that keeps its position leaves NUL bytes; the copy of such a file is known again."""
    log = logs / "system.log"
    log.touch()
    descriptor = os.open(log, os.O_WRONLY)
    tail = resumable(tmp_path, "--from-start", log)
    follow.append(tail)
    tail.look()
    for turn in range(4):
        os.write(descriptor, storm(10 * turn, 5).encode())
        until(lambda: len(written(tmp_path)) >= 10 * turn + 5)  # noqa: B023 - called at once
        tail.process.send_signal(19)  # SIGSTOP: what is written now is read from the copy
        os.write(descriptor, storm(10 * turn + 5, 4).encode())
        copy = logs / f"system.log.{9 - turn}"
        shutil.copy(log, copy)
        if packed:
            copy.with_name(copy.name + ".gz").write_bytes(gzip.compress(copy.read_bytes(), 1))
            copy.unlink()
        os.truncate(log, 0)
        os.write(descriptor, storm(10 * turn + 9, 1).encode())
        tail.process.send_signal(18)
        until(lambda: len(written(tmp_path)) >= 10 * turn + 10)  # noqa: B023 - called at once
    os.close(descriptor)
    assert sorted(written(tmp_path)) == names(40)
    assert tail.stop() == (0, "")


def rotate(log: Path, name: Path, cut: int = 0) -> None:
    """Rename a log when the last bytes of an entry are not written yet, and write those in the new one."""
    text = log.read_text()
    log.write_text(text[: len(text) - cut])
    log.rename(name)
    log.write_text(text[len(text) - cut :])


def test_d3_entries_cut_by_rotations_while_down(follow: list[Tail], logs: Path, tmp_path: Path) -> None:
    """D3: delaycompress: all but the newest rotated file packed, each rotation in the middle of an entry, and
    inodes that were freed are given to other files."""
    log = logs / "system.log"
    log.write_text(storm(0, 3))
    read_and_stop(follow, tmp_path, log)
    for turn in range(1, 9):
        append(log, storm(3 * turn, 3))
        for number in range(turn, 0, -1):
            for suffix in ("", ".gz"):
                old = logs / f"system.log.{number}{suffix}"
                if old.exists():
                    old.rename(logs / f"system.log.{number + 1}{suffix}")
        rotate(log, logs / "system.log.1", cut=100 * turn)
        second = logs / "system.log.2"
        if second.exists():
            (logs / "system.log.2.gz").write_bytes(gzip.compress(second.read_bytes(), 1))
            second.unlink()
    tail = resumable(tmp_path, log)
    follow.append(tail)
    until(lambda: len(written(tmp_path)) >= 27)
    tail.look()
    assert written(tmp_path) == names(27)
    assert tail.stop() == (0, "")


ROTATED = (
    "system.2026-11-26.0.log", "system.2026-11-26.0.log.gz", "system.2026-11-26.log", "system.log-2026112613.gz",
    "system.log.20261126T130000", "system.1.log", "system_2026-11-26.log", "system.log.old", "system.log.bak",
    "20261126-system.log", "whatever.it.is.called", "system.log.1.bz2",
)  # fmt: skip


@pytest.mark.parametrize("name", sampled(ROTATED, 4))
def test_d4_any_name_of_a_rotated_file(follow: list[Tail], logs: Path, tmp_path: Path, name: str) -> None:
    """D4: content decides; between it and the log stands another rotation of another style."""
    import bz2

    log = logs / "system.log"
    log.write_text(storm(0, 3))
    read_and_stop(follow, tmp_path, log)
    text = storm(0, 6).encode()
    if name.endswith(".gz"):
        text = gzip.compress(text)
    elif name.endswith(".bz2"):
        text = bz2.compress(text)
    log.unlink()
    (logs / name).write_bytes(text)
    (logs / "system-2026-11-27.0.log").write_text(storm(6, 3))
    log.write_text(storm(9, 3))
    tail = resumable(tmp_path, log)
    follow.append(tail)
    until(lambda: len(written(tmp_path)) >= 12)
    assert written(tmp_path) == names(12)
    assert tail.stop() == (0, "")


def test_d4_a_pattern_for_another_folder(follow: list[Tail], logs: Path, tmp_path: Path) -> None:
    """olddir: where rotated files go can be said."""
    log, old = logs / "system.log", logs / "old"
    old.mkdir()
    log.write_text(storm(0, 3))
    read_and_stop(follow, tmp_path, log)
    append(log, storm(3, 2))
    log.rename(old / "a")
    (old / "b").write_text(storm(5, 2))
    log.write_text(storm(7, 2))
    tail = resumable(tmp_path, "--rotated", "old/*", log)
    follow.append(tail)
    until(lambda: len(written(tmp_path)) >= 9)
    assert written(tmp_path) == names(9)
    assert tail.stop() == (0, "")


def test_d5_twelve_thousand_short_messages(tmp_path: Path) -> None:
    """D5: many failures in one read cost as much each as few."""
    costs = []
    for count in (3_000, 12_000):
        log = tmp_path / f"{count}.log"
        log.write_text("".join(
            f"2026-11-23 00:00:01,000 org:o env:e api:a rev:1 messageid:q-{number} NIOThread@1 ERROR HTTP.CLIENT - "
            "HTTPClient$Context.handshakeFailed() : SSLClientChannel[C:h/10.1.2.3:443 Remote host:x]@1 handshake "
            "failed, message: Received fatal alert: bad_certificate\n" for number in range(count)
        ))  # fmt: skip
        script = (
            "import sys, time, resource, logscan\n"
            "n = 0\n"
            "with logscan.tail(sys.argv[1], from_start=True, quiet_time=0.05) as watcher:\n"
            "    for update in watcher:\n"
            "        n += len(update.failures)\n"
            "        if n >= int(sys.argv[2]): break\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_utime)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, log, str(count)], capture_output=True, text=True, check=True,
            timeout=120, env=environment(), cwd=ROOT,
        )  # fmt: skip
        costs.append(float(done.stdout))
    assert costs[1] < 8 * costs[0] + 2


def test_d6_ready_when_positions_stand(follow: list[Tail], logs: Path) -> None:
    """D6: what is written right after READY=1 is read: in a file that stands there, and in one that does not."""
    log, later = logs / "system.log", logs / "later.log"
    log.write_text(storm(0, 1))
    tail = Tail(log, later)
    follow.append(tail)
    until(lambda: tail.is_ready)
    append(log, storm(1, 1))
    append(later, storm(2, 1))
    assert {line.rpartition("messageid:")[2].split()[0] for line in (tail.line(), tail.line())} == {
        "m-0001", "m-0002",
    }  # fmt: skip


def test_d7_d11_what_a_quiet_file_costs(follow: list[Tail], logs: Path) -> None:
    """D7: memory of a file that is followed; D11: looks at it (measured over minutes by benchmarks/)."""
    sizes = []
    for count in (1, 201):
        folder = logs / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"a{number}.log").write_text(storm(number, 1))
        tail = Tail(folder)
        follow.append(tail)
        until(lambda: tail.is_ready)  # noqa: B023 - called at once
        for number in range(count):
            append(folder / f"a{number}.log", storm(1000 + number, 1))
        for _ in range(count):
            tail.line()
        tail.look()
        sizes.append(resident(tail.process.pid))
    assert (sizes[1] - sizes[0]) / 200 < 100_000


def test_d8_fewer_descriptors_than_files(follow: list[Tail], logs: Path, tmp_path: Path) -> None:
    """D8: what can be followed is, the rest is stated, and everything else still works."""
    for number in range(150):
        (logs / f"a{number:03}.log").write_text(storm(number, 1))
    tail = Tail(
        "--checkpoint", tmp_path / "state", "--output", tmp_path / "out.jsonl", "--from-start", logs,
        before=("prlimit", "--nofile=100:100"),
    )  # fmt: skip
    follow.append(tail)
    message = tail.error()
    assert "too many open files" in message
    assert "LimitNOFILE" in tail.error()
    until(lambda: len(written(tmp_path)) >= 30)
    until(lambda: (tmp_path / "state").exists())
    code, stderr = tail.stop()
    assert code == 0
    assert "Traceback" not in stderr
    assert len(set(written(tmp_path))) == len(written(tmp_path))


def test_d8_the_limit_is_raised(follow: list[Tail], logs: Path, tmp_path: Path) -> None:
    """The soft limit is no limit where the hard one is higher."""
    for number in range(150):
        (logs / f"a{number:03}.log").write_text(storm(number, 1))
    tail = Tail(
        "--output", tmp_path / "out.jsonl", "--from-start", logs, before=("prlimit", "--nofile=100:1000")
    )
    follow.append(tail)
    until(lambda: len(written(tmp_path)) == 150)
    assert tail.stop() == (0, "")


def test_d9_two_runs_with_one_output(follow: list[Tail], logs: Path, tmp_path: Path) -> None:
    """D9: the second is refused, whatever the name by which it knows the file."""
    log, out = logs / "system.log", tmp_path / "out.jsonl"
    log.write_text(storm(0, 1))
    tail = Tail("--output", out, "--from-start", log)
    follow.append(tail)
    until(lambda: len(written(tmp_path)) == 1)
    link = tmp_path / "link.jsonl"
    link.symlink_to(out)
    done = logscan("tail", "--output", link, "--from-start", log)
    assert (done.returncode, done.stdout) == (2, b"")
    assert "another run writes to it" in done.stderr.decode()
    assert written(tmp_path) == names(1)


def test_d10_the_lag_is_the_age_of_what_is_read_next(logs: Path) -> None:
    """D10: a log that grows while it is read has the lag of its next byte, not of the last time it was level."""
    from logscan._live.open_file import GROWTHS, OpenFile
    from logscan._reading.fingerprint import Identity

    file = OpenFile(-1, Identity(0, 0, 0, ""), 1)
    for moment in range(1000):
        file.see_size(1000 * (moment + 1), float(moment))
        file.position = max(0, 1000 * (moment - 4))  # reading is five seconds late
        since = file.unread_since()
        assert since is not None
        if moment > 10:
            assert moment - since == 4
    assert len(file.grown) <= GROWTHS
    file.position = 1_000_000
    assert file.unread_since() is None
    for moment in range(1000):  # nothing is read: the first byte keeps its age
        file.see_size(1_000_000 + 1 + moment, 1000.0 + moment)
    assert file.unread_since() == 1000.0
    assert len(file.grown) <= GROWTHS


def test_a1_the_command_gets_whole_lines(follow: list[Tail], logs: Path, tmp_path: Path) -> None:
    """A1: JSON with a line break, so that ``cat >> file`` makes a file of lines; a command that does not exist
    is refused before anything is followed."""
    log, taken = logs / "system.log", tmp_path / "taken"
    log.write_text(storm(0, 2))
    tail = Tail("--exec", f"sh -c 'cat >> {taken}'", "--from-start", log)
    follow.append(tail)
    until(lambda: taken.exists() and taken.read_text().count("\n") == 2)
    assert [json.loads(line)["message_id"] for line in taken.read_text().splitlines()] == names(2)
    done = logscan("tail", "--exec", "/no/such/command x", log)
    assert done.returncode == 2
    assert "no such command" in done.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--output", "system.log"),
        ("--checkpoint", "system.log"),
        ("--output", "link.log"),
        ("--checkpoint", "x", "--output", "x"),
        ("--metrics-file", "x.prom", "--output", "./x.prom"),
    ],
)
def test_a2_no_output_replaces_what_is_read(logs: Path, arguments: tuple[str, ...]) -> None:
    """A2: neither a followed log nor another output."""
    log = logs / "system.log"
    log.write_text(storm(0, 1))
    (logs / "link.log").symlink_to(log)
    done = logscan("tail", "--from-start", *arguments, "system.log", cwd=logs)
    assert (done.returncode, done.stdout) == (2, b"")
    assert "choose another file" in done.stderr.decode()
    assert log.read_text() == storm(0, 1)


def test_a2_an_output_in_a_followed_folder(follow: list[Tail], logs: Path) -> None:
    """It is no log of the folder, whatever its name."""
    (logs / "system.log").write_text(storm(0, 3))
    tail = Tail("--output", logs / "found.log", "--from-start", "--exclude", "x*.log", logs)
    follow.append(tail)
    (logs / "xother.log").write_text(storm(5, 1))
    until(lambda: (logs / "found.log").exists() and (logs / "found.log").read_text().count("\n") == 3)
    os.kill(tail.process.pid, 1)  # SIGHUP: look for new logs now
    tail.look()
    assert (logs / "found.log").read_text().count("\n") == 3
    assert tail.stop() == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--quiet-time", "nan"), "--quiet-time"),
        (("--poll-interval", "inf"), "--poll-interval"),
        (("--rotate-wait", "nan"), "--rotate-wait"),
        (("--metrics-file", "m.txt"), "*.prom"),
        (("--metrics-file", "no/such/m.prom"), "cannot be written"),
        (("",), "empty path"),
    ],
)
def test_a3_a4_what_cannot_work_is_refused(logs: Path, arguments: tuple[str, ...], words: str) -> None:
    """A3 and A4: before anything is followed."""
    (logs / "system.log").write_text(storm(0, 1))
    done = logscan("tail", *arguments, "system.log", cwd=logs)
    assert (done.returncode, done.stdout) == (2, b"")
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a4_a_named_pipe(follow: list[Tail], logs: Path) -> None:
    """A4: it is followed as standard input is; one writer after the other."""
    pipe = logs / "pipe"
    os.mkfifo(pipe)
    tail = Tail(pipe)
    follow.append(tail)
    until(lambda: tail.is_ready)
    for number in range(3):
        append(pipe, storm(number, 1))
        assert f"messageid:m-{number:04}" in tail.line()
    assert tail.stop() == (0, "")


def test_a5_metrics_and_health(follow: list[Tail], logs: Path) -> None:
    """A5: HEAD works, other paths are not found, no series is doubled; beside it stands the health."""
    log = logs / "system.log"
    log.write_text(storm(0, 2))
    port = 21_000 + os.getpid() % 9_000
    tail = Tail("--metrics", f":{port}", "--from-start", log)
    follow.append(tail)
    tail.line(), tail.line()
    address = f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        text = answer.read().decode()
    assert "_created" not in text
    assert "logscan_failed_handshakes_total" in text
    with urllib.request.urlopen(urllib.request.Request(f"{address}/metrics", method="HEAD")) as answer:
        assert (answer.status, answer.read()) == (200, b"")
    with urllib.request.urlopen(f"{address}/health") as answer:
        state = json.loads(answer.read())
    assert state["status"] == "ok"
    assert state["lag_bytes"] == 0
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{address}/other")
    with caught.value as refused:
        assert refused.code == 404
    assert tail.stop() == (0, "")


def test_a5_health_says_what_fails() -> None:
    """A run that hangs, or cannot write, is not healthy."""
    from logscan._outputs.fan_out import HUNG, Outputs
    from logscan._outputs.metrics_server import health_page

    outputs = Outputs(lambda *_: None)
    assert health_page(lambda: outputs.health(0.0, {}))()[0] == 200
    status, _, body = health_page(lambda: outputs.health(HUNG + 1, {}))()
    assert status == 503
    assert "looked at" in json.loads(body)["problem"]


def test_a9_a_replayed_log_counts_again(follow: list[Tail], logs: Path, tmp_path: Path) -> None:
    """A9: entries of one header at one offset, in files of their own: each is a failure."""
    log, body = logs / "system.log", storm(0, 5)
    log.touch()
    tail = Tail("--output", tmp_path / "out.jsonl", log)
    follow.append(tail)
    until(lambda: tail.is_ready)
    for turn in range(3):
        append(log, storm(900 + turn, 1) + body)
        until(lambda: len(written(tmp_path)) >= 6 * turn + 6)  # noqa: B023 - called at once
        log.rename(logs / f"system.log.{9 - turn}")
        log.touch()
        tail.look()
    assert Counter(written(tmp_path)) == Counter(3 * names(5) + ["m-0900", "m-0901", "m-0902"])
    assert tail.stop() == (0, "")


def test_the_status_of_a_checkpoint(follow: list[Tail], logs: Path, tmp_path: Path) -> None:
    """Where each log is read to, also when it was rotated since."""
    log = logs / "system.log"
    log.write_text(storm(0, 3))
    read_and_stop(follow, tmp_path, log)
    state = json.loads(logscan("tail", "--status", "--json", "--checkpoint", tmp_path / "state").stdout)
    assert faults("tail-status.json", state) == []
    assert (state["path"], state["read_from"]) == (str(log), str(log))
    assert state["position"] + state["unread"] == log.stat().st_size
    append(log, storm(3, 1))
    log.rename(logs / "moved.to.another.name")
    log.write_text(storm(4, 1))
    text = logscan("tail", "--status", "--checkpoint", tmp_path / "state").stdout.decode()
    assert "goes on in" in text
    assert "moved.to.another.name" in text
    done = logscan("tail", "--status", "--checkpoint", tmp_path / "none")
    assert done.returncode == 2
