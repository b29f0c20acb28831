"""What ``--help`` says, and the answers to words that are mistyped."""

from __future__ import annotations

import re

import pytest

from logscan._cli._commands import COMMANDS, grouped
from logscan._cli._help import GROUPS, group_of, summary_of, written
from support.command import logscan


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
