"""tail: real processes, real files that grow, rotate and are truncated."""

from __future__ import annotations

import array
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from support.command import ROOT, environment
from support.lines import BAD, JAVA, ONE, channel, info, thrown
from support.tailing import Tail, append, started, until


def test_a_failure_is_one_line_as_soon_as_it_is_complete(follow: list[Tail], log: Path) -> None:
    """All that matters at 3 a.m., on one line."""
    tail = started(follow, log)
    append(log, ONE)
    line = tail.line()
    for part in ("bad_certificate", "o/e/a", "rev:1", "to 10.1.2.3:443", "alias alias", "messageid:m-1"):
        assert part in line
    assert tail.prints_no_more(log)
    code, stderr = tail.stop()
    assert (code, stderr) == (0, "")


def test_it_starts_at_the_end(follow: list[Tail], log: Path) -> None:
    """What is in the file already is not news; a line begun before is not mistaken for a whole one."""
    append(log, "half a line without its ")
    tail = Tail(log)
    follow.append(tail)
    tail.look()
    append(log, "end\n" + ONE)
    assert "messageid:m-1" in tail.line()
    assert tail.prints_no_more(log)


def test_lines_in_pieces(follow: list[Tail], log: Path) -> None:
    """A writer's buffer ends anywhere, within a character too."""
    tail = started(follow, log)
    data = ONE.replace("alias", "größe").encode()
    with log.open("ab", buffering=0) as file:
        for at in range(0, len(data), 97):
            file.write(data[at : at + 97])
            time.sleep(0.005)
    assert "alias größe" in tail.line()


def test_rename_rotation(follow: list[Tail], log: Path) -> None:
    """The old file is read to its end, then the new one; an entry cut in two is whole."""
    tail = started(follow, log)
    cut = len(ONE) - 30
    append(log, ONE[:cut])
    log.rename(log.with_name("system.log.1"))
    append(log.with_name("system.log.1"), "")
    log.write_text(ONE[cut:] + ONE.replace("m-1", "m-2"))
    assert {tail.line().rpartition("messageid:")[2], tail.line().rpartition("messageid:")[2]} == {
        "m-1",
        "m-2",
    }
    assert tail.prints_no_more(log)


def test_lines_written_after_the_rename(follow: list[Tail], log: Path) -> None:
    """A writer that still has the old file open, for a moment."""
    tail = started(follow, log)
    with log.open("a") as writer:
        log.rename(log.with_name("system.log.1"))
        tail.look()
        writer.write(ONE)
        writer.flush()
        assert "m-1" in tail.line()
        log.write_text(ONE.replace("m-1", "m-2"))
        assert "m-2" in tail.line()


def test_truncation(follow: list[Tail], log: Path) -> None:
    """copytruncate: the file begins anew."""
    tail = started(follow, log)
    append(log, ONE)
    assert "m-1" in tail.line()
    os.truncate(log, 0)
    assert "was truncated" in tail.error()
    append(log, ONE.replace("m-1", "m-3"))
    assert "m-3" in tail.line()


def test_a_file_that_comes_later(follow: list[Tail], tmp_path: Path) -> None:
    """Waiting is said once, and then it is read from its beginning."""
    path = tmp_path / "later.log"
    tail = Tail(path)
    follow.append(tail)
    assert "no such file" in tail.error()
    path.write_text(ONE)
    assert "m-1" in tail.line()
    _, stderr = tail.stop()
    assert stderr.count("no such file") == 1


def test_selection_and_json(follow: list[Tail], log: Path) -> None:
    """--all takes every alert; JSON has every field."""
    tail = Tail("--all", "--json", "--from-start", log)
    follow.append(tail)
    assert json.loads(tail.line())["message_id"] == "old"
    append(log, ONE.replace("bad_certificate", "unknown_ca"))
    failure = json.loads(tail.line())
    assert (failure["alert"], failure["key_alias"], failure["remote_port"]) == ("unknown_ca", "alias", 443)


def test_other_alerts_are_left_out(follow: list[Tail], log: Path) -> None:
    """By default what is no face of a refused client certificate."""
    tail = started(follow, log)
    append(log, ONE.replace("bad_certificate", "protocol_version"))
    assert tail.prints_no_more(log)


def test_every_entry(follow: list[Tail], log: Path) -> None:
    """--entries prints what is appended, in order, whole."""
    tail = Tail("--entries", log)
    follow.append(tail)
    tail.look()
    text = ONE + "2026-11-23 00:00:09,000  Apigee-Main-1 INFO X - A.b() : plain\n  second line\n"
    append(log, text)
    got = [tail.line() for _ in text.splitlines()]
    assert got == text.splitlines()


