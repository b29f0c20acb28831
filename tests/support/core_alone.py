"""An environment that has what logscan requires and nothing else, made of this one: the packages of the extras, and
all others that the requirements do not bring, cannot be imported.

The directory goes to the front of ``PYTHONPATH``: Python imports ``sitecustomize`` from it when it starts, also in
the processes that a command starts.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, requires
from pathlib import Path

from support.command import ROOT, environment

_BLOCK = '''import sys

BLOCKED = frozenset({names!r})


class Blocked:
    """Finds none of these packages."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """As an import system that has not found it."""
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        return None


sys.meta_path.insert(0, Blocked)
'''


def project() -> dict[str, object]:
    """The table ``project`` of pyproject.toml."""
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def requirements() -> list[str]:
    """What logscan requires without an extra."""
    wanted = project()["dependencies"]
    assert isinstance(wanted, list)
    return wanted


def name_of(requirement: str) -> str:
    """The distribution that a requirement asks for, as an index compares names."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def closure(requirements: Iterable[str]) -> set[str]:
    """The distributions of some requirements, and those that they require without an extra."""
    done: set[str] = set()
    left = [*requirements]
    while left:
        requirement = left.pop()
        name = name_of(requirement)
        if name in done or "extra ==" in requirement:
            continue
        try:
            distribution(name)
        except PackageNotFoundError:  # of another system or Python
            continue
        done.add(name)
        left += requires(name) or []
    return done


@cache
def blocked(with_frames: bool = True) -> frozenset[str]:
    """The packages of this environment that one with logscan's requirements alone would lack.

    Args:
        with_frames: pandas is there. Without it, that is a host with the core alone.
    """
    kept = closure(name for name in requirements() if with_frames or name_of(name) != "pandas")
    return frozenset(
        package
        for package, owners in packages_distributions().items()
        if not {name_of(owner) for owner in owners} & kept
        and package not in ("logscan", "coverage", *sys.stdlib_module_names)
    )


def alone(folder: Path, *, with_frames: bool = True, **more: str) -> dict[str, str]:
    """The environment variables of a process that has the core alone; makes what they name in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_BLOCK.format(names=sorted(blocked(with_frames))))
    return environment(**more) | {"PYTHONPATH": f"{folder}:{ROOT}"}
