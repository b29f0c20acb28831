"""A server that speaks S3: one for all tests of a process, with a bucket for each that asks."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest


class ObjectStore(NamedTuple):
    """What the environment must say (``env``), and a client that puts objects there."""

    env: dict[str, Any]
    client: Any


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """The server. One per process: fsspec keeps its clients for a whole process, and does not look at a later address."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # In a process of its own: the log's library waits for answers without letting other threads run.
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        begun = time.monotonic()
        while time.monotonic() < begun + 60:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.05)
        env = {
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        }  # fmt: skip
        client = boto3.client(
            "s3", endpoint_url=env["AWS_ENDPOINT_URL"], region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test",
        )  # fmt: skip
        yield ObjectStore(env, client)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def s3(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The same, also for what this very process asks."""
    for name, value in object_store.env.items():
        monkeypatch.setenv(name, value)
    return object_store
