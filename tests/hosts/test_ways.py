"""Ways to hosts, and hosts that fail: the others report, and one line says what happened and what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logscan._entries.layouts import LAYOUTS
from logscan._hosts.agent_client import _for_old_python
from logscan._hosts.session import Session, agent_text
from logscan._reading.ssh import Host, parsed
from logscan.errors import InputError, UsageError
from support.command import SAMPLES, logscan
from support.sshd import Hosts

LOG = SAMPLES / "no-keystore"
GOOD = ("report", "--format", "csv")
INCIDENT = b"acme,prod,payments-v1,bad_certificate"
CHANNEL = [None] * 12


@pytest.mark.parametrize(
    ("address", "host", "path"),
    [
        ("ssh://mp01", Host("mp01"), "/"), ("ssh://mp01/", Host("mp01"), "/"),
        ("ssh://me@mp-1.x.org:2222/a b/*.log", Host("mp-1.x.org", "me", 2222), "/a b/*.log"),
        ("ssh://[::1]:22/x", Host("::1", "", 22), "/x"),
        ("ssh://[fe80::1%eth0]/x", Host("fe80::1%eth0"), "/x"),
    ],
)  # fmt: skip
def test_addresses(address: str, host: Host, path: str) -> None:
    """User, port, path; the address is made again of them."""
    assert parsed(address) == (host, path)
    assert address.startswith(host.address)


def test_what_a_person_writes() -> None:
    """A hint names a command that ssh understands: a port is an option, an IPv6 address has no brackets."""
    assert Host("mp01").by_hand == "mp01"
    assert Host("::1", "me", 2222).by_hand == "-p 2222 me@::1"


@pytest.mark.parametrize(
    "address",
    [
        "ssh://-oProxyCommand=x/y", "ssh://", "ssh:///x", "ssh://a b/x", "ssh://me:secret@h/x", "ssh://h:0/x",
        "ssh://h:99999/x", "ssh://-l@h/x", "ssh://h;id/x", "ssh://h\n/x", "ssh://h/x\0y",
    ],
)  # fmt: skip
def test_what_is_no_address(address: str) -> None:
    """No host may be taken for an option of ssh or a command of a shell."""
    with pytest.raises(UsageError, match="not an address for ssh"):
        parsed(address)


def test_the_command_line_is_quoted() -> None:
    """The remote shell gets one word; host keys are checked as ssh is configured."""
    line = Host("mp01", "me", 22).command("echo 'a b'; $(id)")
    assert line[-3:-1] == ["--", "mp01"]
    assert line[-1] == "exec sh -c 'echo '\"'\"'a b'\"'\"'; $(id)'"
    assert "StrictHostKeyChecking" not in " ".join(line)


def test_the_agent_runs_on_old_python() -> None:
    """Its source is checked by the grammar of Python 3.6, and by vermin where that is installed."""
    import ast

    ast.parse(agent_text(), feature_version=(3, 6))
    try:
        import vermin
    except ImportError:
        pytest.skip("vermin is not installed")
    versions = vermin.detect(agent_text().decode())
    assert versions[1] is not None
    assert versions[1] <= (3, 6)


def test_openers_for_old_python() -> None:
    """Expressions without possessive quantifiers open the same lines."""
    import re

    for layout in LAYOUTS:
        old = re.compile(_for_old_python(layout.opener.pattern).encode("latin-1"), re.VERBOSE)
        assert b"*+" not in old.pattern
        assert b"++" not in old.pattern
        for line in [
            *LAYOUTS[0].samples,
            *LAYOUTS[1].samples,
            b"\tat x",
            b"\0\0\tat x",
            b"Caused by: org:x",
            b"",
        ]:
            for text in (line, b"\0" * 3 + line):
                assert bool(old.match(text)) == bool(layout.opener.match(text)), (layout.name, text)


def test_a_host_that_fails_is_a_problem(there: Hosts) -> None:
    """No such host, a key that is refused, a host key that is another, neither logscan nor Python."""
    there.name("badkey", "full", f"IdentityFile {there.folder / 'other'}")
    there.name("stranger", "full", "UserKnownHostsFile /dev/null", "StrictHostKeyChecking yes")
    hosts = ("full", "badkey", "stranger", "none", "nosuch.invalid")
    done = logscan(*GOOD, *(f"ssh://{host}{LOG}" for host in hosts), **there.env)
    assert (done.returncode, INCIDENT in done.stdout) == (2, True), done.stderr.decode()
    said = done.stderr.decode()
    for words in (
        "ssh://badkey: ",
        "Permission denied",
        "must work without a password",
        "ssh://stranger: ",
        "compare the fingerprint",
        "ssh://none: no logscan there, and no Python 3.6",
        "--pull",
        "ssh://nosuch.invalid: ",
        "check the name",
    ):
        assert words in said, (words, said)
    assert "Authorized use only" not in said


def test_bytes_are_pulled(there: Hosts) -> None:
    """With --pull a host needs cat and tail alone."""
    done = logscan(*GOOD, "--pull", f"ssh://none{LOG}", "--host", "mp", **there.env)
    assert (done.returncode, done.stderr[:1]) == (0, logscan(*GOOD, LOG, "--host", "mp").stderr[:1])
    assert done.stdout == logscan(*GOOD, LOG, "--host", "mp").stdout
    there_too = logscan(
        "search", "-h", "--pull", "router01.example.com-4321-1001-1", f"ssh://none{LOG}/sys*", **there.env
    )
    assert there_too.stdout == logscan("search", "-h", "router01.example.com-4321-1001-1", LOG).stdout


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("dies", "Killed by the kernel\\x1b[31m"), ("garbage", "its answer is not used"),
        pytest.param("bomb", "a frame of more than", marks=pytest.mark.thorough),
        pytest.param("deep", "a frame that is damaged", marks=pytest.mark.thorough),
        pytest.param("noise", "its answer is not used", marks=pytest.mark.thorough),
        pytest.param("endless", "more than it may", marks=pytest.mark.thorough),
    ],
)  # fmt: skip
def test_a_hostile_host(there: Hosts, how: str, words: str) -> None:
    """What it sends is bounded; it is one problem, in one line without control characters."""
    there.behave(how)
    done = logscan(*GOOD, f"ssh://evil{LOG}", f"ssh://full{LOG}", **there.env)
    assert (done.returncode, INCIDENT in done.stdout) == (2, True), done.stderr.decode()
    assert "ssh://evil: " in done.stderr.decode()
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert b"fault of logscan" not in done.stderr


EMPTY = [[], 0]
COMMON: dict[str, Any] = {
    "count": 0, "first": None, "last": None, "values": {}, "timelines": [], "every": [1_000_000, []],
    "pairs": [EMPTY, EMPTY], "keystores": [EMPTY, []], "revisions": [EMPTY, []], "hosts": [EMPTY, []],
}  # fmt: skip
TALLY = [
    1,
    0,
    0,
    [1_000_000, [[0, 1]]],
    ["", 0],
    1,
    [],
    [[["client-certificate"], [None] * 6, 1]],
    None,
    {},
    True,
]


def incident(**changed: Any) -> str:
    """The answer of a host with one incident; ``changed``: number of a part of it → another value."""
    tally = [changed.get(f"_{number}", value) for number, value in enumerate(TALLY)]
    return json.dumps(
        [{"k": "incidents", "incidents": [["o", "e", "p", "bad_certificate", "southbound", [], tally]]}]
    )


@pytest.mark.parametrize(
    "how",
    [
        incident(_0=-1), incident(_0=10**30), incident(_0=1e300), incident(_0="1"), incident(_1=1 << 61),
        incident(_3=[7, []]), incident(_3=[1_000_000, [[10**18, 1]]]), incident(_4=["!!", 0]), incident(_4=["AAAA", 0]),
        incident(_6=[["x" * 9000, 1]]), incident(_7=[]), incident(_7=[[[], [None] * 6, 1]]), incident(_7=[[["x"], [None], 1]]),
        json.dumps([{"k": "failures", "rows": [[]]}]), json.dumps([{"k": "counters", "numbers": {}, "problems": []}]),
        json.dumps([{"k": "counted", "others": 1}]), json.dumps([[]]),
    ],
)  # fmt: skip
@pytest.mark.thorough
def test_values_that_cannot_be(there: Hosts, how: str) -> None:
    """Types, sizes, numbers and times of a host are checked where they are read."""
    there.behave(how)
    done = logscan(*GOOD, f"ssh://evil{LOG}", **there.env)
    assert (done.returncode, b"its answer is not used" in done.stderr) == (2, True), done.stderr.decode()


def test_what_a_host_says_has_its_own_name(there: Hosts) -> None:
    """A host cannot speak for another."""
    there.behave(incident(_7=[[["client-certificate"], [None] * 5 + ["mp07"], 1]]))
    done = logscan("report", "--format", "json", f"ssh://evil{LOG}", **there.env)
    assert json.loads(done.stdout)["incidents"][0]["hosts"] == ["evil"]
    assert done.returncode == 0, done.stderr.decode()


def test_a_silent_host_is_given_up(there: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some time without a sign of life."""
    there.behave("silent")
    for name, value in there.env.items():
        monkeypatch.setenv(name, value)
    with Session(Host("evil"), silence=2) as session, pytest.raises(InputError, match="says nothing"):
        session.receive()


