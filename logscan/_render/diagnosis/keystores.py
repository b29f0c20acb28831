"""What a keystore holds, where it is all the evidence: each alias with its chain, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from logscan._diagnosis.result import Diagnosis
from logscan._evidence.certificates import CLIENT_AUTH, Certificate
from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry
from logscan._render.safe import markdown
from logscan._render.text import counted
from logscan.shown import safe

SOON = timedelta(days=30)
"""A certificate that expires within this time is marked."""
SHORT_KEY = 2048
"""Bits of an RSA key below which it is weak."""
MAX_ENTRIES = 200
"""Aliases of one keystore that are shown; the others are counted."""
_WEAK = ("MD2", "MD5", "SHA1")


@dataclass(frozen=True, slots=True)
class Link:
    """One certificate of a chain."""

    certificate: Certificate
    validity: str
    """``valid``, ``EXPIRED``, ``NOT YET VALID``, ``expires soon`` or ``not known``."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One alias."""

    alias: str
    key: str
    """``private key``, ``NO private key`` or ``private key not known``."""
    links: tuple[Link, ...]
    problems: tuple[str, ...]
    """What can make a backend refuse it, each in one sentence."""


@dataclass(frozen=True, slots=True)
class KeystoreSummary:
    """One keystore."""

    keystore: Keystore
    entries: tuple[Summary, ...]
    left_out: int
    """Aliases beyond :data:`MAX_ENTRIES`."""


def summaries(diagnosis: Diagnosis, now: datetime | None = None) -> tuple[KeystoreSummary, ...]:
    """The keystores, where there is neither a log nor a capture nor a case; else none."""
    if diagnosis.logs or diagnosis.captures or diagnosis.verdicts:
        return ()
    evidence = diagnosis.evidence
    stores = [*evidence.keystores, *evidence.environment.keystores.values()]
    if not stores and evidence.certificates:
        held = tuple(KeystoreEntry(item.source, None, (item,)) for item in evidence.certificates)
        stores = [Keystore("certificates without a key", "PEM", held, "")]
    moment = now or datetime.now(UTC)
    return tuple(
        KeystoreSummary(
            store,
            tuple(_summary(entry, moment) for entry in store.entries[:MAX_ENTRIES]),
            max(0, len(store.entries) - MAX_ENTRIES),
        )
        for store in stores
    )


def _summary(entry: KeystoreEntry, now: datetime) -> Summary:
    links = tuple(Link(item, _validity(item, now)) for item in entry.chain)
    key = {True: "private key", False: "NO private key", None: "private key not known"}[entry.has_key]
    return Summary(entry.alias, key, links, tuple(_problems(entry, links)))


def _validity(certificate: Certificate, now: datetime) -> str:
    begin, end = certificate.not_before, certificate.not_after
    if end is not None and end < now:
        return "EXPIRED"
    if begin is not None and begin > now:
        return "NOT YET VALID"
    if end is None:
        return "not known"
    return "expires soon" if end - now < SOON else "valid"


def _problems(entry: KeystoreEntry, links: tuple[Link, ...]) -> Iterator[str]:
    chain = entry.chain
    if entry.has_key is False:
        yield "Java cannot send it: there is no private key. Upload the certificate with its key."
    if not chain:
        yield "It has no certificate."
        return
    for number, link in enumerate(links):
        name = "The certificate" if number == 0 else str(link.certificate.subject)
        if link.validity == "EXPIRED":
            yield f"{name} expired on {_day(link.certificate.not_after)}."
        elif link.validity == "NOT YET VALID":
            yield f"{name} is not valid before {_day(link.certificate.not_before)}."
        elif link.validity == "expires soon":
            yield f"{name} expires on {_day(link.certificate.not_after)}."
    yield from _of_leaf(chain[0])
    signed = [item.signature_algorithm or "" for item in chain if not item.self_issued]
    if any(name.upper().startswith(_WEAK) for name in signed):
        yield "It is signed with MD2, MD5 or SHA-1: many backends refuse that."
    for item, issuer in pairwise(chain):
        if not item.issuer.same(issuer.subject):
            yield f"The chain is broken: {issuer.subject} did not issue {item.subject}."
    if not chain[-1].self_issued:
        yield f"The chain ends below {chain[-1].issuer}. If that is no root, an intermediate is missing."


