r"""Distinguished names: from DER and from every text in which tools print them, compared by RFC 5280.

A name is a sequence of relative names, from the root (country) to the leaf (common name), each a set of
``type=value`` pairs. Two names are the same when the pairs are, after string types are ignored, letters
are folded and runs of blanks are one blank (RFC 5280 section 7.1, RFC 4518; Java's ``X500Principal`` does
the same). Text comes in these forms:

- Java and RFC 4514: leaf first, commas, ``\,`` or quotes around values, ``EMAILADDRESS``, ``OID.2.5.4.97``;
- OpenSSL from 1.1: root first, ``C = AU, CN = x``; RFC 2253 with ``-nameopt``: leaf first;
- OpenSSL before: ``/C=AU/CN=x``, values not escaped, so that a slash in a value only differs from a
  separator by what follows it;
- OpenSSL's mixed form: commas, but ``OU=ITS/emailAddress=a@b``, and commas in values not escaped.

The comma forms do not say which end is the root, so that a name read from such a text compares with its
relative names in either order.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

Pair = tuple[str, str]
"""Type as a dotted number, value as it compares."""
Relative = frozenset[Pair]

MAX_TEXT = 16_384
"""Characters of a text that may be a name; a longer one is none."""

_TYPES = {
    "CN": "2.5.4.3", "SN": "2.5.4.4", "SURNAME": "2.5.4.4", "SERIALNUMBER": "2.5.4.5", "C": "2.5.4.6",
    "L": "2.5.4.7", "ST": "2.5.4.8", "S": "2.5.4.8", "STREET": "2.5.4.9", "O": "2.5.4.10", "OU": "2.5.4.11",
    "TITLE": "2.5.4.12", "T": "2.5.4.12", "DESCRIPTION": "2.5.4.13", "BUSINESSCATEGORY": "2.5.4.15",
    "POSTALADDRESS": "2.5.4.16", "POSTALCODE": "2.5.4.17", "TELEPHONENUMBER": "2.5.4.20",
    "NAME": "2.5.4.41", "GN": "2.5.4.42", "GIVENNAME": "2.5.4.42", "INITIALS": "2.5.4.43", "I": "2.5.4.43",
    "GENERATION": "2.5.4.44", "GENERATIONQUALIFIER": "2.5.4.44", "X500UNIQUEIDENTIFIER": "2.5.4.45",
    "DNQUALIFIER": "2.5.4.46", "DNQ": "2.5.4.46", "PSEUDONYM": "2.5.4.65",
    "ORGANIZATIONIDENTIFIER": "2.5.4.97",
    "DC": "0.9.2342.19200300.100.1.25", "DOMAINCOMPONENT": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1", "USERID": "0.9.2342.19200300.100.1.1",
    "EMAILADDRESS": "1.2.840.113549.1.9.1", "E": "1.2.840.113549.1.9.1", "EMAIL": "1.2.840.113549.1.9.1",
    "UNSTRUCTUREDNAME": "1.2.840.113549.1.9.2", "UNSTRUCTUREDADDRESS": "1.2.840.113549.1.9.8",
    "JURISDICTIONL": "1.3.6.1.4.1.311.60.2.1.1", "JURISDICTIONST": "1.3.6.1.4.1.311.60.2.1.2",
    "JURISDICTIONC": "1.3.6.1.4.1.311.60.2.1.3",
    "JURISDICTIONLOCALITYNAME": "1.3.6.1.4.1.311.60.2.1.1",
    "JURISDICTIONSTATEORPROVINCENAME": "1.3.6.1.4.1.311.60.2.1.2",
    "JURISDICTIONCOUNTRYNAME": "1.3.6.1.4.1.311.60.2.1.3",
    "COMMONNAME": "2.5.4.3", "COUNTRYNAME": "2.5.4.6", "LOCALITYNAME": "2.5.4.7",
    "STATEORPROVINCENAME": "2.5.4.8", "STREETADDRESS": "2.5.4.9", "ORGANIZATIONNAME": "2.5.4.10",
    "ORGANIZATIONALUNITNAME": "2.5.4.11",
}  # fmt: skip
"""Every spelling of an attribute type that Java, OpenSSL or RFC 4514 print, in capitals. ``SN`` is the
surname, as OpenSSL and X.520 have it."""
_SHORT = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L",
    "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "T",
    "2.5.4.42": "GIVENNAME", "2.5.4.43": "INITIALS", "2.5.4.44": "GENERATION", "2.5.4.46": "DNQ",
    "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "EMAILADDRESS",
}  # fmt: skip
_TYPE = re.compile(r"\s*(?:OID\.)?(\d+(?:\.\d+)+|[A-Za-z][A-Za-z0-9-]*)\s*=\s*", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Name:
    """A distinguished name.

    ``relative`` runs from the root to the leaf where the order is known; ``text`` is how it is shown:
    leaf first, as the management API and Java show names.
    """

    relative: tuple[Relative, ...]
    text: str
    ordered: bool = True
    """Whether the order of ``relative`` is known."""

    def same(self, other: Name) -> bool:
        """Whether both name the same, by RFC 5280."""
        if self.relative == other.relative:
            return True
        return not (self.ordered and other.ordered) and self.relative == other.relative[::-1]

    def __str__(self) -> str:
        return self.text


def find(name: Name, among: tuple[Name, ...]) -> Name | None:
    """The name among others that is the same."""
    return next((other for other in among if name.same(other)), None)


def prepared(value: str) -> str:
    """A value as it compares: compatible characters alike, letters folded, blanks single and none around."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", value)).strip().casefold()


