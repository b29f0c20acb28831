"""Options and requests that ``diagnose`` and ``gather`` share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from logscan._cli import _common as common
from logscan.errors import UsageError, check_installed

if TYPE_CHECKING:
    from logscan._evidence.api_client import Management
    from logscan._jobs._evidence_reader import EvidenceRequest
    from logscan._jobs.diagnose import Diagnosing

PASSWORD = "LOGSCAN_KEYSTORE_PASSWORD"  # noqa: S105 (the name of a variable)

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Evidence of any kind, and directories of it. The content of a file shows what it is: logs,"
        " packet captures, keystores and certificates, openssl s_client output, answers of the management"
        " API, proxy bundles, trace files, key logs.",
        show_default=False,
    ),
]
KeystoreFile = Annotated[
    str | None,
    typer.Option(
        "--keystore",
        metavar="FILE",
        help="The keystore that the Message Processor uses.",
        rich_help_panel="Evidence",
    ),
]
Alias = Annotated[
    str | None,
    typer.Option(
        "--alias",
        metavar="ALIAS",
        help="The alias in it, if no log or bundle names it.",
        rich_help_panel="Evidence",
    ),
]
BackendCa = Annotated[
    list[str] | None,
    typer.Option(
        "--backend-ca",
        metavar="FILE",
        help="The authorities that the backend trusts. May be repeated.",
        rich_help_panel="Evidence",
    ),
]
KeyLogs = Annotated[
    list[str] | None,
    common.ACTS,
    typer.Option(
        "--keylog",
        metavar="FILE",
        help="Secrets of TLS 1.3 (SSLKEYLOGFILE). May be repeated.",
        rich_help_panel="Evidence",
    ),
]
Mgmt = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--mgmt",
        metavar="URL",
        help="Fetch bundle, references and keystores from this management API; only GET is sent. Credentials:"
        " LOGSCAN_MGMT_USER and LOGSCAN_MGMT_PASSWORD, LOGSCAN_MGMT_TOKEN, .netrc, or a prompt.",
        rich_help_panel="Evidence",
    ),
]
MgmtCa = Annotated[
    str | None,
    common.ACTS,
    typer.Option(
        "--mgmt-ca",
        metavar="FILE",
        help="Authorities for the management API's certificate.",
        rich_help_panel="Evidence",
    ),
]
MgmtTimeout = Annotated[
    float,
    typer.Option(
        "--mgmt-timeout",
        metavar="SECONDS",
        min=1,
        max=86_400,
        help="Seconds for all requests to the management API together.",
        rich_help_panel="Limits",
    ),
]
MGMT_SECONDS = 300.0
"""For all requests to the management API."""
Org = Annotated[
    str | None,
    typer.Option(
        "--org",
        metavar="NAME",
        help="Only this organization; for --mgmt, where no log names it.",
        rich_help_panel="Select",
    ),
]
Env = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="Only this environment; for --mgmt, where no log names it.",
        rich_help_panel="Select",
    ),
]


@contextmanager
def evidence_request(
    paths: Sequence[str] | None,
    given: Diagnosing,
    *,
    store: Sequence[str] | None,
    mgmt: str | None,
    mgmt_ca: str | None,
    mgmt_timeout: float,
    nice: bool = False,
) -> Iterator[EvidenceRequest]:
    """What to read; the client of the management API is closed at the end.

    Raises:
        UsageError: there is nothing to read.
    """
    from logscan._jobs.diagnose import request_of

    paths = common.paths_or_default(paths, store) if store else paths
    if not paths and not given.get("keystore") and not mgmt:
        raise UsageError("no evidence given", "name logs, captures, keystores …, or a directory of them")
    password = os.environ.get(PASSWORD)
    if password is not None:
        given["password"] = (password,)
    management = _management(mgmt, mgmt_ca, mgmt_timeout)
    try:
        yield request_of(
            tuple(paths or ()),
            given,
            ask_password=_ask_password if sys.stdin.isatty() else None,
            management=management,
            forget=nice,
        )
    finally:
        if management is not None:
            management.close()


def _management(mgmt: str | None, authorities: str | None, seconds: float) -> Management | None:
    if mgmt is None:
        return None
    check_installed("--mgmt", "httpx", "cryptography", "asn1crypto", "defusedxml")
    from logscan._evidence.api_client import Management, credentials, host_of

    ask = _ask_credentials if sys.stdin.isatty() else None
    auth = credentials(host_of(mgmt), ask)
    return Management(mgmt, auth, authorities, total=seconds)


def _ask_password(path: str) -> str | None:
    return str(typer.prompt(f"Password of {path}", hide_input=True, default="", show_default=False, err=True))


def _ask_credentials(host: str) -> tuple[str, str] | None:
    user = typer.prompt(f"User at {host}", default="", show_default=False, err=True)
    return (user, typer.prompt("Password", hide_input=True, err=True)) if user else None
