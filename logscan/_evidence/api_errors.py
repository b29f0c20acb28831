"""Errors of the management API, saved in place of an answer: what is not there, and who may not read it.

Edge answers ``{"code": "messaging.config.beans.ResourceReferenceDoesNotExist", "message": …}`` or the same as
XML; a gateway before it a ``fault``; Apigee X an ``error``; its servlet container a page of HTML. ``curl -i``
writes the status line and headers before each of them.

Only an error that Edge itself gives shows that something is missing: the 404 of a page does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from logscan._evidence.json_text import begin_of, read_json
from logscan._evidence.xml import child_text, read_xml

KEYSTORE, REFERENCE, ALIAS, OTHER = "keystore", "reference", "alias", "other"
MAX_ERROR = 1 << 16
"""Bytes of an answer that may be an error. A longer one is none."""
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? ([1-5]\d\d)\b[^\n]{0,200}\n")
_PAGE = re.compile(rb"(?i)<(?:title|h1|h2)[^>]{0,100}>\s{0,9}(?:HTTP\s)?(?:Error:?\s)?\s{0,9}([45]\d\d)\b")
_FIELD = re.compile(rb'"(?:code|errorcode|faultstring|fault|error|status)"\s{0,9}:')
_SUBJECT = (
    (re.compile(r"(?i)alias"), ALIAS),
    (re.compile(r"(?i)key ?store|trust ?store"), KEYSTORE),
    (re.compile(r"(?i)reference"), REFERENCE),
)
_ELSEWHERE = re.compile(
    r"(?i)environment|organi[sz]ation|application|api ?proxy|target ?server|revision|server"
)
_PLACE = re.compile(r"(?i)environment|organi[sz]ation")
_GONE = re.compile(r"(?i)(?:does ?not ?exist|doesn't exist|not ?found|no such)")
_DENIED = re.compile(
    r"(?i)unauthori[sz]ed|invalid ?credentials|bad credentials|not authori[sz]ed|invalid_token"
)
_FORBIDDEN = re.compile(r"(?i)forbidden|permission ?denied|access ?denied|accessdenied")
_NAMED = re.compile(
    r"(?i)(?:named|with name|name|alias|key ?store|trust ?store|reference)\s{0,4}[:=]?\s{0,4}"
    r"[\"'\[]?([^\s\"'\],]{1,300}+)[\"'\]]?\s{1,4}"
    r"(?:does ?not exist|doesn't exist|(?:was |is |could )?not (?:be )?found)"
)
_PATHS = (
    (re.compile(r"keystores[/\\]([^/\\]{1,300})[/\\]aliases[/\\]([^/\\]{1,300})$"), ALIAS),
    (re.compile(r"keystores[/\\]([^/\\]{1,300})$"), KEYSTORE),
    (re.compile(r"references[/\\]([^/\\]{1,300})$"), REFERENCE),
)
_OF_PROXIES = ("messaging.adaptors.", "messaging.runtime.", "protocol.http.", "policies.", "steps.")
"""Beginnings of the codes of faults that clients of API proxies receive."""
_ENDING = re.compile(r"\.(?:json|xml|txt|pem|out)$")


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error in place of an answer."""

    status: int | None
    """404 and the like, where it is known."""
    code: str
    message: str
    kind: str
    """What it is about: :data:`KEYSTORE`, :data:`REFERENCE`, :data:`ALIAS` or :data:`OTHER`."""
    name: str | None
    """Of what is missing."""
    keystore: str | None
    """Of a missing alias."""
    by_edge: bool
    """Whether Edge's own API gave it; else a page of a server or proxy between."""

    @property
    def missing(self) -> bool:
        """Whether it proves that a keystore, reference or alias is not there."""
        return self.status == 404 and self.by_edge and self.kind != OTHER and self.name is not None

    @property
    def of_place(self) -> bool:
        """Whether the organization or environment is what is not there: that shows nothing of its parts."""
        said = f"{self.code.rpartition('.')[2]} {self.message.partition(' does ')[0]}"
        return self.status == 404 and self.by_edge and self.kind == OTHER and bool(_PLACE.search(said))

    @property
    def explanation(self) -> tuple[str, str]:
        """What it means, and what to do: for whoever saved it as an answer."""
        said = f": {self.message}" if self.message else ""
        if self.code.startswith(_OF_PROXIES):
            return (
                f"a fault that an API proxy sent to its client{said}",
                "give the log of the Message Processor that handled the request",
            )
        if self.status == 401:
            return (
                f"not authorized: the management API refused the credentials (401){said}",
                "give credentials (curl -n or -u USER; LOGSCAN_MGMT_USER with --mgmt) and save it again",
            )
        if self.status == 403:
            return (
                f"not authorized: these credentials may not read it (403){said}",
                "give credentials of a user with a read-only role in this organization, and save it again",
            )
        if self.status == 404:
            words = "the management API has no such resource (404)"
            hint = "check organization, environment and name in the address"
            return (
                (words + said, hint)
                if self.by_edge
                else (
                    "a server's page in place of an answer: there is no such address (404)",
                    "check the address: http://HOST:8080/v1/organizations/ORG/environments/ENV/…",
                )
            )
        number = f" ({self.status})" if self.status else ""
        return (
            f"an error of the management API in place of an answer{number}{said or ': ' + self.code}",
            "save the answer again when the management server serves",
        )


