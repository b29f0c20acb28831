"""A running Dask cluster executes tasks: the connection is checked, and its errors become logscan's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import logscan
from logscan._reading.patience import SilentError, within
from logscan._store.inputs import stores_among
from logscan.errors import InputError, UsageError, first_line, need, reason_of
from logscan.nodes import is_stream

RETRIES = 3
"""Attempts after the first, of a task that failed or whose worker was lost."""
TIMEOUT = 7.0
"""Seconds in which the scheduler must answer who it is."""
ASKED_AGAIN = 30.0
"""Seconds without a result after which the scheduler is asked again who it is."""
_CLIENT_TIMEOUT = 30
"""Seconds in which a scheduler that has answered must accept a client."""
_OTHER = "what answers there is no scheduler"
_HOW = "write tcp://SCHEDULER:8786 or tls://SCHEDULER:8786"


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of a running cluster.

    Args:
        address: of the scheduler, as ``tcp://scheduler:8786``.

    Raises:
        MissingPackageError: distributed is not installed.
        InputError: the scheduler does not answer, it has no workers, they
            have another version of logscan, or tasks were lost for good.
    """
    reach(address)
    from distributed import Client

    connect: Any = Client
    try:
        client: Any = connect(address, timeout=_CLIENT_TIMEOUT, set_as_default=False)
    except Exception as error:
        raise _unreachable(address, error) from error
    try:
        _check(address, client)
        with _losses(address):
            yield client
    finally:
        client.close()


def reach(address: str) -> None:
    """Ask a scheduler who it is. A client of one that does not answer takes 40 seconds and prints tracebacks.

    Raises:
        InputError: as :func:`connected`, within :data:`TIMEOUT`.
    """
    need("distributed", "--cluster")
    import dask
    from distributed import Security
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    try:
        scheme, place = parse_address(address)
        backend: Any = get_backend(scheme)
        backend.get_connector()
        host, port = parse_host_port(place)
    except Exception as error:
        raise InputError(f"cluster {address}: {first_line(error)}", _HOW) from error
    if dask.config.get("distributed.client.security-loader", None):
        return  # it makes certificates, for the client only
    make: Any = Security
    security = make().get_connection_args("client")

    def ask() -> None:
        # First by hand: distributed tries again what is refused, and a resolver of asyncio cannot be left.
        socket.create_connection((host, port), TIMEOUT).close()
        asyncio.run(asyncio.wait_for(_identity(address, security), TIMEOUT))

    try:
        within(TIMEOUT + 1, ask)
    except Exception as error:
        raise _unreachable(address, error) from error


async def _identity(address: str, security: dict[str, Any]) -> None:
    """Ask a scheduler who it is.

    Raises:
        Exception: it is none, or cannot be reached.
    """
    from distributed.comm.core import connect as connect_to

    connect: Any = connect_to
    comm = await connect(address, timeout=TIMEOUT, **security)
    try:
        await comm.write({"op": "identity", "reply": True})
        answer = await comm.read()
    finally:
        comm.abort()
    if not isinstance(answer, dict) or answer.get("type") != "Scheduler":
        raise ValueError(_OTHER)


def _unreachable(address: str, error: BaseException) -> InputError:
    """What a connection that was not made says of its reason: the innermost error has the system's words."""
    words, each = "", cast("BaseException | None", error)
    while not words and each is not None:
        if isinstance(each, OSError) and each.strerror:
            words = reason_of(each)
        elif isinstance(each, MemoryError):
            words = _OTHER
        elif each.__cause__ is None and not isinstance(each, TimeoutError | SilentError | CancelledError):
            words = first_line(each)
        each = each.__cause__
    return InputError(
        f"cluster {address}: the scheduler does not answer ({words or f'waited {TIMEOUT:g} s'})",
        "is it running, at that address?",
    )


class Cluster:
    """The workers of a cluster. See :class:`logscan._distribute.executors.Executor`."""

    is_inline = False

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self.workers = max(1, sum(client.nthreads().values()))

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """See :class:`logscan._distribute.executors.Executor`. The scheduler repeats lost tasks."""
        future = self._client.submit(function, *arguments, retries=RETRIES, pure=False)
        return _Task(future, self._address)

    def close(self) -> None:
        """The connection is closed with its context."""


class _Task:
    """A task on a cluster. See :class:`logscan._distribute.executors.Result`.

    A task may take long, so Dask waits for ever. But a scheduler that stands still does not answer either.
    """

    def __init__(self, future: Any, address: str) -> None:
        self._future, self._address = future, address

    def result(self) -> Any:
        """See :class:`logscan._distribute.executors.Result`.

        Raises:
            InputError: the scheduler does not answer any more.
        """
        while True:
            try:
                return self._future.result(ASKED_AGAIN)
            except TimeoutError:
                if self._future.status == "error":
                    raise  # it is the task's own
            reach(self._address)

    def cancel(self) -> object:
        """See :class:`logscan._distribute.executors.Result`."""
        return self._future.cancel()


@contextlib.contextmanager
def on_cluster(address: str) -> Iterator[Cluster]:
    """An executor that runs tasks on a cluster.

    Raises:
        InputError: as :func:`connected`.
    """
    with connected(address) as client:
        yield Cluster(client, address)


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


def check(paths: Sequence[str], address: str) -> None:
    """Check, before anything is read, that workers can read some paths, and that the scheduler answers.

    Raises:
        UsageError: a path is standard input or a store.
        InputError: as :func:`reach`.
    """
    for path in paths:
        if is_stream(path):
            name = "this standard input" if path == "-" else path
            raise UsageError(f"the workers of a cluster cannot read {name}", "name files")
    folders, _ = stores_among(paths)
    if folders:
        raise UsageError(f"{folders[0]} is a store", "read it without a cluster: that is faster")
    reach(address)
