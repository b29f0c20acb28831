"""Answers of the management API, saved as files or fetched: JSON or XML, whatever was asked.

An answer is known by its shape: a keystore, an alias or certificate with ``certInfo``, a reference, a
target server, or a list or object of such. Which keystore a certificate belongs to stands in the path of
its file when that follows the API (``keystores/NAME/aliases/ALIAS``), else in the keystore that names it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from logscan._evidence.api_errors import without_head
from logscan._evidence.api_keystores import Details, Listing, joined
from logscan._evidence.certificates import Certificate, from_cert_info
from logscan._evidence.configuration import Environment, Reference, Target, settings_from
from logscan._evidence.json_text import begin_of, read_json
from logscan._evidence.xml import child_text, read_xml, text_of

MAX_OBJECTS = 100_000
"""Objects looked at in one answer."""
_PATH = re.compile(
    r"keystores[/\\]([^/\\]+?)(?:[/\\](?:aliases|certs)[/\\]([^/\\]+?)(?:[/\\](?:certificate|export))?)?(?:\.(?:json|xml|pem))?$"
)


def _place(path: str) -> tuple[str | None, str | None]:
    """The keystore and the alias or certificate that a path names, as in an address."""
    found = _PATH.search(path.replace("\\", "/"))
    if found is None:
        return None, None
    return unquote(found[1]), unquote(found[2]) if found[2] else None


class Answers:
    """Takes answers one by one; :meth:`environment` joins them."""

    def __init__(self) -> None:
        self._listings: dict[str, Listing] = {}
        self._details: list[Details] = []
        self._environment = Environment()
        self._missing_aliases: dict[str, list[tuple[str, str]]] = {}
        self.understood = 0
        """Objects that were understood."""
        self.problems: list[tuple[str, str]] = []
        """What was not read: where it stands, and why."""

    def take(self, data: bytes, source: str, path: str = "") -> int:
        """Take one answer; how many things in it were understood.

        Args:
            data: the answer.
            source: where it stands, for a person.
            path: file or resource, from which a keystore's name may be read.

        Raises:
            ValueError: it is neither JSON nor XML.
        """
        before = self.understood
        keystore, name = _place(path)
        stripped = begin_of(without_head(data)[1])
        if stripped.startswith(b"<"):
            if re.match(rb"(?i)<(?:!doctype\s+)?html", stripped):
                raise ValueError(
                    "an HTML page, not an answer of the management API: was it a login page or a proxy's"
                    " error?"
                )
            self._xml(read_xml(stripped), source, keystore, name)
            return self.understood - before
        try:
            answer = read_json(stripped)
        except ValueError as error:
            raise ValueError(f"neither JSON nor XML: {error}") from error
        if isinstance(answer, list) and all(isinstance(item, str) for item in answer):
            self._names(answer, path, source)
        for count, item in enumerate(_objects(answer)):
            if count >= MAX_OBJECTS:
                self.problems.append((source, f"objects after the first {MAX_OBJECTS:,}: not read"))
                break
            self._object(item, source, keystore, name)
        return self.understood - before

    def certificate(self, chain: tuple[Certificate, ...], source: str, path: str) -> None:
        """An alias's certificate as PEM (``…/aliases/ALIAS/certificate``): it has the usages, which the
        API's JSON lacks. Used only where the path says whose it is."""
        keystore, name = _place(path)
        if name is not None:
            # First, so that it is preferred to the same chain without its bytes.
            self._details.insert(0, Details(chain, name, None, keystore, source, is_alias=False))
            self.understood += 1

    def listed(self, kind: str, names: list[str], source: str) -> None:
        """All ``keystores`` or ``references`` of the environment are these."""
        if kind == "references":
            self._environment.listed_references = True
        else:
            self._environment.listed_keystores = True
            for name in names:
                self._listings.setdefault(name, Listing(name, (), None, {}, source))
        self.understood += 1

    def missing(self, kind: str, name: str, source: str) -> None:
        """The API said that there is no such ``keystores`` or ``references``."""
        known = self._environment
        where = known.missing_references if kind == "references" else known.missing_keystores
        where[name] = source
        self.understood += 1

    def missing_alias(self, keystore: str, alias: str, source: str) -> None:
        """The API said that a keystore has no such alias."""
        self._missing_aliases.setdefault(keystore, []).append((alias, source))
        self.understood += 1

    def _names(self, names: list[str], path: str, source: str) -> None:
        """A list of names: only the path shows of what."""
        place = re.sub(r"\.json$", "", path.replace("\\", "/")).rstrip("/")
        if place.endswith("/references") or place == "references":
            self.listed("references", names, source)
        elif place.endswith("/keystores") or place == "keystores":
            self.listed("keystores", names, source)
        elif found := re.search(r"keystores/([^/]+)/(aliases|certs)$", place):
            keystore = unquote(found[1])
            listing = self._listings.setdefault(keystore, Listing(keystore, (), None, {}, source))
            if found[2] == "certs":
                listing.certs = tuple(names)
            else:
                listing.full = True
                for name in names:
                    listing.aliases.setdefault(name, (None, None, False))
            self.understood += 1

    def _object(self, item: dict[str, Any], source: str, keystore: str | None, name: str | None) -> None:
        info = item.get("certsInfo") or item.get("certInfo")
        if isinstance(info, dict):  # an alias
            label = item.get("alias") or item.get("aliasName") or name
            self._chain(
                info.get("certInfo"),
                _text(label),
                _text(item.get("keyName")),
                keystore=keystore,
                source=source,
                is_alias=True,
            )
        elif isinstance(info, list):
            label = name or _text(item.get("certName"))
            self._chain(info, label, None, keystore=keystore, source=source, is_alias=False)
        elif "refers" in item and isinstance(item.get("name"), str):
            self._reference(item["name"], str(item["refers"]), source)
        elif isinstance(item.get("host"), str) and isinstance(item.get("name"), str):
            self._target_server(item, source)
        elif isinstance(item.get("name"), str) and ({"certs", "keys", "aliases"} & item.keys()):
            self._keystore(item, source)

    def _chain(
        self,
        rows: object,
        name: str | None,
        key: str | None,
        *,
        keystore: str | None,
        source: str,
        is_alias: bool,
    ) -> None:
        chain = []
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict):
                try:
                    chain.append(from_cert_info(row, source))
                except ValueError as error:
                    self.problems.append((source, f"{error} (of {name or 'an alias'})"))
        if chain or is_alias:
            self._details.append(Details(tuple(chain), name, key, keystore, source, is_alias))
            self.understood += 1

    def _reference(self, name: str, refers: str, source: str) -> None:
        self._environment.references[name] = Reference(name, refers.removeprefix("ref://"), source)
        self.understood += 1

    def _target_server(self, item: dict[str, Any], source: str) -> None:
        info = item.get("sSLInfo") or item.get("SSLInfo") or item.get("sslInfo")
        settings = settings_from(info, source) if isinstance(info, dict) and info else None
        port = item.get("port")
        number = int(str(port)) if re.fullmatch("[0-9]{1,5}", str(port)) else None
        target = Target("target server", item["name"], None, item["host"], number, (), settings, source)
        self._environment.target_servers[item["name"]] = target
        self.understood += 1

    def _keystore(self, item: dict[str, Any], source: str) -> None:
        keys = item.get("keys")
        aliases: dict[str, tuple[str | None, str | None, bool]] = {}
        for row in _rows(item.get("aliases")):
            if isinstance(row, str):
                aliases[row] = (None, None, False)
            elif isinstance(row, dict) and isinstance(row.get("aliasName"), str):
                aliases[row["aliasName"]] = (_text(row.get("cert")), _text(row.get("key")), True)
        self._listings[item["name"]] = Listing(
            item["name"],
            tuple(str(cert) for cert in _rows(item.get("certs"))),
            tuple(str(key) for key in keys) if isinstance(keys, list) else None,
            aliases,
            source,
            full=isinstance(item.get("aliases"), list)
            or (isinstance(item.get("certs"), list) and isinstance(keys, list)),
        )
        self.understood += 1

    def _xml(self, root: Element, source: str, keystore: str | None, name: str | None) -> None:
        for count, element in enumerate(root.iter()):
            if count >= MAX_OBJECTS:
                self.problems.append((source, f"elements after the first {MAX_OBJECTS:,}: not read"))
                return
            tag = str(element.tag).casefold()
            if tag in ("resourcereference", "resourceref"):
                refers = child_text(element, "Refers")
                label = element.get("name") or child_text(element, "Name")
                if label and refers:
                    self._reference(label, refers, source)
            elif tag == "targetserver":
                self._xml_server(element, source)
            elif tag == "keystore" and len(element) and element.get("name"):
                item = {
                    "name": element.get("name"),
                    "certs": [text_of(p) or "" for p in element.iter() if p.tag in ("Cert", "CertName")],
                    "keys": [text_of(p) or "" for p in element.iter() if p.tag in ("Key", "KeyName")],
                }
                self._keystore(item, source)
        infos = [
            element for element in root.iter() if str(element.tag).casefold() == "certinfo" and len(element)
        ]
        rows = [_cert_info(element) for element in infos if child_text(element, "Subject")]
        if rows:
            label = root.get("name") or child_text(root, "CertName") or name
            self._chain(rows, label, None, keystore=keystore, source=source, is_alias=False)

    def _xml_server(self, element: Element, source: str) -> None:
        label = element.get("name") or child_text(element, "Name")
        host = child_text(element, "Host")
        if label and host:
            info = next((child for child in element if child.tag == "SSLInfo"), None)
            item: dict[str, Any] = {"name": label, "host": host, "port": child_text(element, "Port")}
            if info is not None and len(info):
                item["sSLInfo"] = {str(child.tag): text_of(child) for child in info}
            self._target_server(item, source)

    def environment(self) -> Environment:
        """Everything joined: each keystore with its aliases, their chains, and whether they have keys."""
        done = self._environment
        loose: list[Details] = []
        by_keystore: dict[str, list[Details]] = {}
        for details in self._details:
            home = details.keystore or self._home(details)
            if home is None:
                loose.append(details)
            else:
                by_keystore.setdefault(home, []).append(details)
        if loose and len(self._listings) <= 1 and not by_keystore:
            # Nothing says where they belong, and there is one keystore at most: this is it.
            home = next(iter(self._listings), "(keystore not named)")
            by_keystore[home] = loose
        gone = self._missing_aliases
        for name in dict.fromkeys([*self._listings, *by_keystore, *gone]):
            done.keystores[name] = joined(
                name, self._listings.get(name), by_keystore.get(name, []), gone.get(name, ())
            )
        return done

    def _home(self, details: Details) -> str | None:
        """The keystore that names this certificate or alias."""
        homes = [
            listing.name
            for listing in self._listings.values()
            if details.name is not None and (
                details.name in listing.certs or details.name in listing.aliases
                or any(cert == details.name for cert, _, _ in listing.aliases.values())
            )
        ]  # fmt: skip
        return homes[0] if len(homes) == 1 else None


