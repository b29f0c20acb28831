"""What ``--help`` says, and the answers to words that are mistyped."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from logscan._cli._commands import COMMANDS, grouped
from logscan._cli._examples import EXAMPLES
from logscan._cli._help import GROUPS, group_of, summary_of, written
from logscan.errors import UsageError
from support import examples
from support.command import SAMPLES, environment, logscan


def help_of(*arguments: str) -> str:
    """The help at 80 columns."""
    done = logscan(*arguments, "--help", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_every_option_has_a_group_and_a_metavar() -> None:
    """A new option names its group where it is declared, and what its value means; each has a text."""
    for name, command in grouped(COMMANDS).commands.items():
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}: no help"
            if parameter.param_type_name == "option":
                assert group_of(parameter) in GROUPS, f"{name} {parameter.opts}: no such group"
                assert parameter.is_flag or parameter.metavar, f"{name} {parameter.opts}: no metavar"


def test_options_without_a_group_are_shown() -> None:
    """One that nobody put into a group stands in the last section."""
    import typer

    from logscan._cli._help import Command

    app = typer.Typer(rich_markup_mode=None, add_completion=False)

    @app.command(cls=Command)
    def bare(*, new: str = typer.Option("", "--new", help="New.")) -> None:
        """Bare."""

    command = typer.main.get_command(app)
    text = command.get_help(command.make_context("bare", []))
    assert re.search(r"^Options:\n +--new VALUE  New\.$", text, re.MULTILINE), text


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command(command: str) -> None:
    """Sections of options in one column, at most 80 columns wide; no type names of Python."""
    text = help_of(command)
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"<\w+|INTEGER|x>=|\bTEXT\b(?! )", text)
    titles = re.findall(r"^(\w+):$", text, re.MULTILINE)
    order = [*GROUPS]
    assert [title for title in titles if title in order] == [title for title in order if title in titles]
    assert titles[-1] in ("Options", "Examples")
    (made,) = grouped([command]).commands.values()
    for parameter in made.params:
        assert f"\n{written(parameter)}" in text, parameter.name


def test_the_list_of_commands_is_not_cut() -> None:
    """Each command has one line, in full."""
    text = help_of()
    for name, command in grouped(COMMANDS).commands.items():
        assert re.search(rf"^  {name} +{re.escape(summary_of(command))}$", text, re.MULTILINE), name


def test_h_is_the_help_but_for_search() -> None:
    """``-h`` is grep's there."""
    assert logscan("report", "-h").stdout == logscan("report", "--help").stdout
    assert logscan("search", "-h").returncode == 2


