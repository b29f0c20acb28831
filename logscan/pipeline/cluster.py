"""Cluster: the tasks of an ingest on a running Dask cluster, which schedules them and repeats lost ones.

Logs and store must be reachable by the same paths from every worker (a shared file system, or logs in an
object store). A task writes files of its own name aside, so that running twice does no harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import logscan
from logscan.errors import InputError

RETRIES = 3
"""Of a task whose worker was lost or that failed."""
TIMEOUT = 20
"""Seconds in which the scheduler must answer."""


@contextlib.contextmanager
def on_cluster(address: str) -> Iterator[Executor]:
    """What runs tasks on a cluster.

    Args:
        address: of the scheduler, as ``tcp://scheduler:8786``.

    Raises:
        InputError: distributed is not installed, the scheduler does not answer, it has no workers, or they
            have another version of logscan.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("distributed is not installed", "pip install 'logscan[cluster]'") from error
    try:
        connect: Any = Client
        client: Any = connect(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        words = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"--cluster {address}: the scheduler does not answer ({words})", "is it running, at that address?"
        ) from error
    try:
        _check(address, client)
        executor: Executor = client.get_executor(retries=RETRIES, pure=False)
        yield executor
        executor.shutdown(wait=False)
    finally:
        client.close()


def _check(address: str, client: Any) -> None:
    try:
        versions = client.run(_version)
    except Exception as error:
        raise InputError(
            f"--cluster {address}: a worker cannot run logscan ({error})", "install the same version there"
        ) from error
    if not versions:
        raise InputError(f"--cluster {address}: it has no workers", "start some")
    others = {version for version in versions.values() if version != logscan.__version__}
    if others:
        raise InputError(
            f"--cluster {address}: workers have logscan {', '.join(sorted(map(str, others)))}, this is"
            f" {logscan.__version__}",
            "install the same version there",
        )


def _version() -> str:
    return logscan.__version__