def _rows(value: object) -> list[Any]:
    """A list; none where the answer has something else in its place."""
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _cert_info(element: Element) -> dict[str, Any]:
    names = {
        "subject": "Subject", "issuer": "Issuer", "expiryDate": "ExpiryDate", "validFrom": "ValidFrom",
        "serialNumber": "SerialNumber", "publicKey": "PublicKey", "sigAlgName": "SigAlgName",
        "basicConstraints": "BasicConstraints",
    }  # fmt: skip
    return {ours: child_text(element, theirs) for ours, theirs in names.items()}


def _objects(answer: Any) -> Iterator[dict[str, Any]]:
    """Every object in an answer that may be a resource, outermost first; not the parts of one."""
    waiting = deque([answer])
    while waiting:
        item = waiting.popleft()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            yield item
            known = {"certInfo", "certsInfo", "sSLInfo", "SSLInfo", "aliases", "refers"} & item.keys()
            if not known:
                waiting += [value for value in item.values() if isinstance(value, list | dict)]


def is_answer(head: bytes) -> bool:
    """Whether a file looks like an answer of the API: JSON, or XML of a known resource."""
    head = begin_of(without_head(head)[1])
    start = head[:1]
    if start in (b"{", b"["):
        return bool(
            re.search(
                rb'"(?:certInfo|certsInfo|refers|certs|aliases|sSLInfo|host|keys)"|^\s*\[\s*(?:"|\])', head
            )
        )
    return bool(
        re.search(
            rb"<(?:ResourceRef|ResourceReference|TargetServer|CertInfo|KeyStore|CertificateInfo|Certificate)\b",
            head,
        )
    )
