"""Configuration and cron: what is set where, and nights of 23 and 25 hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import ROOT, logscan

FILE = """
tz = "Europe/Berlin"
[report]
alert = ["all"]
format = "csv"
not-proxy = ["orders", "catalog"]
[tail]
notify = ["slack://t0ken"]
"""


def test_where_values_come_from(tmp_path: Path) -> None:
    """The command line, else the environment, else the file, else the program; and config show says so."""
    (tmp_path / "logscan.toml").write_text(FILE)
    sample = str(ROOT / "sample_logs")
    done = logscan("report", sample, cwd=tmp_path)
    rows = done.stdout.decode().splitlines()
    assert rows[0].startswith("org,env,proxy")
    assert not any("orders" in row or "catalog" in row for row in rows)
    assert any("broken_pipe" in row for row in rows)
    done = logscan(
        "report",
        sample,
        cwd=tmp_path,
        LOGSCAN_REPORT_FORMAT="jsonl",
        LOGSCAN_REPORT_ALERT="unknown_ca broken_pipe",
    )
    assert {line[0] for line in done.stdout.decode().splitlines()} == {"{"}
    assert done.stdout.count(b'"alert"') == 2
    done = logscan("report", sample, "--format", "markdown", cwd=tmp_path, LOGSCAN_REPORT_FORMAT="jsonl")
    assert done.stdout.startswith(b"| org")
    done = logscan("report", sample, cwd=tmp_path, LOGSCAN_CONFIG="")
    assert done.stdout.startswith(b"client-certificate: 15 failed handshakes")
    shown = logscan("config", "show", cwd=tmp_path, LOGSCAN_REPORT_DETAILS="3").stdout.decode()
    assert "configuration file: logscan.toml" in shown
    for words in (
        'tz        = "Europe/Berlin"   # file: logscan.toml',
        'details   = "3"   # environment: LOGSCAN_REPORT_DETAILS',
    ):
        assert words in shown
    assert "t0ken" not in shown
    assert "built in" in logscan("config", "show", "search", "--all", cwd=tmp_path).stdout.decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x =", b"not TOML"), ("colour = 'always'", b"no command has such an option"), ("[reports]\nby = 'host'", b"is no command"),
        ("[report]\nformats = 'csv'", b"no such option"), ("[report]\nformat = ['csv']", b"expected one value"),
        ("[report]\nquiet = 'yes'", b"expected true or false"),
    ],
)  # fmt: skip
def test_a_wrong_file(text: str, message: bytes, tmp_path: Path) -> None:
    """The error names the file, before any log is read."""
    (tmp_path / "logscan.toml").write_text(text)
    command = "config" if b"no command has" in message else "report"
    done = logscan(command, *(() if command == "config" else ("x.log",)), cwd=tmp_path)
    assert (done.returncode, message in done.stderr, b"logscan.toml" in done.stderr) == (2, True, True), (
        done.stderr
    )


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """The file of LOGSCAN_CONFIG must exist; a variable of the wrong type is named."""
    done = logscan("report", "x.log", cwd=tmp_path, LOGSCAN_CONFIG="gone.toml")
    assert (done.returncode, b"gone.toml" in done.stderr) == (2, True)
    done = logscan("report", "x.log", cwd=tmp_path, LOGSCAN_REPORT_QUIET="perhaps")
    assert (done.returncode, b"LOGSCAN_REPORT_QUIET" in done.stderr) == (2, True)
    done = logscan("report", "x.log", cwd=tmp_path, LOGSCAN_REPORT_DETAILS="few")
    assert (done.returncode, b"LOGSCAN_REPORT_DETAILS" in done.stderr) == (2, True)


def test_paths_of_the_file(tmp_path: Path) -> None:
    """A value at the top is for every command that has this argument."""
    (tmp_path / "system.log").write_bytes((ROOT / "sample_logs/no-keystore/system.log").read_bytes())
    (tmp_path / "logscan.toml").write_text('paths = ["system.log"]\n')
    assert logscan("report", cwd=tmp_path).stdout.startswith(b"client-certificate: 2 failed handshakes")


def test_every_option_has_a_variable(tmp_path: Path) -> None:
    """Switches, pairs of switches, arguments, and options whose Python name is another."""
    (tmp_path / "system.log").write_bytes((ROOT / "sample_logs/no-keystore/system.log").read_bytes())
    done = logscan("report", cwd=tmp_path, LOGSCAN_REPORT_PATHS="system.log", LOGSCAN_REPORT_FAIL_ON="1")
    assert (done.returncode, done.stdout[:17]) == (1, b"client-certificat"), done.stderr
    search = ("search", "router01.example.com-4321-1001-1", "system.log")
    done = logscan(*search, cwd=tmp_path, LOGSCAN_SEARCH_WITH_FILENAME="true", LOGSCAN_SEARCH_MAX_COUNT="1")
    assert done.stdout.startswith(b"system.log:2026")
    done = logscan(
        *search, "-H", cwd=tmp_path, LOGSCAN_SEARCH_WITH_FILENAME="false", LOGSCAN_SEARCH_COUNT="1"
    )
    assert done.stdout.startswith(b"system.log:")
    done = logscan(*search, cwd=tmp_path, LOGSCAN_SEARCH_JSON="1")
    assert done.stdout.startswith(b"{")
    shown = logscan("config", "show", cwd=tmp_path, LOGSCAN_TAIL_EXEC="true").stdout
    assert b'exec = "true"   # environment: LOGSCAN_TAIL_EXEC' in shown


@pytest.mark.parametrize(
    ("day", "after", "hours"), [("2026-03-29", "2026-03-30", 23), ("2026-10-25", "2026-10-26", 25), ("2026-11-23", "2026-11-24", 24)]
)  # fmt: skip
def test_nights_of_other_lengths(day: str, after: str, hours: int, tmp_path: Path) -> None:
    """On both days on which clocks change a day is that day: the repeated hour counts twice, the missing one is none."""
    from datetime import UTC, datetime, timedelta
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Europe/Berlin")
    start = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    line = (ROOT / "sample_logs/no-keystore/system.log").read_text().splitlines()
    failing = next(text for text in line if "handshake failed" in text)
    lines = []
    for number in range(-30, 60):
        local = (start + timedelta(hours=number, minutes=30)).astimezone(zone)
        lines.append(f"{local:%Y-%m-%d %H:%M:%S},000" + failing[23:].replace("-1001-", f"-{number + 100}-"))
    (tmp_path / "system.log").write_text("\n".join(lines) + "\n")
    done = logscan(
        "report",
        "system.log",
        "--since",
        day,
        "--until",
        after,
        "--tz",
        "Europe/Berlin",
        "--format",
        "csv",
        cwd=tmp_path,
    )
    (row,) = done.stdout.decode().splitlines()[1:]
    assert row.split(",")[6] == str(hours)
