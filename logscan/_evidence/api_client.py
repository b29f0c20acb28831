"""The management API, live and read-only: only GET is ever sent.

TLS is verified, credentials come from the environment, ``.netrc`` or a prompt and are never part of a
message; broken answers are retried where that can help, else reported with a remedy.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
import zlib
from collections.abc import Callable
from math import inf
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from logscan._evidence.api_errors import MAX_ERROR, error_of
from logscan.errors import InputError, UsageError, first_line, reason_of

TRIES = 4
"""Attempts of one request."""
MAX_WAIT = 30.0
"""Seconds waited between two attempts, whatever ``Retry-After`` says."""
MAX_BYTES = 64 << 20
"""Bytes of one answer, unpacked."""
REQUEST_SECONDS = 60.0
"""For one request, until its last byte."""
USER, PASSWORD, TOKEN = "LOGSCAN_MGMT_USER", "LOGSCAN_MGMT_PASSWORD", "LOGSCAN_MGMT_TOKEN"


def credentials(host: str, ask: Callable[[str], tuple[str, str] | None] | None) -> httpx.Auth | None:
    """Who asks: a token or user of the environment, else ``.netrc``, else a person.

    Raises:
        UsageError: only one of user and password is set.
    """
    token = os.environ.get(TOKEN)
    if token:
        return _Bearer(token)
    user, password = os.environ.get(USER), os.environ.get(PASSWORD)
    if user and password:
        return httpx.BasicAuth(user, password)
    if bool(user) != bool(password):
        raise UsageError(f"{USER} and {PASSWORD} belong together; one is not set", f"set both, or {TOKEN}")
    path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    if os.path.isfile(path):
        import netrc

        try:
            found = netrc.netrc(path).authenticators(host)
        except (netrc.NetrcParseError, OSError) as error:
            raise InputError(f"{path}: cannot be read: {error}", "correct it, or set " + USER) from error
        if found and found[2] is not None:
            return httpx.BasicAuth(found[0], found[2])
    given = ask(host) if ask else None
    return httpx.BasicAuth(*given) if given else None


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def]
        """Add the token."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class ServerError(InputError):
    """The server itself does not serve: not reached, too slow, or these credentials are refused. It would
    not answer other requests either."""


