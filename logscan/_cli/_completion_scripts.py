"""The completion scripts of bash, zsh and fish, and how they are installed.

Each script asks ``logscan`` (:mod:`logscan._cli._completion`) at each TAB.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from logscan._cli._completion import INSTALL, SHELLS, SHOW, VARIABLE
from logscan.errors import OutputError, UsageError, reason_of

SCRIPTS = {
    "bash": r"""_logscan() {
    local reply
    mapfile -t reply < <(@VARIABLE@=bash "$1" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    COMPREPLY=()
    case ${reply[0]} in
        files) compopt -o default ;;
        dirs) compopt -o dirnames ;;
        *) COMPREPLY=("${reply[@]:1}") ;;
    esac
}

complete -o nosort -F _logscan logscan
""",
    # The file is the function that zsh loads at the first TAB: it must complete then, not only define.
    "zsh": r"""#compdef logscan

_logscan() {
    local -a reply
    reply=("${(@f)$(@VARIABLE@=zsh "${words[1]}" "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ "${words[CURRENT]}" == --*=* ]] && compset -P '*='
    case ${reply[1]} in
        files) _files ;;
        dirs) _files -/ ;;
        *) shift reply; (( $#reply )) && _describe -V logscan reply ;;
    esac
}

if [ "${funcstack[1]}" = _logscan ]; then
    _logscan "$@"
else
    compdef _logscan logscan
fi
""",
    "fish": r"""function __logscan_complete
    set -l word (commandline -ct)
    set -l before (commandline -opc)
    set -l reply (env @VARIABLE@=fish $before "$word" 2>/dev/null)
    switch "$reply[1]"
        case files
            __fish_complete_path "$word"
        case dirs
            __fish_complete_directories "$word" ''
        case '*'
            printf '%s\n' $reply[2..-1]
    end
end

complete --command logscan --no-files --keep-order --arguments '(__logscan_complete)'
""",
}


def run(arguments: Sequence[str]) -> None:
    """Do what ``--install-completion [SHELL]`` or ``--show-completion [SHELL]`` asks for.

    Raises:
        UsageError: an unknown shell, or none is named and it is not known which one asks.
        OutputError: a file cannot be written.
    """
    option, _, shell = arguments[0].partition("=")
    shell = shell or (arguments[1] if len(arguments) > 1 else "") or _this_shell()
    if shell not in SHELLS:
        from logscan.errors import choose_from

        raise UsageError(f"{option} {shell}: no completion for this shell", choose_from(shell, SHELLS))
    if option == SHOW:
        print(script_of(shell), end="")
        return
    try:
        path, loader = install(shell)
    except OSError as error:
        raise OutputError(f"{error.filename}: {reason_of(error)}", "correct its permissions") from error
    loaded = f"; {_short(loader)} loads it" if loader else ""
    print(f"Completion for {shell} is installed in {_short(path)}{loaded}.")
    print(f"It works in the next {shell} that you open.")


def script_of(shell: str) -> str:
    """The script of a shell."""
    return SCRIPTS[shell].replace("@VARIABLE@", VARIABLE)


def install(shell: str) -> tuple[str, str]:
    """Write the script where the shell finds it, and a line into its start file if that needs one.

    Args:
        shell: one of :data:`SHELLS`.

    Returns:
        The file of the script, and the start file that loads it; empty if the shell needs none.
    """
    if shell == "bash":
        path = os.path.expanduser("~/.bash_completions/logscan.sh")
        loader, line = os.path.expanduser("~/.bashrc"), f"source '{path}'"
    elif shell == "zsh":
        home = os.environ.get("ZDOTDIR") or os.path.expanduser("~")
        path = os.path.join(home, ".zfunc/_logscan")
        loader = os.path.join(home, ".zshrc")
        line = f"fpath+=('{os.path.dirname(path)}'); autoload -Uz compinit; compinit"
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        path, loader, line = os.path.join(base, "fish/completions/logscan.fish"), "", ""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(script_of(shell))
    if loader:
        _add_line(loader, line)
    return path, loader


def _add_line(path: str, line: str) -> None:
    """Add a line to the end of a start file, once. The rest of it is not touched."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except FileNotFoundError:
        text = ""
    if line not in text.splitlines():
        with open(path, "a", encoding="utf-8") as file:
            file.write(("\n" if text and not text.endswith("\n") else "") + line + "\n")


def _this_shell() -> str:
    """The shell from which logscan was started.

    Raises:
        UsageError: it is not known.
    """
    import shellingham  # type: ignore[import-untyped]  # a dependency of typer

    try:
        name: str = shellingham.detect_shell()[0]
    except (shellingham.ShellDetectionFailure, OSError):
        raise UsageError(
            "it is not known which shell this is", f"name it: logscan {INSTALL} " + "|".join(SHELLS)
        ) from None
    return name


def _short(path: str) -> str:
    home = os.path.expanduser("~")
    return "~" + path.removeprefix(home) if path.startswith(home + "/") else path
