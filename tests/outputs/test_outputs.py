"""Outputs of a live run: real servers, real commands, real sockets; none of them stops the reading."""

from __future__ import annotations

import json
import os
import queue
import shlex
import signal
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from logscan._outputs import systemd
from logscan._outputs.execute import Executor
from logscan._outputs.notify import Notifier
from logscan._outputs.sink import Sink
from logscan.errors import OutputError, UsageError
from logscan.values import Channel
from support import hostile
from support.lines import BAD, JAVA, ONE, channel, failure, info, thrown
from support.tailing import Tail, append, until


class Target:
    """An HTTP server that takes notices, or refuses them."""

    def __init__(self) -> None:
        self.notices: queue.Queue[dict[str, Any]] = queue.Queue()
        self.refuses = False
        self.asked = 0
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                target.asked += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(500 if target.refuses else 200)
                self.end_headers()
                if not target.refuses:
                    target.notices.put(json.loads(body))

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"json://127.0.0.1:{self.server.server_port}/"

    def notice(self, seconds: float = 20) -> dict[str, Any]:
        return self.notices.get(timeout=seconds)


@pytest.fixture
def target() -> Iterator[Target]:
    made = Target()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_one_notice_per_group_with_a_count_and_one_on_recovery(target: Target) -> None:
    """Not one for each failure."""
    notifier = Notifier(target.url, every=2.5, recovered=4.0, step=0.05)
    for number in range(50):
        notifier.feed(failure(number=number))
    notifier.feed(failure("b"))
    first = {notice["title"]: notice["message"] for notice in (target.notice(), target.notice())}
    assert set(first) == {"bad_certificate: o/e/a", "bad_certificate: o/e/b"}
    assert "50 failed handshakes." in first["bad_certificate: o/e/a"]
    assert "1 failed handshake." in first["bad_certificate: o/e/b"]
    assert "logscan search m-49" in first["bad_certificate: o/e/a"]
    for number in range(7):
        notifier.feed(failure(number=number))
    assert target.notices.empty()
    again = target.notice()
    assert "7 failed handshakes (57 since it began)." in again["message"]
    recovered = {notice["title"]: notice for notice in (target.notice(), target.notice())}
    assert set(recovered) == {"recovered: bad_certificate: o/e/a", "recovered: bad_certificate: o/e/b"}
    assert recovered["recovered: bad_certificate: o/e/a"]["type"] == "success"
    assert "after 57 in all" in recovered["recovered: bad_certificate: o/e/a"]["message"]
    notifier.close()
    assert (notifier.sent, notifier.failed, notifier.dropped) == (5, 0, 0)