class Management:
    """One management server.

    Args:
        base: its address, ``http://HOST:8080`` or ``https://…``; ``/v1`` is added where it lacks.
        auth: who asks.
        verify: the file of authorities that its certificate is checked against; ``None``: the system's.
        timeout: seconds for one request, until its last byte.
        total: seconds for all requests, with the waits between them.
        sleep: waits between attempts.

    Raises:
        UsageError: the address cannot be meant.
    """

    def __init__(
        self,
        base: str,
        auth: httpx.Auth | None,
        verify: str | None = None,
        *,
        timeout: float = REQUEST_SECONDS,
        total: float = inf,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        host_of(base)
        parts = urlsplit(base)
        if parts.username or parts.password:
            raise UsageError("no credentials in the address", f"set {USER} and {PASSWORD}, or use .netrc")
        self._base = base.rstrip("/") + ("" if parts.path.rstrip("/").endswith("/v1") else "/v1")
        if verify is not None:
            import ssl

            try:
                context: ssl.SSLContext | bool = ssl.create_default_context(cafile=verify)
            except (OSError, ssl.SSLError) as error:
                raise InputError(
                    f"{verify}: not a file of authorities: {error}", "give a PEM file"
                ) from error
        else:
            context = True
        try:
            self._client = httpx.AsyncClient(
                auth=auth, verify=context, timeout=timeout, follow_redirects=False, trust_env=True,
                headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
            )  # fmt: skip
        except (ValueError, httpx.InvalidURL) as error:  # a proxy of the environment that is no address
            raise UsageError(
                f"the proxy of the environment: {error}", "correct HTTPS_PROXY and its like"
            ) from error
        # Only an event loop can end a request as a whole: every other timeout begins again with each byte.
        self._runner = asyncio.Runner()
        self._timeout, self._total = timeout, total
        self._end: float | None = None
        """When all requests must be done: set by the first."""
        self._sleep = sleep
        self.requests = 0

    def close(self) -> None:
        """Close the connections."""
        with self._runner:
            self._runner.run(self._client.aclose())

    def get(self, path: str) -> bytes | None:
        """One answer; ``None`` where there is no such resource (404).

        Raises:
            ServerError: the server does not serve; the hint says what to do.
            InputError: this answer cannot be used.
        """
        url = f"{self._base}{path}"
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES
            answer = self._ask(url, last)
            if answer is not None:
                if answer.status == 200:
                    return answer.content
                if answer.status == 404:
                    _check_place(answer.content, url)
                    return None
                if answer.status not in (429, 500, 502, 503, 504) or last:
                    raise _refused(answer, url)
            self._sleep(min(self._wait(answer, attempt), self._left(url)))
        raise AssertionError("unreachable")

    def _left(self, url: str) -> float:
        """Seconds that all requests may still take.

        Raises:
            ServerError: none.
        """
        now = time.monotonic()
        if self._end is None:
            self._end = now + self._total
        if now >= self._end:
            raise ServerError(
                f"{url}: not asked: the management API took more than {self._total:g} seconds in all",
                "give more with --mgmt-timeout, or name fewer proxies",
            )
        return self._end - now

    def _ask(self, url: str, last: bool) -> _Answer | None:
        """One attempt; ``None``: another may succeed."""
        seconds = min(self._timeout, self._left(url))
        self.requests += 1
        try:
            return self._runner.run(self._fetched(url, seconds))
        except (TimeoutError, httpx.TimeoutException) as error:
            if last or seconds < self._timeout:
                hint = "is the management server up? is a proxy between?"
                raise ServerError(f"{url}: no whole answer within {seconds:.0f} seconds", hint) from error
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                hint = "give its authority with --mgmt-ca FILE"
                raise ServerError(f"{url}: its certificate is not trusted: {error}", hint) from error
            if last:
                raise ServerError(f"{url}: {_cause(error)}", "check the address and the network") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            raise ServerError(
                f"{url}: cannot be asked: {first_line(error)}", "check the address and the proxy's"
            ) from error
        return None

    async def _fetched(self, url: str, seconds: float) -> _Answer:
        """One answer, whole. Its bytes are counted as they come, and again as they are unpacked.

        Raises:
            TimeoutError: it was not whole in time.
            InputError: it is too large, is packed in a way that nobody asked for, or is a page.
        """
        async with asyncio.timeout(seconds), self._client.stream("GET", url) as answer:
            packing = answer.headers.get("Content-Encoding", "identity").strip().lower()
            if answer.status_code != 200:
                content = await _error_body(answer) if answer.status_code == 404 else b""
                return _Answer(answer.status_code, answer.headers, content)
            if packing not in ("identity", "", "gzip", "x-gzip"):
                raise InputError(f"{url}: packed as {packing[:40]}, though gzip was asked for")
            unpack = zlib.decompressobj(31) if "gzip" in packing else None
            body = bytearray()
            async for piece in answer.aiter_raw():
                try:
                    body += unpack.decompress(piece, MAX_BYTES + 1 - len(body)) if unpack else piece
                except zlib.error as error:
                    raise InputError(f"{url}: damaged: {error}", "is a proxy between?") from error
                if len(body) > MAX_BYTES:
                    raise InputError(f"{url}: more than {MAX_BYTES:,} bytes: not read")
            if bytes(body[:200]).lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
                raise ServerError(
                    f"{url}: an HTML page in place of an answer",
                    "is it the management API's address, and not the UI's or a login page?",
                )
            if unpack is not None and not unpack.eof:
                raise InputError(f"{url}: damaged: its end is missing", "is a proxy between?")
            return _Answer(answer.status_code, answer.headers, bytes(body))

    @staticmethod
    def _wait(answer: _Answer | None, attempt: int) -> float:
        """As the server asks, else one, two, four seconds."""
        after = answer.headers.get("Retry-After", "") if answer is not None else ""
        return min(float(after) if re.fullmatch("[0-9]{1,9}", after) else 2.0 ** (attempt - 1), MAX_WAIT)


class _Answer(NamedTuple):
    """What the server answered."""

    status: int
    headers: httpx.Headers
    content: bytes


async def _error_body(answer: httpx.Response) -> bytes:
    """The beginning of an error's text, which may say what is missing; empty where it cannot be read."""
    body = b""
    try:
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MAX_ERROR:
                break
    except httpx.HTTPError:
        return b""
    return body[:MAX_ERROR]


def _check_place(body: bytes, url: str) -> None:
    """Check that a 404 is of the resource, and not of its organization or environment.

    Raises:
        InputError: there is no such organization or environment.
    """
    error = error_of(body)
    if error is not None and error.of_place:
        raise InputError(f"{url}: {(error.message or error.code)[:300]} (404)", "check --org and --env")


def _cause(error: BaseException) -> str:
    """The system's words for what went wrong: the library wraps them several times."""
    found, inner = str(error), error.__cause__ or error.__context__
    while inner is not None:
        if isinstance(inner, ConnectionError) and inner.errno:
            found = os.strerror(inner.errno).lower()
        elif isinstance(inner, OSError) and inner.strerror and not isinstance(inner, ConnectionError):
            found = reason_of(inner)
        inner = inner.__cause__ or inner.__context__
    return found


def host_of(base: str) -> str:
    """The host of a server's address.

    Raises:
        UsageError: the address cannot be meant.
    """
    try:
        parts = urlsplit(base)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            httpx.URL(base)
            return parts.hostname
    except (ValueError, httpx.InvalidURL):
        pass
    raise UsageError(
        f"{base[:200]}: not an address", "write http://HOST:8080 or https://HOST", argument="mgmt"
    )


def _refused(answer: _Answer, url: str) -> InputError:
    """What a status means, and what to do."""
    words = {
        401: (
            "the credentials are not accepted (401)",
            f"set {USER} and {PASSWORD}, {TOKEN}, or correct .netrc",
        ),
        403: (
            "these credentials may not read it (403)",
            "use a user with a read-only role in this organization",
        ),
        429: ("too many requests (429), also after waiting", "try again later"),
    }  # fmt: skip
    if answer.status in words:
        reason, hint = words[answer.status]
    elif 300 <= answer.status < 400:
        reason = f"it leads elsewhere ({answer.status}: {answer.headers.get('Location', '?')[:200]})"
        hint = "give the address that it leads to"
    elif answer.status >= 500:
        reason, hint = (
            f"the management server failed ({answer.status})",
            "look at its log, or try again later",
        )
    else:
        reason, hint = f"status {answer.status}", "check organization, environment and address"
    # What concerns one resource (400, 403) says nothing of the others.
    kind = InputError if answer.status in (400, 403) else ServerError
    return kind(f"{url}: {reason}", hint)
