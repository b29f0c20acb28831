"""One bad piece of evidence never ends a run: something raises on purpose in every stage of diagnose and gather."""

from __future__ import annotations

import importlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logscan._cli._commands import grouped
from logscan._diagnosis import certainty
from logscan._diagnosis.causes import CAUSES
from support.command import ROOT

TLS = ROOT / "tests/data/tls"


class OnPurposeError(Exception):
    """What no reader expects."""


STAGES = {
    "kind of a file": "logscan._jobs._evidence_reader.kind_of_evidence",
    "reading whole": "logscan._jobs._evidence_reader.read_whole",
    "keystore": "logscan._evidence.keystores.read_keystore.read_pem",
    "certificate": "logscan._evidence.certificates.from_der",
    "s_client": "logscan._evidence.s_client.read_s_client",
    "bundle": "logscan._evidence.bundle.read_xml",
    "trace": "logscan._evidence.trace.read_trace",
    "answer": "logscan._evidence.api_answers.Answers._object",
    "joining answers": "logscan._evidence.api_answers.Answers.environment",
    "packet": "logscan._evidence.capture.read_capture.segment_of",
    "segment": "logscan._evidence.capture.flow.Flow.feed",
    "handshake": "logscan._evidence.capture.handshake.Handshake._message",
    "end of a connection": "logscan._evidence.capture.flow.Flow.result",
    "capture file": "logscan._evidence.capture.packets.CaptureFile._want",
    "failure": "logscan._diagnosis.cases.Groups.feed",
    "traces' failures": "logscan._diagnosis.cases.Groups.trace",
    "cases": "logscan._jobs.diagnose.cases_of",
    "facts of a case": "logscan._diagnosis.verdict.facts_of",
    "facts of the log": "logscan._diagnosis.facts_of_case.facts_from_log",
    "facts of the wire": "logscan._diagnosis.facts_of_case.facts_from_wire",
    "facts of s_client": "logscan._diagnosis.facts_of_case.facts_from_s_client",
    "facts of settings": "logscan._diagnosis.facts_of_case.facts_from_configuration",
    "facts of the keystore": "logscan._diagnosis.facts_of_case.facts_from_keystore",
    "Java's choice": "logscan._diagnosis.facts_of_case.choose",
    "headline": "logscan._diagnosis.verdict._headline",
}
GATHERING = {
    "excerpt": "logscan._jobs.gather.find",
    "cut capture": "logscan._jobs.gather.cut",
    "certificates": "logscan._jobs.gather._certificate_lines",
    "masking": "logscan._support.archive.redact_bytes",
    "zip": "logscan._evidence.bundle.open_zip",
    "page": "logscan._render.diagnosis.page.as_html",
    "data": "logscan._render.diagnosis.data.as_json",
    "markdown": "logscan._render.diagnosis.markdown.as_markdown",
}


def broken(monkeypatch: pytest.MonkeyPatch, target: str) -> list[str]:
    """Let a function raise; what it was called for is listed."""
    calls: list[str] = []

    def raises(*_: Any, **__: Any) -> Any:
        calls.append(target)
        raise OnPurposeError(f"on purpose in {target}")

    owner, _, name = target.rpartition(".")
    try:
        holder: Any = importlib.import_module(owner)
    except ModuleNotFoundError:
        module, _, kind = owner.rpartition(".")
        holder = getattr(importlib.import_module(module), kind)
    raises.__name__ = name
    monkeypatch.setattr(holder, name, raises)
    return calls


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Path]:
    """A directory with evidence of every kind, all of one failure."""
    from logscan._evidence.certificates import certificate_from_der

    certificate_from_der.cache_clear()
    folder = tmp_path / "evidence"
    folder.mkdir()
    copies = {
        "system.log": "jsse17/ca_mismatch_v1.2.client.log",
        "capture.pcap": "jsse17/ca_mismatch_v1.2.pcap",
        "good.pem": "pki/good.pem",
        "bundle.zip": "proxy_bundle.zip",
    }
    for name, source in copies.items():
        (folder / name).write_bytes((TLS / source).read_bytes())
    (folder / "s_client.txt").write_bytes(next(iter(sorted((TLS / "s_client").iterdir()))).read_bytes())
    (folder / "answer.json").write_bytes(json.dumps({"name": "x", "certs": [], "keys": []}).encode())
    (folder / "trace.json").write_text('{"point":[{"id":"x","results":[]}]}')
    yield folder
    certificate_from_der.cache_clear()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """A command in this process; its exit code."""
    monkeypatch.setenv("LOGSCAN_CONFIG", "")
    command = grouped([str(arguments[0])])
    with pytest.raises(SystemExit) as ended:
        command.main([str(part) for part in arguments], prog_name="logscan")
    return int(ended.value.code or 0)


@pytest.mark.parametrize("stage", STAGES)
def test_diagnose_goes_on(
    stage: str, evidence: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What raises is kept, counted as not understood, shown with its place; the diagnosis is printed all the same."""
    calls = broken(monkeypatch, STAGES[stage])
    code = run(monkeypatch, "diagnose", evidence, "--format", "json", "--stats")
    out, err = capsys.readouterr()
    assert calls, "the stage was not reached"
    assert "Traceback" not in err
    if stage == "kind of a file":  # then nothing is read, and no diagnosis is made of nothing
        assert (out, code) == ("", 2)
        assert "on purpose" in err
        return
    assert isinstance(json.loads(out), dict)
    counted = next(
        line for line in err.splitlines() if line.startswith("entries, pieces of evidence not understood")
    )
    assert int(counted.split()[-1]) > 0, err
    assert "OnPurposeError" in err + out or "on purpose" in err + out
    assert code in (0, 2)


@pytest.mark.parametrize("stage", ["kind of a file", "segment", "cases", "facts of a case", *GATHERING])
def test_gather_goes_on(
    stage: str,
    evidence: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The zip has the rest, and lists what is not in it."""
    calls = broken(monkeypatch, (STAGES | GATHERING)[stage])
    run(monkeypatch, "gather", evidence, "-o", tmp_path / "o.zip", "--note", "x")
    out, err = capsys.readouterr()
    assert calls, "the stage was not reached"
    with zipfile.ZipFile(tmp_path / "o.zip") as archive:
        names = archive.namelist()
        text = b"\n".join(archive.read(name) for name in names).decode("utf-8", "replace")
    assert "README.txt" in names
    assert "on purpose" in err + out + text
    assert "Traceback" not in err


def test_causes_that_raise(evidence: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cause that cannot be assessed is not ruled out; the others are assessed, and the fault is a problem."""
    from dataclasses import replace

    from logscan._jobs.diagnose import collect, judge_collected, request_of

    def raises(_: object) -> Any:
        raise OnPurposeError("on purpose")

    collected = collect(request_of([str(evidence)], {}))
    for broken_one in CAUSES:
        changed = tuple(replace(cause, assess=raises) if cause is broken_one else cause for cause in CAUSES)
        monkeypatch.setattr(certainty, "CAUSES", changed)
        collected.counters.problems.clear()
        collected.counters.not_understood = 0
        (verdict,) = judge_collected(collected).verdicts
        assert broken_one.name not in [finding.cause.name for finding in verdict.ruled_out]
        assert verdict.findings
        (problem,) = collected.counters.problems
        assert problem.reason.startswith(
            f"the cause {broken_one.name} is not understood (OnPurposeError: on purpose"
        )
        assert problem.path.endswith("system.log")
        assert collected.counters.not_understood == 1
