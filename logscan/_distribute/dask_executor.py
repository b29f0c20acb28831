"""A running Dask cluster executes tasks: the connection is checked, and its errors become logscan's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import logscan
from logscan._store.inputs import stores_among
from logscan.errors import InputError, UsageError, first_line
from logscan.nodes import is_stream

RETRIES = 3
"""Attempts after the first, of a task that failed or whose worker was lost."""
TIMEOUT = 20
"""Seconds in which the scheduler must answer."""


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of a running cluster.

    Args:
        address: of the scheduler, as ``tcp://scheduler:8786``.

    Raises:
        InputError: distributed is not installed, the scheduler does not answer, it has no workers, they
            have another version of logscan, or tasks were lost for good.
    """
    try:
        from distributed import Client
        from distributed.comm.addressing import parse_address
        from distributed.comm.registry import get_backend
    except ImportError as error:
        raise InputError("distributed is not installed", "pip install 'logscan[cluster]'") from error
    try:
        get_backend(parse_address(address)[0])  # a client of an unknown scheme takes 40 seconds to close
    except ValueError as error:
        raise InputError(
            f"cluster {address}: {first_line(error)}", "write tcp://SCHEDULER:8786 or tls://SCHEDULER:8786"
        ) from error
    try:
        connect: Any = Client
        client: Any = connect(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cluster {address}: the scheduler does not answer ({first_line(error)})",
            "is it running, at that address?",
        ) from error
    try:
        _check(address, client)
        with _losses(address):
            yield client
    finally:
        client.close()


class Cluster:
    """The workers of a cluster. See :class:`logscan._distribute.executors.Executor`."""

    is_inline = False

    def __init__(self, client: Any) -> None:
        self._client = client
        self.workers = max(1, sum(client.nthreads().values()))

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """See :class:`logscan._distribute.executors.Executor`. The scheduler repeats lost tasks."""
        return self._client.submit(function, *arguments, retries=RETRIES, pure=False)

    def close(self) -> None:
        """The connection is closed with its context."""


@contextlib.contextmanager
def on_cluster(address: str) -> Iterator[Cluster]:
    """An executor that runs tasks on a cluster.

    Raises:
        InputError: as :func:`connected`.
    """
    with connected(address) as client:
        yield Cluster(client)


@contextlib.contextmanager
def _losses(address: str) -> Iterator[None]:
    """Turn the errors of Dask into logscan's."""
    from concurrent.futures import CancelledError

    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise InputError(
            f"cluster {address}: every worker that tried a task was lost with it ({error.task})",
            "do they have too little memory? see the logs of the workers",
        ) from error
    except (CancelledError, CommClosedError) as error:
        raise InputError(
            f"cluster {address}: the connection was lost ({first_line(error)})",
            "is the scheduler still running?",
        ) from error


def _check(address: str, client: Any) -> None:
    try:
        versions = client.run(_version)
    except Exception as error:
        raise InputError(
            f"cluster {address}: a worker cannot run logscan ({error})", "install the same version there"
        ) from error
    if not versions:
        raise InputError(f"cluster {address}: it has no workers", "start some")
    others = {version for version in versions.values() if version != logscan.__version__}
    if others:
        raise InputError(
            f"cluster {address}: workers have logscan {', '.join(sorted(map(str, others)))}, this is"
            f" {logscan.__version__}",
            "install the same version there",
        )


def _version() -> str:
    return logscan.__version__


def check_paths(paths: Sequence[str]) -> None:
    """Check that workers can read some paths.

    Raises:
        UsageError: a path is standard input or a store.
    """
    for path in paths:
        if is_stream(path):
            name = "this standard input" if path == "-" else path
            raise UsageError(f"the workers of a cluster cannot read {name}", "name files")
    folders, _ = stores_among(paths)
    if folders:
        raise UsageError(f"{folders[0]} is a store", "read it without a cluster: that is faster")
