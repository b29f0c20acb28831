"""Server: the Model Context Protocol on standard input and output, each call in a process of its own.

One call runs at a time; others wait. Nothing but the protocol goes to standard output.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from logscan import __version__
from logscan._assistant.answers import failure_of
from logscan._assistant.offers import ANSWER, INSTRUCTIONS, OFFERS
from logscan._assistant.roots import Roots
from logscan.errors import DISTRIBUTION, UsageError, install_command, need, reason_of

MAX_WAITING = 8
"""Calls that may wait for the one that runs."""
MAX_PIPE = 16 << 20
"""Bytes that are taken of a worker."""


class Answer(NamedTuple):
    """What a call gives."""

    value: dict[str, Any]
    failed: bool


def serve(roots: Roots, seconds: float) -> None:
    """Answer calls until standard input ends. A signal ends the process at once.

    Args:
        roots: what may be read.
        seconds: time that one call may take.

    Raises:
        MissingPackageError: the package mcp is not installed.
        UsageError: it is another version.
    """
    need("mcp", "logscan mcp")
    try:
        import anyio
        from mcp.server.lowlevel import Server
        from mcp.server.stdio import stdio_server
        from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations
    except ImportError as error:
        raise UsageError(
            "logscan mcp needs version 2 of the package mcp",
            f"install it: {install_command(f'{DISTRIBUTION}[mcp]')}",
        ) from error
    calls = _Calls(roots, seconds)

    async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
        hints = ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        )
        tools = [
            Tool(
                name=name, title=offer.title, description=offer.description, input_schema=offer.schema,
                output_schema=ANSWER, annotations=hints,
            )
            for name, offer in OFFERS.items()
        ]  # fmt: skip
        return ListToolsResult(tools=tools)

    async def call_tool(_context: Any, params: Any) -> CallToolResult:
        value, failed = await calls.answer(params.name, params.arguments or {})
        text = TextContent(type="text", text=json.dumps(value, ensure_ascii=False))
        return CallToolResult(content=[text], structured_content=value, is_error=failed)

    async def run() -> None:
        server: Any = Server(
            "logscan", version=__version__, title="logscan", instructions=INSTRUCTIONS,
            on_list_tools=list_tools, on_call_tool=call_tool,
        )  # fmt: skip
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    _end_at_signals()
    anyio.run(run)


def checked(tool: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call, with the defaults.

    Raises:
        UsageError: there is no such tool, or its schema does not allow them.
    """
    from jsonschema import Draft202012Validator

    if tool not in OFFERS:
        raise UsageError("there is no such tool", f"choose from {', '.join(OFFERS)}")
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UsageError("an argument is no text of Unicode", "write it without lone surrogates") from error
    offer = OFFERS[tool]
    for fault in Draft202012Validator(offer.schema).iter_errors(dict(given)):
        place = "/".join(map(str, fault.absolute_path)) or "arguments"
        raise UsageError(f"{place}: {fault.message}"[:500], f"{tool} takes {', '.join(offer.arguments)}")
    defaults = {name: schema["default"] for name, schema in offer.arguments.items() if "default" in schema}
    return defaults | dict(given)


class _Calls:
    """Runs calls one after the other."""

    def __init__(self, roots: Roots, seconds: float) -> None:
        import anyio

        self._roots, self._seconds = roots, seconds
        self._turn = anyio.Semaphore(1)
        self._waiting = 0

    async def answer(self, tool: str, given: Mapping[str, Any]) -> Answer:
        """Answer one call."""
        try:
            arguments = checked(tool, given)
        except UsageError as error:
            return Answer(failure_of(tool if tool in OFFERS else "", str(error), error.hint), True)
        if self._waiting > MAX_WAITING:
            return Answer(failure_of(tool, f"{MAX_WAITING} calls wait already", "call again later"), True)
        self._waiting += 1
        try:
            async with self._turn:
                return await self._run(tool, arguments)
        finally:
            self._waiting -= 1

    async def _run(self, tool: str, arguments: dict[str, Any]) -> Answer:
        import anyio

        request = json.dumps({"tool": tool, "arguments": arguments, "roots": self._roots.paths}) + "\n"
        code = "from logscan._assistant.worker import main; main()"
        try:
            process = await anyio.open_process(
                [sys.executable, "-P", "-c", code],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )  # fmt: skip
        except OSError as error:
            message = f"no process can be started: {reason_of(error)}"
            return Answer(failure_of(tool, message, "call again later"), True)
        data = bytearray()
        try:
            with anyio.move_on_after(self._seconds) as limit:
                assert process.stdin is not None
                assert process.stdout is not None
                await process.stdin.send(request.encode())
                async for part in process.stdout:
                    data += part
                    if len(data) > MAX_PIPE:
                        break
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # it is gone: its answer is not whole
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with anyio.CancelScope(shield=True):
                await process.aclose()
        if limit.cancelled_caught:
            message = f"ended after {self._seconds:g} s, the time limit of a call"
            return Answer(failure_of(tool, message, "narrow paths, or since and until"), True)
        try:
            whole = json.loads(data)
        except ValueError:
            message = f"the process that read ended early (status {process.returncode})"
            return Answer(failure_of(tool, message, "narrow paths, or since and until"), True)
        return Answer(whole["answer"], whole["failed"])


def _end_at_signals() -> None:
    """Let signals end the process at once: nothing has begun that must be undone, and a worker sees the end
    of its standard input. Python would wait for the thread that reads standard input."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: os._exit(128 + number))