def _of_leaf(leaf: Certificate) -> Iterator[str]:
    extended, usages = leaf.extended_key_usages, leaf.key_usages
    if extended and CLIENT_AUTH not in extended and "any" not in extended:
        yield f"The certificate is not for clients: its extended key usage is {', '.join(extended)}."
    if usages and "digital_signature" not in usages:
        yield "The key may not sign: its key usage has no digital signature."
    if leaf.key_algorithm == "RSA" and leaf.key_bits is not None and leaf.key_bits < SHORT_KEY:
        yield f"The RSA key has only {leaf.key_bits:,} bits: many backends refuse that."


def _day(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d}" if time else "-"


def _key(certificate: Certificate) -> str:
    bits = f" {certificate.key_bits:,} bits" if certificate.key_bits else ""
    return f"{certificate.key_algorithm or 'key not known'}{bits}, {certificate.signature_algorithm or '-'}"


def _usages(certificate: Certificate) -> str:
    extended, usages = certificate.extended_key_usages, certificate.key_usages
    if extended is None and usages is None:
        return "not known"
    shown = [*(extended or ()), *sorted(name.replace("_", " ") for name in usages or ())]
    return ", ".join(shown) or "any"


def _facts_of(link: Link) -> list[tuple[str, str]]:
    item = link.certificate
    dates = f"{_day(item.not_before)} to {_day(item.not_after)}"
    return [
        ("issuer", "itself (self-signed)" if item.self_issued else str(item.issuer)),
        ("dates", dates if link.validity == "valid" else f"{dates}: {link.validity}"),
        ("key", _key(item)),
        ("usages", _usages(item)),
    ]


def _title(summary: KeystoreSummary) -> str:
    store = summary.keystore
    return f"Keystore {store.name} ({store.kind}, {counted(len(store.entries), 'alias', 'aliases')})"


def keystore_lines(
    summary: KeystoreSummary,
    folded: Callable[[str, str, str], Iterator[str]],
    painted: Callable[[str, str], str],
) -> Iterator[str]:
    """For a terminal."""
    yield painted(safe(_title(summary)), "1")
    for entry in summary.entries:
        yield from folded(
            f"{safe(entry.alias)}: {entry.key}, {counted(len(entry.links), 'certificate')}", "   ", "     "
        )
        for problem in entry.problems:
            yield from folded(safe(problem), "   ! ", "     ")
        for number, link in enumerate(entry.links, start=1):
            yield from folded(safe(str(link.certificate.subject)), f"     {number}. ", "        ")
            for name, text in _facts_of(link):
                yield from folded(safe(text), f"        {name:<8}", " " * 16)
    if summary.left_out:
        yield f"   {summary.left_out:,} more aliases"
    yield from (f"   note: {safe(note)}" for note in summary.keystore.notes)


def keystore_markdown(summary: KeystoreSummary) -> Iterator[str]:
    """For a ticket."""
    yield f"## {markdown(_title(summary))}"
    yield ""
    for entry in summary.entries:
        yield f"**{markdown(entry.alias)}**: {entry.key}, {counted(len(entry.links), 'certificate')}"
        yield ""
        for problem in entry.problems:
            yield f"- **!** {markdown(problem)}"
        if entry.links:
            yield ""
            yield "| | Subject | Issuer | Dates | Key | Usages |"
            yield "|---|---|---|---|---|---|"
        for number, link in enumerate(entry.links, start=1):
            cells = [str(link.certificate.subject), *(text for _, text in _facts_of(link))]
            yield f"| {number} | " + " | ".join(markdown(cell) for cell in cells) + " |"
        yield ""
    if summary.left_out:
        yield f"{summary.left_out:,} more aliases"


def keystore_dict(
    summary: KeystoreSummary, certificate: Callable[[Certificate], dict[str, Any]]
) -> dict[str, Any]:
    """In JSON."""
    return {
        "name": summary.keystore.name,
        "kind": summary.keystore.kind,
        "source": summary.keystore.source,
        "aliases": [
            {
                "alias": entry.alias,
                "key": entry.key,
                "problems": list(entry.problems),
                "chain": [
                    certificate(link.certificate)
                    | {"validity": link.validity, "self_signed": link.certificate.self_issued}
                    for link in entry.links
                ],
            }
            for entry in summary.entries
        ],
        "aliases_left_out": summary.left_out,
    }


def keystore_page(summary: KeystoreSummary) -> dict[str, Any]:
    """For the page's template."""
    return {
        "title": _title(summary),
        "left_out": summary.left_out,
        "entries": [
            {
                "alias": entry.alias,
                "about": f"{entry.key}, {counted(len(entry.links), 'certificate')}",
                "problems": entry.problems,
                "links": [
                    {"subject": str(link.certificate.subject), "facts": _facts_of(link)}
                    for link in entry.links
                ],
            }
            for entry in summary.entries
        ],
    }
