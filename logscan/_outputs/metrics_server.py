"""Serves the metrics of a live run, and whether it is healthy, over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from logscan.errors import UsageError, reason_of

SECONDS = 10.0
"""After which a client that sends or takes nothing is left."""


def serve(address: str, pages: dict[str, Callable[[], tuple[int, str, bytes]]]) -> ThreadingHTTPServer:
    """Serve pages in a thread at ``HOST:PORT``, or at ``:PORT`` for this machine only.

    Args:
        address: where.
        pages: by path: what gives status, content type and body.

    Raises:
        UsageError: the address cannot be understood, or the port is in use.
    """
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise UsageError(
            f"--metrics {address}: expected an address", "write HOST:PORT, or :PORT for this machine only"
        )

    class Handler(BaseHTTPRequestHandler):
        timeout = SECONDS
        server_version = "logscan"
        sys_version = ""

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, kind, body = (404, "text/plain", b"not found\n") if page is None else page()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Requests are not printed."""

    class Server(ThreadingHTTPServer):
        address_family = _family(host.strip("[]"))

        def handle_error(self, *_: Any) -> None:
            """A client that goes away is no fault of the run."""

    try:
        server = Server((host.strip("[]") or "127.0.0.1", int(port)), Handler)
    except (OSError, OverflowError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"--metrics {address}: {reason}", "choose another port") from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def health_page(health: Callable[[], dict[str, object]]) -> Callable[[], tuple[int, str, bytes]]:
    """The page that says whether the run is healthy: status 200, else 503."""

    def page() -> tuple[int, str, bytes]:
        state = health()
        status = 200 if state.get("status") == "ok" else 503
        return status, "application/json", json.dumps(state).encode() + b"\n"

    return page


def _family(host: str) -> int:
    import socket

    return socket.AF_INET6 if ":" in host else socket.AF_INET