def test_standard_input_ends(follow: list[Tail]) -> None:
    """A pipe that closes ends the tail, with what was in it."""
    tail = Tail("-", stdin=subprocess.PIPE)
    follow.append(tail)
    assert tail.process.stdin
    tail.process.stdin.write(ONE.rstrip("\n").encode())
    tail.process.stdin.close()
    assert "m-1" in tail.line()
    assert tail.process.wait(timeout=10) == 0


def test_ctrl_c_prints_what_is_complete(follow: list[Tail], log: Path) -> None:
    """And ends with 130."""
    tail = Tail("--quiet-time", "60", "--from-start", log)
    follow.append(tail)
    assert tail.look().lines.empty()
    code, _ = tail.stop(signal.SIGINT)
    assert code == 130
    assert "messageid:old" in tail.line()


def test_a_directory_follows_live_files_only(follow: list[Tail], log: Path) -> None:
    """Rotated files do not grow."""
    log.with_name("system.log.1").write_text(ONE.replace("m-1", "rotated"))
    tail = started(follow, log.parent)
    append(log, ONE)
    assert "m-1" in tail.line()
    assert tail.prints_no_more(log)


def test_a_folder_without_logs_waits(follow: list[Tail], tmp_path: Path) -> None:
    """A8: a fresh Message Processor has no log before its first entry; a folder that is not there waits too."""
    below = tmp_path / "later"
    tail = Tail(tmp_path, below)
    follow.append(tail)
    assert "no logs in this directory" in tail.error()
    assert "waiting" in tail.error()
    assert "no such file" in tail.error()
    assert "waiting" in tail.error()
    tail.look()
    append(tmp_path / "system.log", ONE)
    assert "messageid:m-1" in tail.line()
    below.mkdir()
    append(below / "other.log", ONE.replace("m-1", "m-2"))
    assert "messageid:m-2" in tail.line()
    assert tail.stop()[0] == 0


def test_new_files_in_a_folder_and_a_pattern(follow: list[Tail], log: Path, tmp_path: Path) -> None:
    """What appears later is read from its beginning; what two patterns hit, once."""
    tail = started(follow, log.parent, str(log.parent / "*.log"))
    later = log.with_name("later.log")
    later.write_text(ONE.replace("m-1", "m-later"))
    assert "m-later" in tail.line()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mp2.log").write_text(ONE.replace("m-1", "m-sub"))
    assert "m-sub" in tail.line()
    append(log, ONE)
    assert "m-1" in tail.line()
    assert tail.prints_no_more(log)


@pytest.mark.parametrize("polling", [[], ["--poll"]])
def test_events_and_polling(follow: list[Tail], log: Path, polling: list[str]) -> None:
    """Failures are printed in their order, one by one, with file events and without."""
    tail = started(follow, log, *polling)
    for number in range(5):
        append(log, ONE.replace("m-1", f"m-{number}"))
        assert f"m-{number}" in tail.line()


def test_truncated_and_grown_beyond_its_size(follow: list[Tail], log: Path) -> None:
    """Before anybody looked: the last bytes that were read are not there any more."""
    tail = started(follow, log)
    os.kill(tail.process.pid, signal.SIGSTOP)
    os.truncate(log, 0)
    append(log, "".join(ONE.replace("m-1", f"m-{n}").replace("00:00:01", "00:07:01") for n in range(4)))
    os.kill(tail.process.pid, signal.SIGCONT)
    assert [tail.line().rpartition(":")[2] for _ in range(4)] == [f"m-{n}" for n in range(4)]


def test_a_writer_that_keeps_its_position(follow: list[Tail], log: Path) -> None:
    """Truncated under a writer without O_APPEND: NUL bytes are skipped, whatever their number."""
    tail = started(follow, log)
    os.truncate(log, 0)
    with log.open("r+b") as file:
        file.seek(50 << 20)
        file.write(ONE.encode())
    assert "m-1" in tail.line()
    assert tail.prints_no_more(log)


def test_deleted_and_made_again(follow: list[Tail], log: Path) -> None:
    tail = started(follow, log)
    for number in range(3):
        log.unlink()
        log.write_text(ONE.replace("m-1", f"m-{number}"))
        assert f"m-{number}" in tail.line()


def test_a_gap_is_stated(follow: list[Tail], log: Path) -> None:
    """Truncated without a copy: from which byte on, and how many bytes where that is known."""
    tail = started(follow, log)
    size = log.stat().st_size
    os.truncate(log, 0)
    assert f"after byte {size:,} what came since the last look is lost" in tail.error()
    append(log, ONE)
    assert "m-1" in tail.line()