@lru_cache(maxsize=8192)
def from_der(der: bytes) -> Name:
    """A name from its DER (RFC 5280 section 4.1.2.4).

    Raises:
        ValueError: it is none.
    """
    from asn1crypto import x509

    try:
        parsed = x509.Name.load(der, strict=True).chosen
        rows = [[(pair["type"].dotted, _value(pair["value"])) for pair in part] for part in parsed]
    except Exception as error:  # whatever the parser raises on bytes from outside
        raise ValueError(f"not a distinguished name: {error}") from error
    relative = tuple(frozenset((kind, prepared(value)) for kind, value in row) for row in rows)
    return Name(relative, _shown(rows[::-1]))


def unreadable(der: bytes) -> Name:
    """Stands for a name that cannot be read: the same only as itself."""
    return Name((frozenset({("", der.hex())}),), "(a name that cannot be read)")


def _value(value: object) -> str:
    """The text of an attribute's value; of a type that is no text, its DER in hexadecimal."""
    native = getattr(value, "native", None)
    if isinstance(native, str):
        return native
    return "#" + value.dump().hex()  # type: ignore[attr-defined,no-any-return]


def _shown(rows: list[list[Pair]]) -> str:
    """Leaf first, as RFC 4514 writes it, with a blank after the comma as Java does."""
    return ", ".join(
        "+".join(f"{_SHORT.get(kind, kind)}={_escaped(value)}" for kind, value in row) for row in rows
    )


def _escaped(value: str) -> str:
    text = re.sub(r'([,+"\\<>;])', r"\\\1", value)
    if text.startswith((" ", "#")) and not re.fullmatch(r"#[0-9a-f]+", text):
        text = "\\" + text
    if text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1] + "\\ "
    return text


@lru_cache(maxsize=8192)
def parse(text: str) -> Name:
    """A name from any of the texts above.

    The empty text is the empty name.

    Raises:
        ValueError: it is none; the message says where.
    """
    text = _trimmed(text)
    if not text:
        return Name((), "")
    if len(text) > MAX_TEXT:
        raise ValueError(f"not a distinguished name: {len(text):,} characters")
    slashes = text.startswith("/") and _TYPE.match(text, 1) is not None
    parts = _split_slashes(text) if slashes else split_commas(text)
    rows = []
    for part in parts:
        row: list[Pair] = []
        for pair in part:
            found = _TYPE.match(pair)
            if found is None:
                raise ValueError(f"not a distinguished name: no type in {pair[:60]!r}")
            kind = _TYPES.get(found[1].upper(), found[1])
            row.append((kind, _unescaped(pair[found.end() :], slashes)))
        rows.append(row)
    if not slashes and not _begins_at_root(rows):
        rows.reverse()
    relative = tuple(frozenset((kind, prepared(value)) for kind, value in row) for row in rows)
    return Name(relative, _shown(rows[::-1]), ordered=slashes or len(rows) == 1)