def test_a_group_of_the_configuration(there: Hosts, tmp_path: Path) -> None:
    """Each host has its place; a file of that name is reached by ./; a group of the working directory is not used."""
    (tmp_path / "logscan.toml").write_text(f'[hosts]\nprod = ["ssh://full{LOG}", "ssh://bare{LOG}"]\n')
    done = logscan(
        "report", "@prod", "--format", "json", cwd=tmp_path, LOGSCAN_CONFIG="logscan.toml", **there.env
    )
    assert done.returncode == 0, done.stderr.decode()
    (found,) = json.loads(done.stdout)["incidents"]
    assert (sorted(found["hosts"]), found["failed_handshakes"]) == (["bare", "full"], 4)
    done = logscan("report", "@prod", cwd=tmp_path, **there.env)
    assert (done.returncode, b"[hosts] is not used" in done.stderr, b"no such group" in done.stderr) == (
        2,
        True,
        True,
    )
    (tmp_path / "@prod").write_bytes((LOG / "system.log").read_bytes())
    assert logscan(*GOOD, "./@prod", cwd=tmp_path).returncode == 0
    for text, words in (('prod = "a"', b"a list of hosts"), ('prod = ["-x"]', b"not an address for ssh")):
        (tmp_path / "logscan.toml").write_text(f"[hosts]\n{text}\n")
        done = logscan("report", "x.log", cwd=tmp_path, LOGSCAN_CONFIG="logscan.toml")
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr.decode()


