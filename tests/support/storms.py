"""Storms with a known cause: logs of several Message Processors before, in and after it, from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 25, 3, 0, 0)
ONSET = START + timedelta(minutes=10)
"""When the failures begin; the storm lasts ten minutes."""


@dataclass(frozen=True)
class Call:
    """One call of a backend."""

    time: datetime
    host: str
    env: str
    proxy: str
    backend: str
    alias: str
    revision: int = 7
    alert: str = "bad_certificate"
    keystore: str = "11"

    @property
    def head(self) -> str:
        name = f"{self.host}-{self.time:%H%M%S%f}"
        return (
            f"{self.time:%Y-%m-%d %H:%M:%S},{self.time.microsecond // 1000:03d} org:acme env:{self.env}"
            f" api:{self.proxy} rev:{self.revision} messageid:{name} NIOThread@1 "
        )

    def fails(self) -> str:
        """The entries of a refused client certificate."""
        store = "null" if self.alias == "null" else f"java.security.KeyStore@{self.keystore}"
        return (
            f"{self.head}ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLClientChannel[Connected:"
            f" Remote:{self.backend} Local:10.1.1.5:41000]@7 useCount=1 bytesRead=0 bytesWritten=0 age=5ms "
            f" lastIO=5ms isOpen=true  handshake failed, message: Received fatal alert: {self.alert}\n"
            f"{self.head}ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : SSLInfo: KeyStore:{store}"
            f" KeyAlias:{self.alias} TrustStore:java.security.KeyStore@99\n"
        )

    def succeeds(self) -> str:
        """An entry of a call that works."""
        return f"{self.head}INFO HTTP.CLIENT - HTTPClient$Context.onConnect() : connected\n"


HOSTS = tuple(f"mp{number:02}" for number in range(1, 9))
PROXIES = tuple(f"api-{number}" for number in range(12))
BACKENDS = tuple(f"10.0.45.{number}:443" for number in range(10, 40))
ALIASES = tuple(f"key-{number}" for number in range(10))


def storm(
    folder: Path,
    failing: Callable[[Call], Call | None],
    *,
    calls: int = 3000,
    seed: int = 1,
    extra: Callable[[str], str] = lambda _: "",
    minutes: int = 20,
) -> Path:
    """Write the logs of eight hosts.

    Args:
        folder: gets a folder for each host.
        failing: gives what fails of a call after the onset; ``None``: it works.
        calls: of all hosts.
        seed: of the calls.
        extra: further entries of a host, in order of time with the others.
        minutes: from the start to the last call.
    """
    rnd = random.Random(seed)
    lines: dict[str, list[str]] = {host: [] for host in HOSTS}
    for number in range(calls):
        time = START + timedelta(minutes=minutes) * number / calls
        call = Call(
            time, rnd.choice(HOSTS), rnd.choice(("prod", "prod", "test")), rnd.choice(PROXIES),
            rnd.choice(BACKENDS), rnd.choice(ALIASES),
        )  # fmt: skip
        fault = failing(call)
        lines[call.host].append(call.succeeds() if fault is None else fault.fails())
    for host, texts in lines.items():
        (folder / host).mkdir(parents=True)
        more = extra(host)
        text = "".join(sorted([*texts, *([more] if more else [])]))
        (folder / host / "system.log").write_text(text)
    return folder


def with_backend(call: Call, backend: str, **more: str | int) -> Call:
    """The call with another backend, and other values."""
    return replace(call, backend=backend, **more)  # type: ignore[arg-type]
