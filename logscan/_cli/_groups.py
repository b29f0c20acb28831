"""Groups of hosts: ``@prod`` among paths stands for the hosts that ``[hosts]`` of the configuration names.

A host that is asked runs nothing that the configuration says, but learns who asks. So no group is taken from
a file of the working directory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from logscan._cli import _configuration as configuration
from logscan._reading.ssh import SCHEME, is_ssh, parsed
from logscan.errors import UsageError, choose_from

_NAME = re.compile(r"[\w.-]+")


def expanded(paths: Sequence[str]) -> list[str]:
    """Paths with the addresses of its hosts in place of each group.

    Raises:
        UsageError: there is no such group.
    """
    if not any(path.startswith("@") for path in paths):
        return list(paths)
    groups = configured()
    done: list[str] = []
    for path in paths:
        if not path.startswith("@"):
            done.append(path)
        elif path[1:] in groups:
            done += groups[path[1:]]
        else:
            hint = choose_from(path[1:], groups) if groups else "docs/hosts.md shows what a group looks like"
            raise UsageError(
                f"{path}: no such group of hosts in the configuration", f"{hint}; a file is ./{path}"
            )
    return list(dict.fromkeys(done))


def configured() -> dict[str, tuple[str, ...]]:
    """The groups of the configuration that is used, by name.

    Raises:
        UsageError: one is wrong.
    """
    used = configuration.trusted()
    return {} if used is None else groups_of(*used)


def groups_of(tables: Mapping[str, Any], path: str) -> dict[str, tuple[str, ...]]:
    """The groups of a configuration file: each host as an address.

    Raises:
        UsageError: something else than lists of hosts.
    """
    table = tables.get(configuration.HOSTS, {})
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {configuration.HOSTS}: expected [hosts]", 'write prod = ["mp01", "mp02"]')
    groups = {}
    for name, hosts in table.items():
        place = f"{path}: [hosts] {name}"
        if not _NAME.fullmatch(name):
            raise UsageError(f"{place}: a name of letters, digits, dots and dashes is needed", "rename it")
        if not isinstance(hosts, list) or not hosts or not all(isinstance(each, str) for each in hosts):
            raise UsageError(f"{place}: expected a list of hosts", 'write ["mp01", "ssh://admin@mp02/path"]')
        groups[name] = tuple(each if is_ssh(each) else SCHEME + each for each in hosts)
        try:
            for each in groups[name]:
                parsed(each)
        except UsageError as error:
            raise UsageError(f"{place}: {error}", error.hint) from error
    return groups


def check(tables: Mapping[str, Any], path: str, refuse: configuration.Refuse) -> None:
    """Check the groups of a file; those of a file of the working directory are refused.

    Raises:
        UsageError: see :func:`groups_of`.
    """
    if groups_of(tables, path) and configuration.is_untrusted(path):
        configuration.refuse_untrusted(refuse, path, f"[{configuration.HOSTS}]", "an address")
