"""What a cause is, and the checks that many causes begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import getdoc
from typing import NamedTuple

from logscan._diagnosis.facts import Facts, Quote
from logscan._evidence.capture.connection import EMPTY, NOT_ASKED, SENT

PROVEN, LIKELY, POSSIBLE, EXCLUDED = "proven", "likely", "possible", "excluded"
STATES = (PROVEN, LIKELY, POSSIBLE, EXCLUDED)

IF_EMPTY, IF_SENT, IF_REFUSED_HERE, IF_NOT_AGREED, IF_CUT, OTHERWISE = (
    "if the client sent no certificate", "if it sent one that was refused",
    "if the Message Processor refused the backend's certificate", "if the two sides did not agree on TLS",
    "if the connection was cut or not answered", "otherwise",
)  # fmt: skip
"""The groups of causes: by what happened."""
OF_CLIENT_CERTIFICATE = (IF_EMPTY, IF_SENT)
"""Groups whose causes need evidence that a certificate was asked for and refused."""


class Assessment(NamedTuple):
    """What the facts say about one cause."""

    state: str
    why: str
    quotes: tuple[Quote, ...] = ()
    needs: tuple[str, ...] = ()
    """Kinds of evidence that would decide."""
    doubt: str = ""
    """Why a cause that fits is not proven, in one sentence."""
    usual: bool = False
    """What was found is usual where no client certificate is asked for: alone it makes nothing likely."""
    seen: bool = False
    """It was seen in the handshake itself, or in the log of it: not in what is configured now."""


def proven(why: str, quotes: tuple[Quote, ...], *, usual: bool = False, seen: bool = False) -> Assessment:
    """The evidence shows what the cause says. Of a client certificate it is proven only if the rule of
    :mod:`logscan._diagnosis.certainty` holds too."""
    return Assessment(PROVEN, why, quotes, usual=usual, seen=seen)


def likely(
    why: str, quotes: tuple[Quote, ...] = (), needs: tuple[str, ...] = (), *, doubt: str = ""
) -> Assessment:
    """The evidence points to the cause, and does not show it."""
    return Assessment(LIKELY, why, quotes, needs, doubt)


def possible(why: str, quotes: tuple[Quote, ...] = (), needs: tuple[str, ...] = ()) -> Assessment:
    """The evidence neither shows the cause nor rules it out."""
    return Assessment(POSSIBLE, why, quotes, needs)


def excluded(why: str) -> Assessment:
    """The evidence rules the cause out."""
    return Assessment(EXCLUDED, why)


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause: its name, its group, its words for people, its remedy, and the function that assesses it."""

    name: str
    group: str
    title: str
    remedy: str
    assess: Callable[[Facts], Assessment]

    @property
    def proven_when(self) -> str:
        """When it is proven: the function's docstring, which is also the row of docs/diagnose.md."""
        return " ".join((getdoc(self.assess) or "").split())


def cause(group: str, *, title: str, remedy: str) -> Callable[[Callable[[Facts], Assessment]], Cause]:
    """Make a function a cause of its own name. Its docstring says when the cause is proven."""
    return lambda assess: Cause(assess.__name__, group, title, remedy, assess)


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause as it was assessed in one case."""

    cause: Cause
    state: str
    """:data:`PROVEN`, :data:`LIKELY`, :data:`POSSIBLE` or :data:`EXCLUDED`."""
    why: str
    quotes: tuple[Quote, ...]
    needs: tuple[str, ...]
    doubt: str = ""
    """What is missing to call it proven, in one sentence."""


def excluded_if_not_refused(facts: Facts) -> Assessment | None:
    """Why no cause of a refused client certificate is meant; ``None``: one may be."""
    if facts.not_refused_because is not None:
        return excluded(facts.not_refused_because)
    if facts.before_request:
        return excluded("the server ended the handshake before the client could answer")
    return None


def excluded_unless_empty(facts: Facts) -> Assessment | None:
    """Why no cause of an empty client Certificate is meant; ``None``: one may be."""
    if facts.sent == SENT:
        return excluded("the client did send a certificate")
    if facts.sent == NOT_ASKED:
        return excluded("the server did not ask for a certificate")
    return excluded_if_not_refused(facts)


def excluded_unless_sent(facts: Facts) -> Assessment | None:
    """Why no cause of a certificate that was sent is meant; ``None``: one may be."""
    if facts.sent == EMPTY:
        return excluded("the client sent no certificate")
    if facts.sent == NOT_ASKED:
        return excluded("the server did not ask for a certificate")
    if facts.sent is None and not facts.says_sent:
        # An alert that is only for a certificate that was sent contradicts these: then none rules it out.
        if keystore_explains(facts):
            return excluded("Java sends no certificate with this keystore")
        if facts.log_keystore == "null":
            return excluded("no keystore is configured, so none was sent")
        if (
            facts.keystore_exists is False
            or facts.reference_resolves is False
            or (facts.settings is not None and facts.settings.client_auth_enabled is False)
        ):
            return excluded("the configuration lets none be sent")
    return excluded_if_not_refused(facts)


def excluded_without_keystore(facts: Facts) -> Assessment | None:
    """Why the contents of a keystore cannot be the cause; ``None``: they may be."""
    if facts.log_keystore == "null":
        return excluded("no keystore is configured")
    if facts.settings is not None and not facts.settings.keystore:
        return excluded("the settings name no keystore")
    if facts.reference_resolves is False or facts.keystore_exists is False:
        return excluded("the keystore does not exist")
    return None


def keystore_explains(facts: Facts) -> bool:
    """Whether the keystore's contents alone make Java send nothing, for certain."""
    return facts.choice is not None and facts.choice.certain and facts.choice.alias is None


def needs_of_the_wire(facts: Facts) -> tuple[str, ...]:
    """What would show what the client sent."""
    if facts.sent is not None and not facts.inferred:
        return ()
    if facts.wire and facts.version == "TLS 1.3":
        return ("key-log",)
    return ("capture",)


def certificate_unknown(facts: Facts) -> Assessment:
    """A certificate was sent, or may have been, and no evidence shows it."""
    needs = ("keystore", *needs_of_the_wire(facts))
    return possible("the certificate that was sent is not known", facts.quote("sent"), needs)
