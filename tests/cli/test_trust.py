"""Whose configuration is used, and for what; values of the wrong kind; zones and mail addresses that are none."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from logscan._cli import _configuration as configuration
from logscan._cli._commands import COMMANDS, grouped
from logscan.errors import UsageError
from support.command import ROOT, logscan

SAMPLE = ROOT / "sample_logs/no-keystore"
ACTING = {
    "store", "folder", "keep", "older-than", "unnamed", "dry-run", "version", "output", "history", "email", "routes", "cluster", "checkpoint", "start-over",
    "notify", "exec", "roots", "metrics", "metrics-file", "index", "mgmt", "mgmt-ca", "keylog", "curl",
}  # fmt: skip
"""Options that start a program, send, write, remove, or say whom to trust with a secret."""
HARMLESS = {
    "group", "top", "sort", "wide", "no-pager", "paths", "arguments", "files", "names", "query", "action", "command", "accept", "alert", "alias", "all",
    "all-causes", "after-context", "backend-ca", "before-context", "by", "color", "compare", "context",
    "count", "dashboard", "details", "each", "entries", "env", "every", "fail-on", "family", "file",
    "files-with-matches", "format", "from-start", "host", "join-bytes", "join-time", "json", "keystore", "last", "logs",
    "limit", "line-number", "list", "max-connections", "max-count", "max-entry-bytes", "max-messages",
    "max-open-connections", "memory", "mentions", "mgmt-timeout", "nice", "no-diagram", "no-index",
    "no-messages", "not-proxy", "note", "only-ids", "org", "poll", "poll-interval", "prefix", "proxy",
    "exclude", "max-incidents", "rotate-wait", "rotated", "status",
    "around", "ignore-case", "level", "logger", "message", "regex", "revision", "text", "time-limit", "within",
    "quiet", "quiet-time", "recovered", "review", "samples", "side", "simulate", "since", "stats", "subject", "tz",
    "until", "watch", "with-filename", "workers", "hosts-at-once", "pull",
}  # fmt: skip
"""Options that only choose what is read and how it is shown."""


def note(refused: list[str], message: str, hint: str) -> None:
    """Write down what is refused."""
    refused.append(message)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_classified(command: str) -> None:
    """H5: a new option is either harmless, and listed here, or marked with ACTS where it is defined."""
    (made,) = grouped([command]).commands.values()
    marked = configuration.acting(made)
    for parameter in made.params:
        (key,) = configuration.keys_of(parameter)[:1]
        assert (key in ACTING) != (key in HARMLESS), f"{command} --{key}: list it in this test"
        assert (parameter.name in marked) == (key in ACTING), (
            f"{command} --{key}: mark it with ACTS, or do not"
        )


@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_that_acts_comes_from_the_working_directory(command: str) -> None:
    """H5: of each command, each such option is refused in one line, and the others of the file are used."""
    group = grouped([command])
    (made,) = group.commands.values()
    for parameter in made.params:
        (key,) = configuration.keys_of(parameter)[:1]
        if key in ACTING:
            refused: list[str] = []
            is_number = parameter.type.name.startswith(("int", "float"))
            tables = {command: {key: 1 if is_number else bool(getattr(parameter, "is_flag", False)) or "x"}}
            found = configuration.defaults(
                group, tables, configuration.HERE, COMMANDS, partial(note, refused)
            )
            assert (found[command], len(refused)) == ({}, 1), key
            assert refused[0].startswith(f"logscan.toml: {key} is not used")
            found = configuration.defaults(group, tables, "/etc/x.toml", COMMANDS, lambda *_: None)
            assert parameter.name in found[command]


def test_a_program_of_the_working_directory_is_not_run(tmp_path: Path) -> None:
    """H5: exec, output and mgmt of a directory that somebody prepared; LOGSCAN_CONFIG says that it is trusted."""
    text = '[tail]\nexec="touch EXECUTED"\n[report]\noutput="OVERWRITTEN"\nsamples=0\n[diagnose]\nmgmt="http://127.0.0.1:1"\n'
    (tmp_path / "logscan.toml").write_text(text)
    log = (SAMPLE / "system.log").read_bytes()
    done = logscan("tail", "--from-start", "-", stdin=log, cwd=tmp_path)
    assert (done.returncode, b"exec is not used" in done.stderr) == (0, True), done.stderr
    assert b"LOGSCAN_CONFIG=logscan.toml" in done.stderr
    done = logscan("diagnose", SAMPLE, cwd=tmp_path, LOGSCAN_MGMT_TOKEN="SEKRIT")
    assert (done.returncode, b"mgmt is not used" in done.stderr) == (0, True)
    assert os.listdir(tmp_path) == ["logscan.toml"]
    done = logscan("report", SAMPLE, cwd=tmp_path, LOGSCAN_CONFIG="logscan.toml")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "OVERWRITTEN").exists()


def test_an_address_of_the_working_directory_is_not_asked(tmp_path: Path) -> None:
    """H5: paths are harmless, but for those on other machines: reading one sends what proves who asks."""
    (tmp_path / "logscan.toml").write_text('paths = ["s3://bucket/x", "system.log"]\n')
    done = logscan("report", cwd=tmp_path)
    assert b"an address is not" in done.stderr
    assert done.returncode == 2


def found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, named: str | None = None
) -> tuple[str | None, list[str]]:
    """The configuration that is used in a directory, and what is refused there."""
    refused: list[str] = []
    with monkeypatch.context() as changed:
        changed.chdir(folder)
        changed.setenv("HOME", str(folder))
        changed.delenv("LOGSCAN_CONFIG", raising=False)
        if named:
            changed.setenv("LOGSCAN_CONFIG", named)
        return configuration.find(lambda *words: refused.append(" ".join(words))), refused


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o602])
def test_a_file_that_others_can_write(mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """H5: it is not used, in one line with what to do; named by LOGSCAN_CONFIG, anybody may not write it."""
    path = tmp_path / "logscan.toml"
    path.write_text("")
    assert found(tmp_path, monkeypatch) == ("logscan.toml", [])
    path.chmod(mode)
    used, (refused,) = found(tmp_path, monkeypatch)
    assert used is None
    assert "is not used: others can write it" in refused
    assert "LOGSCAN_CONFIG=logscan.toml" in refused
    if mode & 2:
        with pytest.raises(UsageError, match="others can write it"):
            found(tmp_path, monkeypatch, str(path))
    else:
        assert found(tmp_path, monkeypatch, str(path)) == (str(path), [])


def test_the_run_goes_on(tmp_path: Path) -> None:
    """H5: without a file that is refused."""
    (tmp_path / "logscan.toml").write_text('[report]\nformat = "csv"\n')
    assert logscan("report", SAMPLE, cwd=tmp_path).stdout.startswith(b"org,env")
    (tmp_path / "logscan.toml").chmod(0o666)
    done = logscan("report", SAMPLE, cwd=tmp_path)
    assert (done.returncode, done.stdout[:17]) == (0, b"client-certificat")
    assert b"is not used: others can write it" in done.stderr


def test_a_directory_that_others_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """H5: whoever can rename there can put a file in place; a sticky directory protects each owner's files."""
    (tmp_path / "logscan.toml").write_text("")
    for mode, used in ((0o777, None), (0o770, None), (0o1777, "logscan.toml"), (0o755, "logscan.toml")):
        tmp_path.chmod(mode)
        path, refused = found(tmp_path, monkeypatch)
        assert path == used, oct(mode)
        assert any("others can write this directory" in words for words in refused) == (used is None)