LINES = [(name, line) for name, examples in EXAMPLES.items() for _, line in examples]


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that has the files of the examples."""
    return examples.fill(tmp_path_factory.mktemp("examples"))


def test_every_command_has_examples() -> None:
    """Two to four each, at the end of its help."""
    assert set(EXAMPLES) == {"", *COMMANDS}
    assert {2, 3, 4} >= {len(examples) for examples in EXAMPLES.values()}
    text = " ".join(help_of("report").replace("\\\n", "").split())
    assert all(f"{purpose} $ {line}" in text for purpose, line in EXAMPLES["report"])


@pytest.mark.parametrize(("name", "line"), LINES, ids=[line for _, line in LINES])
def test_examples_can_be_parsed(name: str, line: str) -> None:
    """Each is a command line that its command understands."""
    program, command, *arguments = shlex.split(line)
    assert program == "logscan"
    assert name in ("", command) or line.endswith("report --store store/")
    grouped([command]).commands[command].make_context(command, arguments)


@pytest.mark.thorough
@pytest.mark.parametrize("line", examples.LINES)
def test_examples_run(line: str, workplace: Path) -> None:
    """Each does what it says on the sample logs; in place of the log of a machine, those are its default."""
    if "ssh://" in line:
        pytest.skip("its hosts are not there; tests/hosts/ has real ones")
    env = environment(LOGSCAN_KEYSTORE_PASSWORD="changeit", **examples.own_paths(line))
    done = examples.run_line(line, workplace, env)
    new = "--fail-on" in line  # there is no earlier run: its incidents are new
    assert done.returncode in ((0, 1) if new else (0,)), done.stderr
    assert done.stdout or re.search(
        r" -o | tail| mcp|--quiet|ingest|-24h|store (check|repair|vacuum)", line
    ), line


def test_alerts_lists_every_name() -> None:
    """The names that --alert takes, with a sentence each; those that may have another cause say so."""
    from logscan._failures import catalog, meanings

    rows = meanings.meanings()
    assert sorted(row.name for row in rows) == catalog.known_names()
    assert set(meanings._TEXTS) == set(catalog.known_names())
    assert set(meanings.FAMILIES) == set(catalog.FAMILIES)
    assert all(row.text.endswith(".") and row.text[0].isupper() for row in rows)
    listed = json.loads(logscan("alerts", "--format", "json").stdout)
    assert len(listed) == len(rows)
    assert next(row for row in listed if row["name"] == "handshake_failure") == {
        "name": "handshake_failure",
        "number": 40,
        "family": "protocol-cipher",
        "other_families": ["client-certificate"],
        "meaning": "The other end accepts nothing of what it was offered.",
    }
    text = logscan("alerts", "handshake_failure").stdout.decode()
    assert re.search(
        r"^   40  handshake_failure  The other end .*\. Or client-certificate\.$", text, re.MULTILINE
    )


def test_causes_lists_every_cause() -> None:
    """The registry of diagnose, with titles and remedies."""
    from logscan._diagnosis.causes import CAUSES

    text = logscan("causes").stdout.decode()
    assert all(f"  {cause.name} " in text and f"{cause.title}.\n" in text for cause in CAUSES)
    (row,) = json.loads(logscan("causes", "--format", "json", "ca_mismatch").stdout)
    assert row["name"] == "ca_mismatch"
    assert row["remedy"].startswith("Have the authority")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("report --json", "did you mean --format json?"),
        ("export --json", "did you mean --format jsonl?"),
        ("report --html", "did you mean --format html?"),
        ("report --formt json", "did you mean --format?"),
        ("report --output-format json", "did you mean --format?"),
        ("report --environment prod", "did you mean --env?"),
        ("report --from-start", "it is an option of logscan tail"),
        ("report --since", "logscan report --since TIME"),
        ("report -V", "did you mean logscan --version?"),
        ("search --id x", "did you mean logscan search MESSAGE_ID?"),
        ("diagnose --password x", "LOGSCAN_KEYSTORE_PASSWORD"),
        ("report --workers x", "--workers x: expected a whole number from 1 on"),
        ("report --samples 9", "--samples 9: expected a whole number from 0 to 3"),
        ("cat", "cat: --store is missing"),
        ("sql --store s SELECT 1", "put words with blanks into quotes"),
        ("--json report", "options stand after the command"),
        ("repot", "did you mean logscan report?"),
        ("version", "did you mean logscan --version?"),
        ("help", "did you mean logscan --help?"),
        ("grep", "did you mean logscan search?"),
        ("logs/system.log", "did you mean logscan report logs/system.log?"),
        ("router01.example.com-4321-5562-1", "did you mean logscan search router01"),
        ("xyzzy", "choose from report, search"),
        ("report --format jsn", "did you mean json?"),
        ("report --family client", "did you mean client-certificate?"),
        ("report --side north", "did you mean northbound?"),
        ("report --color alway sample_logs", "did you mean always?"),
        ("tail --alert none", "logscan alerts lists all names"),
        ("tail --alert bad_certifcate", "did you mean bad_certificate"),
        ("report --by targt sample_logs", "did you mean target?"),
        ("report --tz Europe/Berln", "did you mean Europe/Berlin"),
        ("alerts bad_certifcate", "did you mean bad_certificate"),
        ("causes ca_missmatch", "did you mean ca_mismatch?"),
        ("config shw", "did you mean show?"),
        ("config show reprt", "did you mean report?"),
    ],
)
def test_what_was_meant(line: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mistyped word is answered with what was meant, in the form of all messages."""
    from logscan._cli._errors import status_of

    name = line.split(maxsplit=1)[0]
    group = grouped([name] if name in COMMANDS else COMMANDS)
    status: object = None
    try:
        group(line.split())
    except UsageError as error:
        status = status_of(error)
    except SystemExit as error:
        status = error.code
    assert status == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("logscan: ")
    assert meant in output.err
    assert len(output.err.splitlines()) == 2


def test_a_mistake_is_one_message() -> None:
    """With the exit code of usage, on standard error; -V is the version."""
    done = logscan("report", "--json")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"logscan: report has no option --json\n  did you mean --format json?\n"
    assert logscan("-V").stdout == logscan("--version").stdout
    done = logscan("report", LOGSCAN_REPORT_WORKERS="x")
    assert done.stderr.startswith(b"logscan: LOGSCAN_REPORT_WORKERS=x: expected a whole number from 1 on\n")


@pytest.mark.parametrize("options", [[], ["--format", "json"], ["--format", "html"], ["--quiet"]])
def test_no_all_clear_where_nothing_was_read(options: list[str], tmp_path: Path) -> None:
    """A log of the night must not read "no failures" where a path was wrong; an earlier output stays."""
    done = logscan("report", "nofile", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"nofile: no such file or directory" in done.stderr
    assert done.stderr.endswith(b"logscan: nothing was read, so there is no report\n")
    (tmp_path / "old").write_text("old")
    assert logscan("report", "nofile", *options, "-o", "old", cwd=tmp_path).returncode == 2
    assert (tmp_path / "old").read_text() == "old"


def test_no_all_clear_of_the_other_commands(tmp_path: Path) -> None:
    """diagnose and export say it too; what could be read is used."""
    done = logscan("diagnose", "nofile", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.endswith(b"logscan: nothing was read, so there is no diagnosis\n")
    done = logscan("export", "nofile", "-o", "new.csv", cwd=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    done = logscan("report", "nofile", SAMPLES / "no-keystore", cwd=tmp_path)
    assert (done.returncode, done.stdout[:18]) == (2, b"client-certificate")
    (tmp_path / "empty.log").touch()
    done = logscan("report", "empty.log", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
