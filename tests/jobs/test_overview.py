"""What a report says first, on storms whose cause is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zlib import crc32

import pytest

import logscan
from logscan._jobs import _overview
from logscan.overviews import Overview
from support.storms import ALIASES, BACKENDS, HOSTS, ONSET, PROXIES, START, Call, storm


def overview(folder: Path, **more: object) -> Overview:
    report = logscan.report(folder, tz="UTC", host=[f"{host}=*{host}*" for host in HOSTS], **more)  # type: ignore[arg-type]
    assert report.overview.failed == sum(each.failed_handshakes for each in report.incidents)
    return report.overview


@pytest.mark.parametrize("seed", [1, 2])
def test_one_backend(tmp_path: Path, seed: int) -> None:
    """A few failures of others beside it."""

    def failing(call: Call) -> Call | None:
        if call.time < ONSET:
            return None
        number = crc32(call.head.encode()) % 100
        if number < 2:
            return call
        return replace(call, backend="10.0.45.15:443", alias="payments-key") if number < 40 else None

    said = overview(storm(tmp_path / "logs", failing, seed=seed))
    assert "go to one backend, 10.0.45.15:443, from 12 API proxies" in said.findings[0]
    assert said.findings[1].endswith("use alias payments-key")
    assert said.findings[0].split()[0] not in {"All", "100"}
    assert said.is_over is False
    assert said.onset is not None
    assert ONSET <= said.onset.time < ONSET + timedelta(seconds=10)
    assert said.onset.events == ()
    assert said.onset.looked_at > 0


def test_one_alias(tmp_path: Path) -> None:
    """An expired key that is used for many backends."""

    def failing(call: Call) -> Call | None:
        return call if call.alias == ALIASES[3] and call.time >= ONSET else None

    said = overview(storm(tmp_path / "logs", failing))
    assert said.findings[0].startswith(f"All use alias {ALIASES[3]}, towards ")
    assert len(said.findings) == 1


def test_one_host_with_an_old_keystore(tmp_path: Path) -> None:
    """All hosts fail until the keystore is updated; one goes on with the object that it had."""

    def failing(call: Call) -> Call | None:
        store = str(HOSTS.index(call.host) + 20)
        updated = call.time >= START + timedelta(minutes=5)
        if call.host != "mp03" and updated:
            return None
        return replace(call, keystore=store, alias="payments-key")

    said = overview(storm(tmp_path / "logs", failing))
    assert any(
        "only mp03 fails, with the keystore object that it had before" in text for text in said.findings
    )
    assert any("restart that Message Processor" in text for text in said.findings)


def test_one_host_from_the_start(tmp_path: Path) -> None:
    def failing(call: Call) -> Call | None:
        return call if call.host == "mp03" and call.time >= ONSET else None

    said = overview(storm(tmp_path / "logs", failing))
    assert said.findings[0] == "1 of 8 hosts fails: mp03"


def test_a_keystore_that_was_loaded_anew(tmp_path: Path) -> None:
    """The identity hash of its object changes on one host where the failures become many."""

    def failing(call: Call) -> Call | None:
        if call.host != "mp05":
            return None
        if call.time < START + timedelta(minutes=1):
            return replace(call, keystore="aa", alias="payments-key")
        return replace(call, keystore="bb", alias="payments-key") if call.time >= ONSET else None

    said = overview(storm(tmp_path / "logs", failing), since="2026-11-25 03:00")
    assert said.onset is not None
    assert [event.kind for event in said.onset.events] == ["keystore"]
    assert "payments-key on mp05" in said.onset.events[0].text


def test_one_deployment(tmp_path: Path) -> None:
    """Another revision of one API proxy is the first that fails; the entries before it are of the old one."""

    def failing(call: Call) -> Call | None:
        is_new = call.proxy == PROXIES[4] and call.env == "prod" and call.time >= ONSET
        return replace(call, revision=8) if is_new else None

    folder = storm(tmp_path / "logs", failing)
    said = overview(folder)
    assert any(
        text.endswith(f"API proxy {PROXIES[4]}") or "one API proxy" in text for text in said.findings
    ) or ({one.dimension: one for one in said.shared}["proxy"].different == 1)
    assert said.onset is not None
    assert [event.kind for event in said.onset.events] == ["revision"]
    assert said.onset.events[0].text == (
        f"revision 8 of {PROXIES[4]} (prod) is first seen; before it was revision 7"
    )


def test_a_start_and_a_deployment(tmp_path: Path) -> None:
    """What the log of the host says before the onset."""
    at = ONSET - timedelta(minutes=2)
    started = f"{at:%Y-%m-%d %H:%M:%S},100 org: env: main INFO KERNEL - MicroKernel.deployAll() : starting\n"
    deployed = (
        f"{at + timedelta(minutes=1):%Y-%m-%d %H:%M:%S},100 Apigee-Main-3 INFO MESSAGING.CONFIGURATION - M.configure() :"
        " [DeployEvent{organization='acme', application='api-2', applicationRevision='9', deploymentSpec=basepath=/;"
        "env=prod;, deploymentID=null}]\n"
    )

    def failing(call: Call) -> Call | None:
        return call if call.host == "mp02" and call.time >= ONSET else None

    said = overview(
        storm(tmp_path / "logs", failing, extra=lambda host: started + deployed if host == "mp02" else "")
    )
    assert said.onset is not None
    assert [event.kind for event in said.onset.events] == ["restart", "deployment"]
    assert said.onset.events[0].text == "the Message Processor mp02 started"
    assert said.onset.events[1].text == "revision 9 of api-2 was deployed to prod (organization acme)"
    assert "system.log, byte " in said.onset.events[0].place


def test_two_causes(tmp_path: Path) -> None:
    def failing(call: Call) -> Call | None:
        if call.time < ONSET:
            return None
        return {"api-1": replace(call, backend="10.9.9.1:443"), "api-2": replace(call, backend="10.9.9.2:443"),
                "api-3": replace(call, backend="10.9.9.1:443")}.get(call.proxy)  # fmt: skip

    said = overview(storm(tmp_path / "logs", failing))
    assert said.findings[0].startswith("Two backends have all of them: 10.9.9.1:443 ")
    assert said.findings[0].endswith("There may be 2 causes")


def test_no_cause(tmp_path: Path) -> None:
    """Whatever is called fails at times: that is said, and nothing is made up."""

    def failing(call: Call) -> Call | None:
        return call if crc32(call.head.encode()) % 4 == 0 else None

    said = overview(storm(tmp_path / "logs", failing))
    assert len(said.findings) == 1
    assert said.findings[0].startswith(
        "Nothing in common: 30 backends, 10 aliases, 12 API proxies, 8 hosts; none"
    )


def test_over_and_possible(tmp_path: Path) -> None:
    """The failures ended ten minutes before the logs; names that may have another cause are apart."""

    def failing(call: Call) -> Call | None:
        if not ONSET <= call.time < ONSET + timedelta(minutes=2):
            return None
        return replace(
            call,
            backend=BACKENDS[0],
            alert="handshake_failure" if crc32(call.head.encode()) % 3 else "unknown_ca",
        )

    folder = storm(tmp_path / "logs", failing)
    report = logscan.report(folder, tz="UTC")
    said = report.overview
    assert said.is_over is True
    assert said.failed > 0 < said.possible
    assert [name for name, _, doubt in said.alerts] == ["unknown_ca", "handshake_failure"]
    assert [doubt for _, _, doubt in said.alerts] == [False, True]
    assert said.failed + said.possible == sum(each.failed_handshakes for each in report.incidents)
    assert [each.is_ambiguous for each in report.incidents] == sorted(
        each.is_ambiguous for each in report.incidents
    )


def test_names_in_other_letters(tmp_path: Path) -> None:
    """They are matched where nothing else fits; an unknown one names what was seen."""
    folder = storm(tmp_path / "logs", lambda call: call if call.time >= ONSET else None, calls=400)
    every = logscan.report(folder, tz="UTC").overview.failed
    assert logscan.report(folder, tz="UTC", env="PROD,Test").overview.failed == every
    assert logscan.report(folder, tz="UTC", env=["prod", "test"]).overview.unmatched == ()
    said = logscan.report(folder, tz="UTC", env="prdo", proxy="api-1,nothing").overview
    assert said.failed == 0
    assert said.unmatched == (
        "no TLS failure in environment prdo: seen prod, test; did you mean prod?",
        "no TLS failure in API proxy nothing: seen " + said.unmatched[1].partition("seen ")[2],
    )


def test_groups(tmp_path: Path) -> None:
    """A dimension replaces the key; times are in their order; the sums stay."""
    folder = storm(tmp_path / "logs", lambda call: call if call.time >= ONSET else None, calls=800)
    every = logscan.report(folder, tz="UTC")
    for group in ("target", "env", "minute", "host", "alert", "side", "revision", "hour"):
        report = logscan.report(folder, tz="UTC", group=group)
        assert sum(each.failed_handshakes for each in report.incidents) == every.overview.failed
        assert len({each.by for each in report.incidents}) == len(report.incidents)
        assert all(each.org is None and each.proxies and each.alerts for each in report.incidents)
        if group in ("minute", "hour"):
            values = [each.by[0][1] for each in report.incidents]
            assert values == sorted(values, key=str)
    minutes = logscan.report(folder, tz="UTC", group="minute").incidents
    assert len(minutes) == 10
    with pytest.raises(logscan.UsageError, match="no such column"):
        logscan.report(folder, group="nothing")
    with pytest.raises(logscan.UsageError, match="exclude each other"):
        logscan.report(folder, group="env", by="host")


@pytest.mark.parametrize("stage", ["findings_of", "_onset", "end_of", "text_before", "events_of_text"])
def test_a_stage_of_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """The report has its incidents, and says what is missing."""

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("on purpose")

    folder = storm(tmp_path / "logs", lambda call: call if call.time >= ONSET else None, calls=100)
    monkeypatch.setattr(_overview, stage, fails)
    report = logscan.report(folder, tz="UTC")
    assert sum(each.failed_handshakes for each in report.incidents) == report.overview.failed > 0
    assert report.counters.not_understood == 1
    assert any("the first lines of the report" in str(problem) for problem in report.problems)
