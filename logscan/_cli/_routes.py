"""Routes: which team gets a mail or a notice about which incidents, by ``[[route]]`` of the configuration.

A route sends, so it is never taken from a file of the working directory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from logscan._cli import _configuration as configuration
from logscan.errors import UsageError

_LISTS = ("org", "env", "proxy", "not-proxy", "email", "notify")
_TEXTS = ("name", "subject")
KEYS = (*_TEXTS, *_LISTS)


@dataclass(frozen=True, slots=True)
class Route:
    """A team, and the incidents that it gets. Names may be patterns, in any case; empty means any."""

    name: str
    subject: str = ""
    org: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    proxy: tuple[str, ...] = ()
    not_proxy: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()

    def takes(self, org: str | None, env: str | None, proxy: str | None) -> bool:
        """Whether incidents of this place are for the team."""
        return (
            (not self.org or _matches(self.org, org))
            and (not self.env or _matches(self.env, env))
            and (not self.proxy or _matches(self.proxy, proxy))
            and not _matches(self.not_proxy, proxy)
        )


def _matches(patterns: Sequence[str], value: str | None) -> bool:
    return any(fnmatchcase((value or "").casefold(), pattern.casefold()) for pattern in patterns)


def routes_of(tables: Mapping[str, Any], path: str) -> tuple[Route, ...]:
    """The routes of a configuration file.

    Raises:
        UsageError: a key that no route has, a value of the wrong type, or a route that sends nothing.
    """
    found = tables.get(configuration.ROUTES, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise UsageError(
            f"{path}: {configuration.ROUTES}: expected [[{configuration.ROUTES}]]",
            "write it in double brackets",
        )
    routes = tuple(_route(table, number, path) for number, table in enumerate(found, 1))
    names = [route.name for route in routes]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"{path}: [[{configuration.ROUTES}]] {name}: two routes have this name",
                "name them differently",
            )
    return routes


def _route(table: Mapping[str, Any], number: int, path: str) -> Route:
    from logscan._render.subject import check_subject

    name = table.get("name", f"route {number}")
    place = f"{path}: [[{configuration.ROUTES}]] {name if isinstance(name, str) else number}"
    values: dict[str, Any] = {"name": name}
    for key, value in table.items():
        if key not in KEYS:
            import difflib

            near = difflib.get_close_matches(key, KEYS, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else "choose from " + ", ".join(KEYS)
            raise UsageError(f"{place}: {key}: a route has no such key", hint)
        parts = value if isinstance(value, list) and key in _LISTS else [value]
        if not all(isinstance(part, str) and part for part in parts):
            many = ", or a list of texts" if key in _LISTS else ""
            raise UsageError(f"{place}: {key}: expected text{many}", "write it in quotes")
        values[key.replace("-", "_")] = tuple(parts) if key in _LISTS else value
    route = Route(**values)
    if not route.email and not route.notify:
        raise UsageError(f"{place}: it sends nothing", 'add email = ["team@example.com"], or notify')
    try:
        check_subject(route.subject)
    except UsageError as error:
        raise UsageError(f"{place}: subject: {error}", error.hint) from error
    return route


def check(tables: Mapping[str, Any], path: str, refuse: configuration.Refuse) -> None:
    """Check the routes of a file; those of a file of the working directory are refused.

    Raises:
        UsageError: see :func:`routes_of`.
    """
    if routes_of(tables, path) and configuration.is_untrusted(path):
        configuration.refuse_untrusted(refuse, path, f"[[{configuration.ROUTES}]]", "what sends")


def configured() -> tuple[Route, ...]:
    """The routes of the configuration that is used.

    Raises:
        UsageError: there are none.
    """
    used = configuration.trusted()
    routes = () if used is None else routes_of(*used)
    if not routes:
        raise UsageError(
            f"--routes: no [[{configuration.ROUTES}]] in the configuration",
            "docs/configuration.md shows what one looks like",
        )
    return routes
