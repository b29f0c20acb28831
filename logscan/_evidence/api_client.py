"""The management API, live and read-only: only GET is ever sent.

TLS is verified, credentials come from the environment, ``.netrc`` or a prompt and are never part of a
message; broken answers are retried where that can help, else reported with a remedy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import httpx

from logscan._evidence import bundle
from logscan._evidence.api_answers import Answers
from logscan._evidence.configuration import REFERENCE, VARIABLE, Proxy, TlsSettings, kind_of_value
from logscan._evidence.keystores.read_keystore import read_keystore
from logscan.errors import InputError, UsageError

TRIES = 4
"""Attempts of one request."""
MAX_WAIT = 30.0
"""Seconds waited between two attempts, whatever ``Retry-After`` says."""
MAX_BYTES = 64 << 20
MAX_NAMES = 500
"""Keystores or references fetched of one environment."""
PAGE = 1000
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


class Management:
    """One management server.

    Args:
        base: its address, ``http://HOST:8080`` or ``https://…``; ``/v1`` is added where it lacks.
        auth: who asks.
        verify: the file of authorities that its certificate is checked against; ``None``: the system's.
        timeout: seconds for one request.
        sleep: waits between attempts.

    Raises:
        UsageError: the address cannot be meant.
    """

    def __init__(
        self,
        base: str,
        auth: httpx.Auth | None,
        verify: str | None = None,
        timeout: float = 20.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"{base}: not an address", "write http://HOST:8080 or https://HOST", argument="mgmt"
            )
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
        self._client = httpx.Client(
            auth=auth, verify=context, timeout=timeout, follow_redirects=False, trust_env=True,
            headers={"Accept": "application/json"},
        )  # fmt: skip
        self._sleep = sleep
        self.requests = 0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str) -> bytes | None:
        """One answer; ``None`` where there is no such resource (404).

        Raises:
            InputError: it cannot be fetched; the hint says what to do.
        """
        url = f"{self._base}{path}"
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES
            answer = self._ask(url, last)
            if answer is not None:
                if answer.status_code == 200:
                    return self._content(answer, url)
                if answer.status_code == 404:
                    return None
                if answer.status_code not in (429, 500, 502, 503, 504) or last:
                    raise _refused(answer, url)
            self._sleep(self._wait(answer, attempt))
        raise AssertionError("unreachable")

    def _ask(self, url: str, last: bool) -> httpx.Response | None:
        """One attempt; ``None``: another may succeed."""
        self.requests += 1
        try:
            return self._client.get(url)
        except httpx.TimeoutException as error:
            if last:
                hint = "is the management server up? is a proxy between?"
                raise InputError(f"{url}: no answer in time", hint) from error
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                hint = "give its authority with --mgmt-ca FILE"
                raise InputError(f"{url}: its certificate is not trusted: {error}", hint) from error
            if last:
                raise InputError(f"{url}: {error}", "check the address and the network") from error
        return None

    @staticmethod
    def _wait(answer: httpx.Response | None, attempt: int) -> float:
        """As the server asks, else one, two, four seconds."""
        after = answer.headers.get("Retry-After", "") if answer is not None else ""
        return min(float(after) if after.isascii() and after.isdigit() else 2.0 ** (attempt - 1), MAX_WAIT)

    @staticmethod
    def _content(answer: httpx.Response, url: str) -> bytes:
        content = answer.content
        if len(content) > MAX_BYTES:
            raise InputError(f"{url}: more than {MAX_BYTES:,} bytes")
        if content.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
            raise InputError(
                f"{url}: an HTML page in place of an answer",
                "is it the management API's address, and not the UI's or a login page?",
            )
        return content


def _refused(answer: httpx.Response, url: str) -> InputError:
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
    if answer.status_code in words:
        reason, hint = words[answer.status_code]
    elif 300 <= answer.status_code < 400:
        reason = f"it leads elsewhere ({answer.status_code}: {answer.headers.get('Location', '?')[:200]})"
        hint = "give the address that it leads to"
    elif answer.status_code >= 500:
        reason, hint = (
            f"the management server failed ({answer.status_code})",
            "look at its log, or try again later",
        )
    else:
        reason, hint = f"status {answer.status_code}", "check organization, environment and address"
    return InputError(f"{url}: {reason}", hint)


class Fetcher:
    """Fetches what a diagnosis needs of one environment, each thing once.

    ``saved`` holds every answer under the resource's path, for ``logscan gather``.
    """

    def __init__(self, management: Management, answers: Answers) -> None:
        self._management, self._answers = management, answers
        self._done: dict[str, bytes | None] = {}

    @property
    def saved(self) -> dict[str, bytes]:
        """Answers by path."""
        return {path: data for path, data in self._done.items() if data is not None}

    def _get(self, path: str) -> bytes | None:
        if path not in self._done:
            self._done[path] = self._management.get(path)
        return self._done[path]

    def _take(self, path: str) -> bool:
        data = self._get(path)
        if data is None:
            return False
        try:
            self._answers.take(data, f"management API {path}", path)
        except ValueError as error:
            raise InputError(
                f"management API {path}: {error}", "is it the management API's address?"
            ) from error
        return True

    def proxy(self, org: str, proxy: str, revision: str) -> Proxy | None:
        """A revision's bundle."""
        path = f"/organizations/{_part(org)}/apis/{_part(proxy)}/revisions/{_part(revision)}?format=bundle"
        data = self._get(path)
        return None if data is None else bundle.read_bundle_zip(data, f"management API {path}")

    def target_server(self, org: str, env: str, name: str) -> None:
        """A target server."""
        self._take(f"{_environment(org, env)}/targetservers/{_part(name)}")

    def settings(self, org: str, env: str, settings: TlsSettings) -> None:
        """What a target's settings resolve to: reference, keystore, aliases, certificates."""
        if not settings.keystore:
            return
        kind, name = kind_of_value(settings.keystore)
        if kind == VARIABLE:
            return
        if kind == REFERENCE:
            path = f"{_environment(org, env)}/references/{_part(name)}"
            if not self._take(path):
                self._answers.missing("references", name, f"management API {path}: 404")
                return
            found = self._answers.environment().references.get(name)
            if found is None:
                return
            name = found.refers
        self.keystore(org, env, name)

    def keystore(self, org: str, env: str, name: str) -> None:
        """A keystore with all its aliases."""
        path = f"{_environment(org, env)}/keystores/{_part(name)}"
        if not self._take(path):
            self._answers.missing("keystores", name, f"management API {path}: 404")
            return
        store = self._answers.environment().keystores.get(name)
        for entry in (store.entries if store else ())[:MAX_NAMES]:
            alias = f"{path}/aliases/{_part(entry.alias)}"
            if self._take(alias):
                pem = self._get(f"{alias}/certificate")
                if pem is not None and b"-----BEGIN CERTIFICATE" in pem:
                    chain = (
                        read_keystore(pem, entry.alias, f"management API {alias}/certificate")
                        .entries[0]
                        .chain
                    )
                    self._answers.certificate(
                        chain, f"management API {alias}/certificate", f"{alias}/certificate"
                    )
            else:  # releases before 4.18.01 know certificates only
                self._take(f"{path}/certs/{_part(entry.alias)}") or self._take(
                    f"{path}/certs/{_part(entry.alias)}-cert"
                )

    def everything(self, org: str, env: str) -> None:
        """All references and keystores of an environment, where it is not known which one matters."""
        for kind in ("references", "keystores"):
            for name in self.names(f"{_environment(org, env)}/{kind}")[:MAX_NAMES]:
                if kind == "references":
                    self._take(f"{_environment(org, env)}/references/{_part(name)}")
                else:
                    self.keystore(org, env, name)

    def names(self, path: str) -> list[str]:
        """A list of names, all of its pages."""
        import json

        found: list[str] = []
        query = ""
        while len(found) <= MAX_NAMES:
            data = self._get(path + query)
            if data is None:
                raise InputError(f"management API {path}: not found (404)", "check --org and --env")
            try:
                page = json.loads(data)
            except ValueError as error:
                raise InputError(
                    f"management API {path}: not JSON", "is it the management API's address?"
                ) from error
            names = [name for name in page if isinstance(name, str)] if isinstance(page, list) else []
            fresh = [name for name in names if name not in found]
            found += fresh
            if len(names) < PAGE or not fresh:
                break
            query = f"?count={PAGE}&startKey={quote(found[-1], safe='')}"
        kind = "references" if path.endswith("references") else "keystores"
        self._answers.listed(kind, found, f"management API {path}")
        return found


def _environment(org: str, env: str) -> str:
    return f"/organizations/{_part(org)}/environments/{_part(env)}"


def _part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")
