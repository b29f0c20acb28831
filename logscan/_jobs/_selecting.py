"""The keywords by which failed handshakes are selected, named as the command line names its options."""

from __future__ import annotations

from logscan._failures import catalog
from logscan._failures.handshakes import Rule
from logscan._failures.names import cut
from logscan._failures.selection import HostNames, Selection, select_alerts
from logscan._jobs._options import Names, Reading, Times, listed, several, times_of
from logscan.errors import UsageError, choose_from

SIDES = ("southbound", "northbound")


class Selecting(Times, total=False):
    """Which failed handshakes are asked for; every name may be a pattern (``payments-*``)."""

    alert: Names
    """Alerts or causes; ``all``: every TLS failure. Default: the family ``client-certificate``."""
    family: str | None
    """All faces of one fault, in place of ``alert``. Default: those of a refused client certificate."""
    org: Names
    env: Names
    proxy: Names
    not_proxy: Names
    """API proxies to leave out."""
    side: str | None
    """``southbound`` or ``northbound``."""
    message: Names
    """Message ids, whole; several with commas. Default: any."""
    host: Names
    """``NAME`` or ``NAME=PATTERN``: what the Message Processors of files are called."""
    join_time: float
    """Seconds between two entries of one message that follow each other, at most, so that they belong
    together."""
    join_bytes: int
    """Bytes of text between them, at most."""


class Choosing(Selecting, Reading, total=False):
    """Which failed handshakes are asked for, and how logs are read."""


def selection_of(given: Selecting) -> Selection:
    """The selection that was asked for.

    Raises:
        UsageError: an unknown alert, family or side, or a time that cannot be read.
    """
    family, side = given.get("family"), given.get("side")
    alert = listed(given.get("alert"))
    if alert and family is not None:
        raise UsageError("alert and family exclude each other", "give one of them")
    for name, value, known in (("family", family, catalog.FAMILIES), ("side", side, SIDES)):
        if value is not None and value not in known:
            raise UsageError(f"{value}: unknown", choose_from(value, known), argument=name)
    if not alert and family is None:
        family = catalog.CLIENT_CERTIFICATE
    return Selection(
        alerts=select_alerts(alert) if alert else frozenset(),
        family=family,
        orgs=listed(given.get("org")),
        envs=listed(given.get("env")),
        proxies=listed(given.get("proxy")),
        not_proxies=listed(given.get("not_proxy")),
        side=side,
        messages=messages_of(given.get("message")),
        times=times_of(given),
    )


def messages_of(names: Names | None) -> frozenset[str]:
    """Message ids as failures have them."""
    return frozenset(cut(name) for name in listed(names))


def hosts_of(given: Selecting) -> HostNames:
    """The rules by which Message Processors are named.

    Raises:
        UsageError: a rule without a name.
    """
    return HostNames(several(given.get("host")))


def rule_of(given: Selecting) -> Rule:
    """When two entries of one message belong together.

    Raises:
        UsageError: a limit that is no limit.
    """
    return rule(given.get("join_time"), given.get("join_bytes"))


def rule(seconds: float | None = None, size: int | None = None) -> Rule:
    """The rule of some limits; ``None``: the default.

    Raises:
        UsageError: a limit that is no limit.
    """
    made = Rule()
    if seconds is not None:
        if not 0 <= seconds <= 86_400:
            raise UsageError(f"{seconds}: not between 0 and 86,400 seconds", argument="join_time")
        made = made._replace(time=round(seconds * 1_000_000))
    if size is not None:
        if size < 1:
            raise UsageError(f"{size}: less than one byte", argument="join_bytes")
        made = made._replace(size=size)
    return made
