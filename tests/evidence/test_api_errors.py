"""Errors of the management API in place of answers, and what a listing proves of an alias."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logscan._evidence.api_answers import Answers
from logscan._evidence.api_errors import ALIAS, KEYSTORE, OTHER, REFERENCE, error_of
from logscan._evidence.keystores.keystore import Keystore, KeystoreEntry
from logscan._evidence.kinds import ANSWER, kind_of_evidence
from logscan._jobs.diagnose import Collected, collect, request_of
from support.command import ROOT

DATA = ROOT / "tests/data/diagnose"
ENVIRONMENT = "/v1/organizations/o/environments/e"


def listing(**item: object) -> Keystore:
    """The keystore that one answer comes to."""
    answers = Answers()
    answers.take(json.dumps({"name": "ks", **item}).encode(), "x")
    return answers.environment().keystores["ks"]


def test_a_listing_proves_a_missing_alias() -> None:
    """D10: the playbook's own data. The names are all there, though no certificate is."""
    answers = Answers()
    answers.take((DATA / "keystore.json").read_bytes(), "keystore.json")
    store = answers.environment().keystores["myKeystore"]
    assert (store.complete, store.complete_aliases) == (False, True)
    assert (store.has_alias("myKey"), store.has_alias("MYKEY"), store.has_alias("nope")) == (
        True,
        True,
        False,
    )


@pytest.mark.parametrize(
    ("item", "known"),
    [
        ({"aliases": [{"aliasName": "a"}, {"aliasName": "b"}]}, False), ({"aliases": ["a"]}, False), ({"aliases": []}, False),
        ({"certs": ["a-cert"], "keys": ["a"]}, False), ({"certs": [], "keys": []}, False),
        ({"certs": ["a"]}, None), ({"keys": ["a"]}, None),
        # A certificate that no alias names may be of another alias.
        ({"aliases": [{"aliasName": "a", "cert": "a-cert"}], "certs": ["a-cert", "nope-1"], "keys": []}, None),
    ],
)  # fmt: skip
def test_what_a_listing_leaves_open(item: dict[str, object], known: bool | None) -> None:
    """Only what names every alias proves that one is not there."""
    assert listing(**item).has_alias("nope") is known


def test_listings_by_path() -> None:
    """A list of aliases is full, one of certificates is not, and a single certificate says nothing of others."""
    for path, names, known in (("aliases", ["a"], False), ("aliases", [], False), ("certs", ["a"], None)):
        answers = Answers()
        answers.take(json.dumps(names).encode(), "x", f"{ENVIRONMENT}/keystores/ks/{path}.json")
        assert answers.environment().keystores["ks"].has_alias("nope") is known
    assert Keystore("k", "PEM", (KeystoreEntry("a", True, ()),), "x", complete=False).has_alias("b") is None
    assert Keystore("k", "PKCS#12", (), "x").has_alias("b") is False


ERRORS = [
    ('{"code":"messaging.config.beans.ResourceReferenceDoesNotExist","message":"Resource reference r does not exist in'
     ' environment e","contexts":[]}', "x", (404, REFERENCE, "r")),
    ('{"code":"messaging.config.beans.KeyStoreDoesNotExist","message":"Keystore k1 does not exist","contexts":[]}', "x",
     (404, KEYSTORE, "k1")),
    ('{"code":"messaging.config.beans.KeyStoreDoesNotExist","message":"","contexts":[]}',
     f"{ENVIRONMENT}/keystores/k%202.json", (404, KEYSTORE, "k 2")),
    ('{"code":"keystore.AliasNotFound","message":"Alias nope not found","contexts":[]}',
     f"{ENVIRONMENT}/keystores/k/aliases/nope.json", (404, ALIAS, "nope")),
    ("<Error><Code>messaging.config.beans.KeyStoreDoesNotExist</Code><Message>KeyStore k3 does not exist</Message>"
     "<Contexts/></Error>", "x", (404, KEYSTORE, "k3")),
    ('HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n{"code":"x.KeyStoreMissing","message":"Keystore k4'
     ' does not exist"}', "x", (404, KEYSTORE, "k4")),
    # Of the place: its parts are not known.
    ('{"code":"messaging.config.beans.EnvironmentDoesNotExist","message":"Environment e does not exist","contexts":[]}',
     f"{ENVIRONMENT}/keystores/k.json", (404, OTHER, None)),
    # Pages of a server or proxy, and refusals: nothing is proven.
    ("<html><head><title>Error 404 Not Found</title></head></html>", f"{ENVIRONMENT}/keystores/k.json", (404, OTHER, None)),
    ("<html><head><title>Error 401 Unauthorized</title></head></html>", "x", (401, OTHER, None)),
    ("<html><head><title>403 Forbidden</title></head><h1>403 Forbidden</h1></html>", "x", (403, OTHER, None)),
    ('{"error":"unauthorized","error_description":"Bad credentials"}', "x", (401, OTHER, None)),
    ('{"code":"security.Forbidden","message":"Permission denied to keystore k","contexts":[]}', "x", (403, OTHER, None)),
    ("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n", f"{ENVIRONMENT}/keystores/k.json", (401, OTHER, None)),
    ('{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}', "x",
     (403, OTHER, None)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "expected"), ERRORS)
def test_errors(text: str, path: str, expected: tuple[int, str, str | None]) -> None:
    """Each form is an answer, and only Edge's own 404 of the thing itself proves that it is missing."""
    assert kind_of_evidence(text.encode()) == ANSWER
    error = error_of(text.encode(), path)
    assert error is not None
    assert (error.status, error.name if error.missing else None) == (expected[0], expected[2])
    if error.missing:
        assert error.kind == expected[1]
    reason, hint = error.explanation
    if expected[0] in (401, 403):
        assert reason.startswith("not authorized")
        assert "credentials" in hint


def test_what_is_no_error() -> None:
    """Answers, also with the headers of curl -i, and texts that look a little like errors."""
    whole = (DATA / "keystore.json").read_bytes()
    for data in (
        whole,
        b"[]",
        b'{"code":1}',
        b"HTTP/1.1",
        b"<html>",
        b"",
        b'{"error"',
        b"HTTP/1.1 200 OK\n\n" + whole,
    ):
        assert error_of(data) is None, data
    answers = Answers()
    data = b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n" + whole
    assert kind_of_evidence(data) == ANSWER
    assert answers.take(data, "x") == 1


def collected(folder: Path) -> Collected:
    """What is read of a folder."""
    return collect(request_of([str(folder)], {}))


def test_errors_among_the_evidence(tmp_path: Path) -> None:
    """Missing things reach the environment; a refusal says what to do and is never 'not recognized'."""
    folder = tmp_path / "keystores/k/aliases"
    folder.mkdir(parents=True)
    (folder / "nope.json").write_text('{"code":"keystore.AliasDoesNotExist","message":"no","contexts":[]}')
    (tmp_path / "a.json").write_text(ERRORS[0][0])
    (tmp_path / "b.json").write_text(ERRORS[1][0])
    (tmp_path / "c.json").write_text(ERRORS[8][0])
    found = collected(tmp_path)
    environment = found.evidence.environment
    assert ("r" in environment.missing_references, "k1" in environment.missing_keystores) == (True, True)
    assert environment.keystores["k"].has_alias("nope") is False
    assert environment.keystores["k"].has_alias("other") is None
    (problem,) = found.counters.problems
    assert problem.path.endswith("c.json")
    assert problem.reason.startswith("not authorized")
    assert found.evidence.unrecognized == []