def _begins_at_root(rows: list[list[Pair]]) -> bool:
    """The likelier order: a common name stands at the leaf, a country or domain at the root."""
    first, last = rows[0][0][0], rows[-1][0][0]
    roots = (_TYPES["C"], _TYPES["DC"])
    return (last == _TYPES["CN"] and first != last) or (first in roots and last not in roots)


def _trimmed(text: str) -> str:
    """Without blanks around it; a last blank that is escaped stays."""
    bare = text.strip()
    escapes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if escapes % 2 and text.rstrip("\r\n").endswith(" ") else bare


def _split_slashes(text: str) -> list[list[str]]:
    """``/C=AU/O=A+OU=B/CN=x``: a slash or plus separates where a known type follows it."""
    parts: list[list[str]] = []
    for piece, separator in _pieces(text[1:], "/+", quotes=False):
        if separator != "" and not _known(piece):
            parts[-1][-1] += separator + piece
        elif separator == "+":
            parts[-1].append(piece)
        else:
            parts.append([piece])
    return parts


def split_commas(text: str) -> list[list[str]]:
    """``C=AU, O=A + OU=B``: a piece without a type belongs to the value before it."""
    parts: list[list[str]] = []
    for piece, separator in _pieces(text, ",;+", quotes=True):
        if separator != "" and _TYPE.match(piece) is None:
            parts[-1][-1] += separator + piece
        elif separator == "+":
            parts[-1].append(piece)
        else:
            parts.append([piece])
    # OpenSSL's mixed form appends the mail address to the value before it.
    done: list[list[str]] = []
    for part in parts:
        head, found, mail = part[-1].partition("/emailAddress=")
        if found and '"' not in part[-1]:
            done += [[*part[:-1], head], ["emailAddress=" + mail]]
        else:
            done.append(part)
    return done


def _known(piece: str) -> bool:
    found = _TYPE.match(piece)
    return found is not None and (found[1].upper() in _TYPES or found[1][0].isdigit())


def _pieces(text: str, separators: str, quotes: bool) -> list[tuple[str, str]]:
    """Pieces with the separator before each; an escaped or quoted one does not separate."""
    pieces: list[tuple[str, str]] = []
    begun = at = 0
    separator = before = ""
    quoted = False
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            at += 1
            letter = text[at : at + 1]
        elif letter == '"' and quotes and (quoted or before == "="):
            quoted = not quoted
        elif letter in separators and not quoted:
            pieces.append((text[begun:at], separator))
            separator, begun = letter, at + 1
        before = before if letter.isspace() else letter
        at += 1
    pieces.append((text[begun:], separator))
    return pieces


def _unescaped(value: str, slashes: bool) -> str:
    r"""A value without its quotes and escapes: ``\,``, ``\C3\BC``, ``\xC3``, ``#0c03…``."""
    stripped = value.strip()
    if not slashes and re.fullmatch(r"#(?:[0-9A-Fa-f]{2})+", stripped):
        return _from_hex(stripped)
    if not slashes:
        value = _trimmed(value)
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
    raw = bytearray()
    at = 0
    while at < len(value):
        letter = value[at]
        if letter == "\\" and at + 1 < len(value):
            found = re.compile(r"x?([0-9A-Fa-f]{2})" if slashes else r"([0-9A-Fa-f]{2})").match(value, at + 1)
            if found and (not slashes or value[at + 1] == "x"):
                raw.append(int(found[1], 16))
                at = found.end()
                continue
            at += 1
            letter = value[at]
        raw += letter.encode("utf-8", "surrogateescape")
        at += 1
    return _decoded(bytes(raw))


def _from_hex(text: str) -> str:
    """A ``#`` value: the DER of a string."""
    from asn1crypto import core

    try:
        native = core.load(bytes.fromhex(text[1:])).native
    except Exception:  # noqa: BLE001 (whatever the parser raises on bytes from outside)
        return text.lower()
    return native if isinstance(native, str) else text.lower()


def _decoded(raw: bytes) -> str:
    if b"\0" in raw and len(raw) % 2 == 0:  # OpenSSL's one line prints the bytes of a BMPString
        return raw.decode("utf-16-be", "replace")
    try:
        return raw.decode("utf-8", "surrogateescape" if b"\xed" in raw else "strict")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