def test_files_of_other_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """H5: a file of another user, or a link of another user, is not used; the next place is."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    home = tmp_path / "home/.config/logscan"
    home.mkdir(parents=True)
    (home / "logscan.toml").write_text('[report]\nformat = "jsonl"\n')
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LOGSCAN_CONFIG", raising=False)
    refused: list[str] = []
    (work / "logscan.toml").write_text("")
    assert configuration.find(lambda message, _: refused.append(message)) == "logscan.toml"
    os.chown("logscan.toml", 12345, -1)
    assert configuration.find(lambda message, _: refused.append(message)) == str(home / "logscan.toml")
    (work / "logscan.toml").unlink()
    (work / "logscan.toml").symlink_to(home / "logscan.toml")
    os.chown("logscan.toml", 12345, -1, follow_symlinks=False)
    assert configuration.find(lambda message, _: refused.append(message)) == str(home / "logscan.toml")
    assert [message.rpartition(": ")[2] for message in refused] == ["it belongs to another user"] * 2
    os.chown(home / "logscan.toml", 12345, -1)
    with pytest.raises(UsageError, match="another user"):
        configuration.find(lambda *_: None)
    os.chown(home / "logscan.toml", 0, -1)
    (home / "logscan.toml").chmod(0o664)
    with pytest.raises(UsageError, match="others can write"):
        configuration.find(lambda *_: None)


def test_what_is_no_file(tmp_path: Path) -> None:
    """M12: a directory or a pipe in place of the file: one line; code 2 where the user named it."""
    (tmp_path / "logscan.toml").mkdir()
    done = logscan("report", SAMPLE, cwd=tmp_path)
    assert (done.returncode, b"is not used: it is not a file" in done.stderr) == (0, True)
    os.mkfifo(tmp_path / "pipe")
    for name in ("logscan.toml", "pipe"):
        done = logscan("report", SAMPLE, cwd=tmp_path, LOGSCAN_CONFIG=name)
        assert (done.returncode, b"it is not a file" in done.stderr, done.stdout) == (2, True, b"")
    home = tmp_path / "home"
    (home / ".config/logscan/logscan.toml").mkdir(parents=True)
    (tmp_path / "logscan.toml").rmdir()
    done = logscan("report", SAMPLE, cwd=tmp_path, HOME=str(home))
    assert (done.returncode, b"it is not a file" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("command", "text", "words"),
    [
        ("report", "report=5", "it is a command"), ("report", "tail=[1]", "it is a command"),
        ("report", "[report]\nnot-proxy=5", "expected text, or a list"), ("report", "[report]\nnot-proxy=[5]", "expected text, or a list"),
        ("report", "[report]\nsamples='3'", "expected a number"), ("report", "[report]\nsamples=1.5", "expected a number"),
        ("tail", "[tail]\nquiet-time=nan", "expected a number"), ("tail", "[tail]\npoll-interval=inf", "expected a number"),
        ("report", "[report]\ntz=true", "expected text"), ("report", "[report.x]\ny=1", "no such option"),
        ("report", "tz={a=1}", "is no command"), ("report", "a=" + "[" * 3_000, "not TOML"), ("report", "a=" + "9" * 5_000, "not TOML"),
        ("report", "\udcff", "not TOML"), ("report", "#" * (1 << 20) + "\n", "more than"),
    ],
)  # fmt: skip
def test_values_of_the_wrong_kind(command: str, text: str, words: str, tmp_path: Path) -> None:
    """M12: one line that names the file and the key, and code 2."""
    path = tmp_path / "logscan.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=words) as raised:
        configuration.defaults(
            grouped([command]), configuration.load(str(path)), str(path), COMMANDS, lambda *_: None
        )
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_values_of_the_right_kind(tmp_path: Path) -> None:
    """M12: numbers and dates where they are natural."""
    path = tmp_path / "logscan.toml"
    path.write_text("[report]\nsince = 2026-11-23\nfail-on = 5\nsamples = 3\njoin-time = 1\nproxy = 'a'\n")
    found = configuration.defaults(
        grouped(["report"]), configuration.load(str(path)), str(path), COMMANDS, lambda *_: None
    )
    assert found["report"] == {
        "since": "2026-11-23", "fail_on": "5", "samples": 3, "join_time": 1, "proxy": ["a"],
    }  # fmt: skip


def test_variables_without_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """M12: a misspelt variable is reported, as a misspelt key is; those of other commands are not looked at."""
    done = logscan("report", SAMPLE, LOGSCAN_REPORT_FOO="1")
    assert (done.returncode, b"LOGSCAN_REPORT_FOO: report has no such option" in done.stderr) == (2, True)
    monkeypatch.setenv("LOGSCAN_TAIL_FOO", "1")
    monkeypatch.setenv("LOGSCAN_REPORT_TZ", "UTC")
    configuration.check_variables(grouped(["report"]))
    with pytest.raises(UsageError, match="LOGSCAN_TAIL_FOO"):
        configuration.check_variables(grouped(COMMANDS))


def test_zones_that_are_none() -> None:
    """M12: a path, an offset of more than a day, damage: one line and code 2."""
    from logscan.times import zone_named

    for name in (
        "/etc/passwd",
        "../../../etc/passwd",
        ":/etc/passwd",
        "UTC-25",
        "Europe",
        "posix/../../etc",
        "x" * 5_000,
        "a\0b",
        "",
    ):
        with pytest.raises(UsageError, match="no such time zone"):
            zone_named(name)
    for name in (
        "Europe/Berlin",
        "UTC",
        "Etc/GMT+5",
        "EST5EDT",
        "America/Argentina/Buenos_Aires",
        "+02:00",
        "UTC+02:00",
    ):
        assert zone_named(name) is not None
    done = logscan("report", SAMPLE, "--format", "ecs", TZ="UTC-25")
    assert (done.returncode, b"TZ=UTC-25: no time zone" in done.stderr, done.stdout) == (2, True, b"")


def test_mail_addresses_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """M12: ports, hosts and senders: one line, and the password is not shown."""
    from logscan._outputs.mail import compose, send

    mail = compose("x", "x", "x", ["a@b"], sender="me@b")
    for server in (
        "smtp://h:99999",
        "smtp://[::1",
        "smtp://u:geheim@h:x",
        "smtp://",
        "http://h",
        "smtp://" + "ü" * 80,
        "smtp://a..b",
    ):
        with pytest.raises(UsageError, match="expected the address of a mail server") as raised:
            send(mail, server)
        assert "geheim" not in str(raised.value)
    for sender in ("a@b\nBcc: x@y", "a@b\rx", "nobody", "a@b\0"):
        with pytest.raises(UsageError, match="LOGSCAN_MAIL_FROM"):
            compose("x", "x", "x", ["a@b"], sender=sender)


def test_the_page_names_the_options_that_act() -> None:
    """H5: docs/configuration.md lists them."""
    page = (ROOT / "docs/configuration.md").read_text()
    assert {key for key in ACTING if f"`{key}`" not in page} == set()


def test_passwords_of_the_configuration(tmp_path: Path) -> None:
    """M11: config show prints no address with a password, and no curl command."""
    text = 'paths = ["sftp://u:SEKRIT@h/x"]\n[diagnose]\nmgmt = "https://u:SEKRIT@h"\n[gather]\ncurl = "curl -u u:SEKRIT"\n'
    (tmp_path / "c.toml").write_text(text)
    done = logscan("config", "show", cwd=tmp_path, LOGSCAN_CONFIG="c.toml")
    assert (done.returncode, b"SEKRIT" in done.stdout, b"sftp://***@h/x" in done.stdout) == (0, False, True)