def test_a_target_that_is_down_loses_nothing(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notifier tries it again, after longer and longer waits, and goes on counting."""
    monkeypatch.setattr("logscan._outputs.notify.FIRST_WAIT", 0.2)
    target.refuses = True
    notifier = Notifier(target.url, every=0.1, recovered=60, step=0.02)
    notifier.feed(failure())
    until(lambda: notifier.failed >= 2)
    assert "does not accept the notice" in notifier.problem
    assert target.url not in notifier.problem
    for number in range(99):
        notifier.feed(failure(number=number))
    asked = target.asked
    assert asked < 6  # with growing waits, not in a loop
    target.refuses = False
    assert "100 failed handshakes." in target.notice()["message"]
    notifier.close()


def test_pending_notices_are_sent_at_the_end(target: Target) -> None:
    notifier = Notifier(target.url, every=60, recovered=60)
    notifier.feed(failure())
    notifier.close()
    assert target.notice(1)["title"] == "bad_certificate: o/e/a"


def test_an_address_that_is_not_understood_is_refused_without_its_secret() -> None:
    with pytest.raises(UsageError) as caught:
        Notifier("nonsense://user:secret@host", every=1, recovered=1)
    assert "secret" not in str(caught.value)


def test_failures_of_too_many_groups_are_counted(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logscan._outputs.notify.GROUPS", 3)
    notifier = Notifier(target.url, every=60, recovered=60)
    for number in range(5):
        notifier.feed(failure(f"p{number}"))
    notifier.close()
    notices = [target.notice(1) for _ in range(4)]
    assert [notice["title"] for notice in notices][3] == "other groups: ?/?/others"
    assert "2 failed handshakes." in notices[3]["message"]
    assert notifier.dropped == 0


def test_notices_are_harmless(target: Target) -> None:
    """M9: what others wrote mentions nobody, links nowhere, has no markup and no hidden character; nobody is invited to
    paste it; names are short; every failure is counted."""
    notifier = Notifier(target.url, every=60, recovered=60)
    attacks = [attack.text for attack in hostile.ATTACKS]
    for text in attacks:
        for field in ("org", "env", "proxy", "alert", "message_id"):
            one: Any = failure()._replace(proxy=f"{field}-{hash(text)}")
            notifier.feed(one._replace(**{field: text}))
        notifier.feed(
            failure(f"target-{hash(text)}")._replace(channel=Channel("", 0, text, 443, *[None] * 8))
        )
    notifier.close(60)
    notices = [target.notice(1) for _ in range(notifier.sent)]
    counts = [int(notice["message"].split()[0]) for notice in notices]
    assert sum(counts) == 6 * len(attacks)
    for notice in notices:
        text = notice["title"] + "\n" + notice["message"]
        assert hostile.unsafe(text, "\n") == set()
        assert not set('<>[]@`*~|\\!#{}"') & set(text)
        assert "://" not in text
        assert len(notice["title"]) < 500
        for line in notice["message"].splitlines():
            if line.startswith("See: "):
                words = shlex.split(line.removeprefix("See: "))
                assert words[:2] == ["logscan", "search"]
                assert len(words) == 3
                assert words[2] in {*attacks, "m-1"}
                assert not words[2].startswith("-")


@pytest.mark.parametrize(
    ("message_id", "said"),
    [
        ("rrt-1:2_b.c", "See: logscan search rrt-1:2_b.c"),
        ("x;touch${IFS}PWN", "See message x;touch$｛IFS｝PWN"),
        ("x;id", "See: logscan search 'x;id'"),
        ("--help", "See message --help"),
        ("a\u202eb", "See message a＼u202eb"),
    ],
)
def test_a_command_to_paste_is_quoted(target: Target, message_id: str, said: str) -> None:
    """M9: as diagnose quotes it; none where the id could be an option, or is not what it seems."""
    notifier = Notifier(target.url, every=60, recovered=60)
    notifier.feed(failure()._replace(message_id=message_id))
    notifier.close()
    assert target.notice(1)["message"].splitlines()[-1] == said


def test_a_command_gets_each_failure_as_json(follow: list[Tail], log: Path, tmp_path: Path) -> None:
    """On its standard input, without a shell."""
    out = tmp_path / "got $HOME.txt"
    script = tmp_path / "script.py"
    script.write_text("import sys; open(sys.argv[1], 'a').write(sys.stdin.read())")
    tail = Tail("--exec", f"{sys.executable} {script} '{out}'", "--from-start", log)
    follow.append(tail)
    append(log, ONE)
    tail.line(), tail.line()
    until(lambda: out.exists() and out.read_text().count("\n") == 2)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["message_id"] for row in rows] == ["old", "m-1"]
    assert len({row["id"] for row in rows}) == 2


def test_a_command_that_fails_is_reported_once(follow: list[Tail], log: Path) -> None:
    tail = Tail("--exec", "false", "--from-start", log)
    follow.append(tail)
    tail.line()
    assert "false ended with status 1" in tail.error()
    append(log, ONE)
    assert "m-1" in tail.line()
    _, printed = tail.stop()
    assert printed.count("ended with status") == 1


def test_a_slow_command_drops_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading never waits for it: all failures are taken while the first command still runs."""
    monkeypatch.setattr("logscan._outputs.execute.WAITING", 2)
    gate, done = tmp_path / "gate", tmp_path / "done"
    script = f"while [ ! -e {gate} ]; do sleep 0.02; done; cat >> {done}"
    executor = Executor(f"sh -c '{script}'")
    for number in range(50):
        executor.feed(str(number))
    assert not done.exists()
    assert executor.dropped in (47, 48)  # one runs (or is about to), two wait
    gate.touch()
    executor.close(60)
    assert len(done.read_text().splitlines()) == 50 - executor.dropped
    assert executor.failed == 0


def test_metrics_over_http_and_as_a_file(follow: list[Tail], log: Path, tmp_path: Path) -> None:
    """Both show the same failures."""
    with socket.socket() as spare:
        spare.bind(("127.0.0.1", 0))
        port = spare.getsockname()[1]
    prom = tmp_path / "logscan.prom"
    tail = Tail("--all", "--metrics", f":{port}", "--metrics-file", prom, "--from-start", log)
    follow.append(tail)
    append(log, ONE + ONE.replace("m-1", "m-2").replace("bad_certificate", "unknown_ca"))
    for _ in range(3):
        tail.line()

    def scraped() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    bad = 'logscan_failed_handshakes_total{alert="bad_certificate",env="e",org="o",proxy="a",side="southbound"} 2.0'
    until(lambda: bad in scraped())
    text = scraped()
    assert 'alert="unknown_ca"' in text
    for name in ("lag_bytes", "lag_seconds", "open_messages", "files", "bytes_total", "unparsed_entries_total",
                 "early_failures_total", "gap_bytes_total"):  # fmt: skip
        assert f"\nlogscan_{name} " in text
    assert f"logscan_bytes_total {float(log.stat().st_size)}" in text
    assert "\nlogscan_files 1.0" in text
    tail.stop()
    assert bad in prom.read_text()


def test_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log full of invented names cannot fill the memory of Prometheus."""
    from logscan._outputs import metrics
    from logscan.values import Counters

    monkeypatch.setattr(metrics, "SERIES", 3)
    made = metrics.Metrics(Counters(), lambda: dict.fromkeys(metrics._GAUGES, 0.0))
    for number in range(10):
        made.feed(failure(f"p{number}"))
    import prometheus_client

    text = prometheus_client.generate_latest(made.registry).decode()
    assert 'proxy="other",side="southbound"} 7.0' in text


def test_a_port_that_is_taken(follow: list[Tail], log: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        tail = Tail("--metrics", f":{taken.getsockname()[1]}", log)
        follow.append(tail)
        assert tail.process.wait(timeout=20) == 2
    assert "in use" in tail.error()


def test_systemd_is_notified(
    follow: list[Tail], log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready, alive while it follows, ending."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service:
        service.bind(str(address))
        service.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        tail = Tail(log)
        follow.append(tail)
        assert service.recv(100) == b"READY=1"
        assert [service.recv(100) for _ in range(4)] == [b"WATCHDOG=1"] * 4
        tail.process.send_signal(signal.SIGTERM)
        while (state := service.recv(100)) == b"WATCHDOG=1":
            pass
        assert state == b"STOPPING=1"


def test_the_watchdog_is_served_twice_as_often_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what the service manager allows; another process's watchdog is not ours."""
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert systemd.watchdog_seconds() == 15
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert systemd.watchdog_seconds() == 15
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_seconds() is None
    monkeypatch.delenv("WATCHDOG_USEC")
    assert systemd.watchdog_seconds() is None


def test_the_sink_takes_a_failure_once(tmp_path: Path) -> None:
    """Over restarts, and after a crash in the middle of a line."""
    path = tmp_path / "out.jsonl"
    sink = Sink(str(path))
    assert sink.add("1", '{"id": "1"}')
    sink.flush()
    sink.close()
    with path.open("a") as file:
        file.write('{"id": "2", "torn')
    sink = Sink(str(path))
    assert not sink.add("1", '{"id": "1"}')
    assert sink.add("2", '{"id": "2"}')
    assert sink.add("1", '{"id": "1"}')  # another one of the same name: the file had one
    sink.flush()
    sink.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["1", "2", "1"]


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of files has the same effect."""
    import resource

    path = tmp_path / "out.jsonl"
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        sink = Sink(str(path))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        for number in range(20):
            sink.add(str(number), json.dumps({"id": str(number), "x": "y" * 20}))
        with pytest.raises(OutputError, match="too large"):
            sink.flush()
        assert path.read_bytes() == b""
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        sink.flush()
        sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [str(n) for n in range(20)]


def test_sighup_reopens_the_output(follow: list[Tail], log: Path, tmp_path: Path) -> None:
    """So that logrotate can move it away."""
    out = tmp_path / "out.jsonl"
    tail = Tail("--output", out, "--from-start", log)
    follow.append(tail)
    until(lambda: out.exists() and b"old" in out.read_bytes())
    out.rename(tmp_path / "out.1")
    tail.process.send_signal(signal.SIGHUP)
    until(out.exists)
    append(log, ONE)
    until(lambda: b"m-1" in out.read_bytes())
    assert b"m-1" not in (tmp_path / "out.1").read_bytes()
    code, printed = tail.stop()
    assert (code, printed) == (0, "")


def test_a_notice_from_a_running_tail(follow: list[Tail], log: Path, target: Target) -> None:
    tail = Tail("--notify", target.url, "--every", "1h", "--from-start", log)
    follow.append(tail)
    assert target.notice()["title"] == "bad_certificate: o/e/a"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--every", "soon", "--notify", "json://x"], "expected a length of time"),
        (["--exec", "'open"], "No closing quotation"),
        (["--metrics", "nowhere"], "expected an address"),
        (["--start-over"], "needs a checkpoint"),
        (["--entries", "--output", "x"], "--entries only prints"),
        (["--output", "/nonexistent/x"], "cannot be written"),
    ],
)
def test_usage(follow: list[Tail], log: Path, arguments: list[str], words: str) -> None:
    tail = Tail(*arguments, log)
    follow.append(tail)
    assert tail.process.wait(timeout=20) == 2
    assert words in tail.error()


def test_reading_goes_on_while_everything_else_fails(follow: list[Tail], log: Path, tmp_path: Path) -> None:
    """Targets that are down, commands that fail, metrics that cannot be written any more."""
    (tmp_path / "m").mkdir()
    tail = Tail(
        "--notify", "json://127.0.0.1:9/", "--exec", "false", "--metrics-file", tmp_path / "m" / "x.prom",
        "--from-start", log,
    )  # fmt: skip
    follow.append(tail)
    for number in range(5):
        append(log, (channel(BAD) + info("K@1", "alias") + thrown(JAVA)).replace("m-1", f"n-{number}"))
        (tmp_path / "m").chmod(0o500)
    assert [tail.line().rpartition(":")[2] for _ in range(6)] == ["old", *(f"n-{n}" for n in range(5))]
    assert os.path.exists(log)
