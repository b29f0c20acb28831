"""What a diagnosis needs of the management API, each thing once: bundles, references, keystores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from logscan._evidence import bundle
from logscan._evidence.api_answers import Answers
from logscan._evidence.api_client import Management, ServerError
from logscan._evidence.configuration import REFERENCE, VARIABLE, Proxy, TlsSettings, kind_of_value
from logscan._evidence.json_text import read_json
from logscan._evidence.keystores.read_keystore import read_keystore
from logscan.errors import InputError, caught
from logscan.values import Counters, Problem

MAX_NAMES = 500
"""Keystores or references fetched of one environment."""
MAX_TOTAL = 256 << 20
"""Bytes of all answers."""
PAGE = 1000


class Fetcher:
    """Fetches what a diagnosis needs of one environment, each thing once.

    ``saved`` holds every answer under the resource's path, for ``logscan gather``.
    """

    def __init__(self, management: Management, answers: Answers, counters: Counters) -> None:
        self._management, self._answers, self._counters = management, answers, counters
        self._done: dict[str, bytes | None] = {}
        self._bytes = 0

    @property
    def saved(self) -> dict[str, bytes]:
        """Answers by path."""
        return {path: data for path, data in self._done.items() if data is not None}

    def _get(self, path: str) -> bytes | None:
        if path not in self._done:
            if self._bytes > MAX_TOTAL:
                raise ServerError(
                    f"{path}: not asked: {MAX_TOTAL:,} bytes were answered", "name fewer proxies"
                )
            self._done[path] = None  # one that fails is not asked for again
            data = self._done[path] = self._management.get(path)
            self._bytes += len(data or b"")
        return self._done[path]

    @contextmanager
    def tried(self, place: str) -> Iterator[None]:
        """A net around what depends on one answer: the others are fetched all the same.

        Raises:
            ServerError: the server does not serve.
        """
        try:
            yield
        except ServerError:
            raise
        except Exception:
            with caught(self._counters, place):
                raise

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
        found: Proxy | None = None
        with self.tried(f"management API {path}"):
            data = self._get(path)
            if data is not None:
                found = bundle.read_bundle_zip(data, f"management API {path}")
        return found

    def target_server(self, org: str, env: str, name: str) -> None:
        """A target server."""
        with self.tried(f"management API target server {name}"):
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
        entries = store.entries if store else ()
        if len(entries) > MAX_NAMES:
            self._left_out(f"management API {path}: aliases", len(entries))
        for entry in entries[:MAX_NAMES]:
            with self.tried(f"management API {path}: alias {entry.alias}"):
                self._alias(path, entry.alias)

    def _alias(self, path: str, name: str) -> None:
        """One alias of a keystore, with its certificate as PEM."""
        alias = f"{path}/aliases/{_part(name)}"
        if self._take(alias):
            pem = self._get(f"{alias}/certificate")
            if pem is not None and b"-----BEGIN CERTIFICATE" in pem:
                source = f"management API {alias}/certificate"
                store = read_keystore(pem, name, source)
                chain = store.entries[0].chain
                self._answers.certificate(chain, source, f"{alias}/certificate")
                notes = (*store.notes, *(note for item in chain for note in item.notes))
                self._counters.not_understood += len(notes)
                self._counters.problems += [Problem(source, note, fatal=False) for note in notes[:3]]
        else:  # releases before 4.18.01 know certificates only
            for cert in (_part(name), f"{_part(name)}-cert"):
                if self._take(f"{path}/certs/{cert}"):
                    return

    def _left_out(self, what: str, count: int) -> None:
        reason = f"{count - MAX_NAMES:,} after the first {MAX_NAMES}: not fetched"
        self._counters.problems.append(Problem(what, reason, fatal=False))

    def everything(self, org: str, env: str) -> None:
        """All references and keystores of an environment, where it is not known which one matters."""
        for kind in ("references", "keystores"):
            found: list[str] = []
            with self.tried(f"management API {kind}"):
                found = self.names(f"{_environment(org, env)}/{kind}")
            if len(found) > MAX_NAMES:
                self._left_out(f"management API: {kind}", len(found))
            for name in found[:MAX_NAMES]:
                with self.tried(f"management API {kind} {name}"):
                    if kind == "references":
                        self._take(f"{_environment(org, env)}/references/{_part(name)}")
                    else:
                        self.keystore(org, env, name)

    def names(self, path: str) -> list[str]:
        """A list of names, all of its pages."""
        found: list[str] = []
        query = ""
        while len(found) <= MAX_NAMES:
            data = self._get(path + query)
            if data is None:
                raise InputError(f"management API {path}: not found (404)", "check --org and --env")
            try:
                page = read_json(data)
            except ValueError as error:
                raise InputError(
                    f"management API {path}: not JSON", "is it the management API's address?"
                ) from error
            names = [name for name in page if isinstance(name, str)] if isinstance(page, list) else []
            known = set(found)
            fresh = [name for name in dict.fromkeys(names) if name not in known]
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