@pytest.mark.thorough
def test_twelve_hosts_at_once(there: Hosts) -> None:
    """All ways beside one another, one by a jump host; each host has its failures."""
    names = [there.name(f"mp{number:02}", ("full", "bare")[number % 2]) for number in range(11)]
    names.append(there.name("mp11", "full", "ProxyJump mp00"))
    done = logscan(
        "report", "--by", "host", "--format", "json", *(f"{name}{LOG}" for name in names), **there.env
    )
    assert done.returncode == 0, done.stderr.decode()
    incidents = json.loads(done.stdout)["incidents"]
    assert sorted(each["host"] for each in incidents) == [f"mp{number:02}" for number in range(12)]
    assert {each["failed_handshakes"] for each in incidents} == {2}


@pytest.mark.parametrize("host", ["tokyo", pytest.param("tokyobare", marks=pytest.mark.thorough)])
def test_each_host_has_its_zone(there: Hosts, host: str) -> None:
    """A time is the same moment everywhere; what a host prints is shown in the zone of the run."""
    done = logscan("report", "--format", "json", f"ssh://{host}{LOG}", **there.env)
    assert json.loads(done.stdout)["incidents"][0]["first_time"] == "2026-11-22T17:14:07.640", (
        done.stderr.decode()
    )
    for since, code in (("2026-11-22 17:14:09", 1), ("2026-11-22 17:14:10", 0)):
        done = logscan("report", "--fail-on", "1", "--since", since, f"ssh://{host}{LOG}", **there.env)
        assert done.returncode == code, done.stdout.decode()
    found = logscan("search", "-c", "-h", "--since", "2026-11-22 17:14:08", f"ssh://{host}{LOG}", **there.env)
    assert found.stdout == logscan("search", "-c", "-h", "--since", "2026-11-23 02:14:08", LOG).stdout
    named = logscan(
        "report", "--format", "csv", "--tz", "Asia/Tokyo", "--host", "mp", f"ssh://{host}{LOG}", **there.env
    )
    assert (
        named.stdout == logscan("report", "--format", "csv", "--tz", "Asia/Tokyo", "--host", "mp", LOG).stdout
    )


@pytest.mark.thorough
def test_gather(there: Hosts, tmp_path: Path) -> None:
    """The zip has the entries of the failing messages of a host."""
    import zipfile

    for host in ("full", "bare"):
        done = logscan("gather", f"ssh://{host}{LOG}/system.log", "-o", tmp_path / "a.zip", **there.env)
        assert done.returncode == 0, done.stderr.decode()
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            assert b"handshakeFailed" in archive.read("system.log.txt")


def test_sftp_is_gone(tmp_path: Path) -> None:
    """The message names what is there in its place."""
    done = logscan("report", "sftp://mp01/x.log", cwd=tmp_path)
    assert (done.returncode, b"write ssh://mp01/x.log" in done.stderr) == (2, True), done.stderr.decode()


def test_other_versions_are_refused() -> None:
    """A host of another version is asked by the agent; people who call it by hand get an exit code."""
    for arguments, code in ((("999", "abc"), 3), ((), 2), (("1", "a;b"), 2)):
        done = subprocess.run(
            [sys.executable, "-m", "logscan", "_serve", *arguments],
            capture_output=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        assert (done.returncode, done.stdout) == (code, b"")
    assert b"_serve" not in logscan("--help").stdout