def test_hundreds_of_files(follow: list[Tail], tmp_path: Path) -> None:
    """Each is followed; each failure is printed once."""
    paths = [tmp_path / f"mp{number:03}.log" for number in range(300)]
    for path in paths:
        path.write_text(ONE.replace("m-1", f"first-{path.stem}"))
    tail = Tail("--from-start", tmp_path)
    follow.append(tail)
    expected = {f"first-{path.stem}" for path in paths}
    assert {tail.line().rpartition(":")[2] for _ in paths} == expected
    for path in paths:
        append(path, ONE.replace("m-1", f"then-{path.stem}"))
    assert {tail.line().rpartition(":")[2] for _ in paths} == {f"then-{path.stem}" for path in paths}
    assert tail.prints_no_more(paths[0])


def test_a_reader_that_does_not_read(follow: list[Tail], log: Path) -> None:
    """Output that nobody takes stops the reading; when it is taken, all of it is there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "logscan", "tail", "--each", "--from-start", str(log)],
        stdout=subprocess.PIPE, cwd=ROOT, env=environment(),
    )  # fmt: skip
    assert process.stdout
    assert b"old" in process.stdout.readline()
    count = 1000
    append(log, "".join(ONE.replace("m-1", f"m-{n}") for n in range(count)))
    pipe = process.stdout.fileno()
    until(lambda: array.array("i", fcntl.ioctl(pipe, termios.FIONREAD, b"0000"))[0] > 60_000)
    begin = bytes_read(process.pid)
    other = Tail(log)
    follow.append(other)
    other.look()
    append(log, ONE.replace("m-1", "later"))
    assert "later" in other.line()
    assert bytes_read(process.pid) == begin
    messages = [process.stdout.readline().rpartition(b":")[2].strip() for _ in range(count + 1)]
    assert sorted(messages) == sorted([b"later", *(b"m-%d" % n for n in range(count))])
    process.terminate()
    process.wait(timeout=20)
    process.stdout.close()


def bytes_read(pid: int) -> int:
    """Of all files, by a process."""
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


def test_unreadable_at_first(follow: list[Tail], tmp_path: Path) -> None:
    """A path that is no file yet is tried again until it is one."""
    path = tmp_path / "system.log"
    path.mkdir()
    (tmp_path / "spare.log").write_text(ONE.replace("m-1", "old"))
    tail = Tail("--from-start", path / "x.log")
    follow.append(tail)
    assert "no such file" in tail.error()
    (path / "x.log").write_text(ONE)
    assert "m-1" in tail.line()


@pytest.mark.parametrize(
    "name", ["with space.log", "comma,and;more.log", "größe.log", "-dash.log", "[x].log"]
)
def test_names_of_files(follow: list[Tail], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(ONE)
    tail = Tail("--from-start", path)
    follow.append(tail)
    assert "m-1" in tail.line()
    append(path, ONE.replace("m-1", "m-2"))
    assert "m-2" in tail.line()


def test_a_link_that_dangles(follow: list[Tail], tmp_path: Path) -> None:
    link = tmp_path / "current.log"
    link.symlink_to(tmp_path / "real.log")
    tail = Tail(link)
    follow.append(tail)
    assert "no such file" in tail.error()
    (tmp_path / "real.log").write_text(ONE)
    assert "m-1" in tail.line()


def test_late_lines_join_what_was_printed(follow: list[Tail], log: Path) -> None:
    """An exception that comes after its failure was printed is no second failure."""
    tail = started(follow, log)
    append(log, channel(BAD) + info("K@1", "alias"))
    assert "m-1" in tail.line()
    append(log, thrown(JAVA))
    assert tail.prints_no_more(log)


def test_a_stack_trace_in_two_halves(follow: list[Tail], log: Path) -> None:
    """Its second half, that comes after the first was taken as whole, belongs to its entry."""
    other = log.with_name("other.log")
    other.touch()
    tail = started(follow, log, str(other))
    text = thrown(JAVA)
    cut = text.index("\n") + 1
    append(log, text[:cut])
    assert tail.prints_no_more(other)
    append(log, text[cut:])
    append(log, "2026-11-23 00:00:09,000  Apigee-Main-1 INFO X - A.b() : next\n")
    assert "messageid:m-1" in tail.line()
    assert tail.prints_no_more(log)


def test_nobody_reads_the_output(follow: list[Tail], log: Path) -> None:
    """A closed pipe ends it quietly."""
    process = subprocess.Popen(
        f'"{sys.executable}" -m logscan tail --from-start "{log}" | head -1', shell=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment(),
    )  # fmt: skip
    assert process.stdout
    assert b"old" in process.stdout.readline()

    def has_ended() -> bool:
        append(log, ONE.replace("m-1", f"m-{time.monotonic_ns()}"))  # head may still be there to take it
        return process.poll() is not None

    until(has_ended)
    assert process.returncode == 0
    assert process.stderr
    assert process.stderr.read() == b""
    process.stdout.close()
    process.stderr.close()
