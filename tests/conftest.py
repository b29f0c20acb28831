"""Options, the end of a run, and fixtures of all tests."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Generator, Iterable
from typing import Any

import pytest

# The tests start the command a thousand times: without bytecode each would compile all of logscan anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A shell starts what runs in the background without SIGINT, nohup without SIGHUP, and commands under test would inherit
# that. A handler is not inherited: for them the signals are as usual, and this process goes on without them.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

from support import command, oracles, profiles  # noqa: E402
from support.command import Run, logscan  # noqa: E402
from support.object_store import object_store, s3  # noqa: E402
from support.tailing import follow, log  # noqa: E402
from support.terminal import screens  # noqa: E402

__all__ = ["follow", "log", "object_store", "s3", "screens"]

LEFT_OUT = "the time limit is reached"
DEADLINE = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The thorough run, and its limit."""
    group = parser.getgroup("logscan")
    group.addoption("--thorough", action="store_true", help="also long tests; ten times the examples")
    group.addoption(
        "--time-limit",
        type=float,
        metavar="MINUTES",
        help="begin no test after this time; name those left out",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the number of examples before a test module is imported; workers end when the first process says."""
    if not config.getoption("hypothesis_profile", None):
        profiles.load("thorough" if config.getoption("thorough") else "quick")
    command.IS_WARM = command.IS_WARM and not config.getoption("thorough")
    minutes = config.getoption("time_limit")
    limit = time.time() + 60 * minutes if minutes else float("inf")
    config.stash[DEADLINE] = getattr(config, "workerinput", {}).get("deadline", limit)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """One deadline for all workers of pytest-xdist."""
    node.workerinput["deadline"] = node.config.stash[DEADLINE]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three workers (``-n auto``) on two cores: a third of the time a test waits for a process."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return cores + cores // 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the thorough tests out of a quick run."""
    if config.getoption("thorough"):
        return
    thorough = [item for item in items if item.get_closest_marker("thorough")]
    if thorough:
        config.hook.pytest_deselected(items=thorough)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin nothing after the limit."""
    if time.time() > item.config.stash[DEADLINE]:
        pytest.skip(LEFT_OUT)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> Generator[None, None, None]:
    """After all else, name what the limit left out and the oracles that are absent."""
    yield
    reports: Iterable[pytest.TestReport] = terminalreporter.stats.get("skipped", [])
    left_out = sorted(
        {report.nodeid.partition("[")[0] for report in reports if LEFT_OUT in str(report.longrepr)}
    )
    if left_out:
        terminalreporter.section(f"left out: {LEFT_OUT}", yellow=True)
        for name in left_out:
            terminalreporter.line(name)
    absent = any(not oracle.paths for oracle in oracles.ORACLES)
    if absent and os.environ.get("CI"):
        terminalreporter.section("absent oracles", red=True)
    terminalreporter.line(oracles.summary(), red=absent, green=not absent)


@pytest.fixture
def run() -> Run:
    """The command."""
    return logscan