def without_head(data: bytes) -> tuple[int | None, bytes]:
    """An answer without the status line and headers of ``curl -i``, and its status.

    Interim answers (100) and those of a proxy are left out; the status is the last one's.
    """
    status, at = None, len(data) - len(begin_of(data))
    for _ in range(5):
        found = _STATUS.match(data, at)
        if found is None:
            break
        ends = [end for mark in (b"\n\r\n", b"\n\n") if (end := data.find(mark, found.end() - 1)) >= 0]
        if not ends:
            return int(found[1]), b""
        status, at = int(found[1]), min(ends)
        at += 3 if data.startswith(b"\n\r\n", at) else 2
    return (status, data[at:]) if status is not None else (None, data)


def error_of(data: bytes, path: str = "") -> ApiError | None:
    """The error that a file holds in place of an answer; ``None``: it holds none.

    Args:
        data: the file.
        path: file or resource; it names what was asked for, where the error does not.
    """
    if len(data) > MAX_ERROR:
        return None
    status, body = without_head(data)
    body = begin_of(body)
    if body.startswith(b"<"):
        page = _PAGE.search(body[:4096])
        if page is not None:
            return ApiError(int(page[1]), "", "", OTHER, None, None, by_edge=False)
        return _of_xml(body, status, path)
    if body.startswith(b"{"):
        return _of_json(body, status, path) if _FIELD.search(body[:4096]) or (status or 0) >= 400 else None
    if status is not None and status >= 400:
        return ApiError(status, "", "", OTHER, None, None, by_edge=False)
    return None


def _of_xml(body: bytes, status: int | None, path: str) -> ApiError | None:
    if not re.match(rb"(?i)(?:<\?xml[^>]{0,200}>\s{0,99})?<(?:error|fault)\b", body):
        return None
    try:
        root = read_xml(body)
    except ValueError:
        return None
    code, message = child_text(root, "Code") or "", child_text(root, "Message") or ""
    code = code or child_text(root, "errorcode") or ""
    message = message or child_text(root, "faultstring") or ""
    return _error(status, code, message, path) if code or message else None


def _of_json(body: bytes, status: int | None, path: str) -> ApiError | None:
    try:
        answer = read_json(body)
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    code, message = _text(answer.get("code")), _text(answer.get("message"))
    fault, error = answer.get("fault"), answer.get("error")
    number = answer.get("status")
    if isinstance(fault, dict):
        detail = fault.get("detail")
        code = _text(detail.get("errorcode")) if isinstance(detail, dict) else ""
        message = _text(fault.get("faultstring"))
    elif isinstance(error, dict):
        number = error.get("code")
        code, message = _text(error.get("status")), _text(error.get("message"))
    elif isinstance(error, str):
        code, message = error, _text(answer.get("error_description")) or message
    elif not ("code" in answer and "message" in answer):
        return None
    if isinstance(number, int) and 400 <= number < 600:
        status = status or number
    return _error(status, code, message, path) if code or message or status else None


def _text(value: object) -> str:
    return str(value)[:1000] if isinstance(value, str | int) else ""


def _error(status: int | None, code: str, message: str, path: str) -> ApiError | None:
    """An error by its code and words, where the status was not saved."""
    said = f"{code} {message}"
    if status is None:
        for pattern, meant in ((_DENIED, 401), (_FORBIDDEN, 403), (_GONE, 404)):
            if pattern.search(said):
                status = meant
                break
    kind, name, keystore = _subject(code, message, path)
    return ApiError(status, code, message, kind, name, keystore, by_edge=True)


def _subject(code: str, message: str, path: str) -> tuple[str, str | None, str | None]:
    """What an error is about: by its code, else by its words, and its name, which only the path may have.

    An environment that does not exist has no keystores, but that shows nothing of the one that is used.
    """
    last = code.rpartition(".")[2]
    known = any(pattern.search(last) for pattern, _ in _SUBJECT)
    said = last if known or _ELSEWHERE.search(last) else message.partition(" does ")[0].partition(" not ")[0]
    kind = next((kind for pattern, kind in _SUBJECT if pattern.search(said)), OTHER)
    named = _NAMED.search(message)
    name = named[1] if named else None
    place = _ENDING.sub("", path.replace("\\", "/")).rstrip("/")
    for pattern, asked in _PATHS:
        found = pattern.search(place)
        if found is None:
            continue
        if asked == kind == ALIAS:
            return ALIAS, unquote(found[2]), unquote(found[1])
        if asked == kind:
            return kind, unquote(found[1]), None
        if asked == ALIAS and kind == KEYSTORE:
            return KEYSTORE, unquote(found[1]), None
    if kind == ALIAS:  # of which keystore, only the path says
        return ALIAS, name, None
    return kind, name, None


def is_error(head: bytes) -> bool:
    """Whether a file that begins like this holds an error in place of an answer."""
    return error_of(head) is not None
