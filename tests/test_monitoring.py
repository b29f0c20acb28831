"""The recipes of docs/monitoring: every metric and field in them is one that logscan writes, and readers accept them."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from logscan._failures import catalog
from logscan._outputs import fan_out, metrics
from logscan.values import Counters
from support.command import ROOT, SAMPLES, logscan
from support.lines import failure

yaml = pytest.importorskip("yaml")
prometheus_client = pytest.importorskip("prometheus_client")
FOLDER = ROOT / "docs/monitoring"
LABELS = {"org", "env", "proxy", "alert", "side", "instance", "job"}
WORDS = {
    "sum", "by", "increase", "rate", "or", "and", "unless", "offset", "count", "topk", "max", "vector", "up",
}  # fmt: skip


@pytest.fixture(scope="module")
def names() -> set[str]:
    """Every metric of a run with all outputs."""
    made = metrics.Metrics(Counters(), lambda: dict.fromkeys(metrics._GAUGES, 0.0))
    made.extra |= fan_out._counts_of(SimpleNamespace(notifiers=[1], executor=1))  # type: ignore[arg-type]
    made.extra = dict.fromkeys(made.extra, lambda: 0.0)
    made.feed(failure())
    return set(re.findall(r"^(logscan_\w+)", made.text().decode(), re.MULTILINE))


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    (group,) = yaml.safe_load((FOLDER / "prometheus-alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard."""
    found: list[dict[str, Any]] = json.loads((FOLDER / "grafana-dashboard.json").read_text())["panels"]
    return found


def expressions() -> list[str]:
    """All of Prometheus."""
    return [rule["expr"] for rule in rules()] + [t["expr"] for panel in panels() for t in panel["targets"]]


def test_expressions(names: set[str]) -> None:
    """Names, labels and brackets; each unlabelled word is a function."""
    assert len(names) > 15
    for expr in expressions():
        bare = re.sub(r'"[^"]*"', '""', expr)
        assert set(re.findall(r"\blogscan_\w+", bare)) <= names, expr
        assert set(re.findall(r"(\w+)\s*=?~?=?(?:=~|=)\"", bare)) <= LABELS, expr
        for group in re.findall(r"\bby \(([^)]*)\)", bare):
            assert set(group.replace(",", " ").split()) <= LABELS, expr
        inner = re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)", "", bare)
        words = set(re.findall(r"\b[a-z_]+\b", inner))
        assert {word for word in words if not word.startswith("logscan_")} <= WORDS, expr
        for pair in ("()", "{}", "[]"):
            assert bare.count(pair[0]) == bare.count(pair[1]), expr
    used = set(re.findall(r"\blogscan_\w+", " ".join(expressions())))
    assert {"logscan_failed_handshakes_total", "logscan_lag_seconds", "logscan_gap_bytes_total"} <= used


def test_the_alert_sees_what_a_refused_certificate_is_called() -> None:
    """Every name of the catalogue that has no other cause, and none that has."""
    (expr,) = [rule["expr"] for rule in rules() if rule["alert"] == "ClientCertificateRefused"]
    (pattern,) = set(re.findall(r'alert=~"([^"]*)"', expr))
    for name, alert in catalog.ALERTS.items():
        if alert.families == (catalog.CLIENT_CERTIFICATE,):
            assert re.fullmatch(pattern, name), name
        if catalog.CLIENT_CERTIFICATE not in alert.families:
            assert not re.fullmatch(pattern, name), name


RULE_TESTS = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'logscan_failed_handshakes_total{{org="o",env="prod",proxy="pay",alert="bad_certificate",side="southbound"}}'
        values: "_x30 1x60"
      - series: 'logscan_failed_handshakes_total{{org="o",env="prod",proxy="x",alert="timeout",side="southbound"}}'
        values: "_x30 1x60"
      - series: 'logscan_lag_seconds{{instance="mp01"}}'
        values: "0x20 100x70"
    alert_rule_test:
      - {{eval_time: 25m, alertname: ClientCertificateRefused, exp_alerts: []}}
      - eval_time: 32m
        alertname: ClientCertificateRefused
        exp_alerts:
          - exp_labels: {{severity: critical, org: o, env: prod, proxy: pay, alert: bad_certificate}}
            exp_annotations:
              summary: "bad_certificate: a backend refuses the client certificate of o/prod/pay"
              description: "1 failed handshakes in 10 minutes. Next: logscan report --since -1h"
      - {{eval_time: 60m, alertname: ClientCertificateRefused, exp_alerts: []}}
      - {{eval_time: 22m, alertname: LogscanIsBehind, exp_alerts: []}}
      - eval_time: 40m
        alertname: LogscanIsBehind
        exp_alerts:
          - exp_labels: {{severity: warning, instance: mp01}}
            exp_annotations: {{summary: "logscan on mp01 is 1m 40s behind its logs"}}
"""


def test_promtool(tmp_path: Path) -> None:
    """Prometheus accepts the rules, and the first failure of a proxy fires one."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool")
    path = FOLDER / "prometheus-alerts.yml"
    (tmp_path / "tests.yml").write_text(RULE_TESTS.format(rules=path))
    for arguments in (("check", "rules", path), ("test", "rules", tmp_path / "tests.yml")):
        done = subprocess.run([promtool, *arguments], capture_output=True, timeout=60)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_dashboard() -> None:
    """Each panel has a place of its own, a title, and the data source that is chosen."""
    board = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    variables = {variable["name"] for variable in board["templating"]["list"]}
    cells: set[tuple[int, int]] = set()
    for panel in panels():
        grid = panel["gridPos"]
        own = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not own & cells
        assert max(x for x, _ in own) < 24
        cells |= own
        assert panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
    used = set(re.findall(r"\$(\w+)", " ".join(expressions()))) - {
        "__range",
        "__rate_interval",
        "labels",
        "value",
    }
    assert used <= variables
    assert len({panel["id"] for panel in panels()}) == len(panels())


def flat(value: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """The dotted names of the leaves."""
    for name, part in value.items():
        if isinstance(part, dict):
            yield from flat(part, f"{before}{name}.")
        else:
            yield before + name


@pytest.fixture(scope="module")
def ecs() -> set[str]:
    """Every field of the events of all sample logs."""
    done = logscan("report", SAMPLES, "--format", "ecs", "--alert", "all")
    return {name for line in done.stdout.splitlines() for name in flat(json.loads(line))}


def queries(language: str) -> list[str]:
    """The queries of the page."""
    return re.findall(rf"```{language}\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)


def test_elastic(ecs: set[str]) -> None:
    """Each field of the template and of the queries is one of an event, and the template types those that queries use."""
    template = json.loads((FOLDER / "elastic-index-template.json").read_text())

    def typed(properties: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
        for name, field in properties.items():
            if "properties" in field:
                yield from typed(field["properties"], f"{before}{name}.")
            else:
                yield before + name, field["type"]

    fields = dict(typed(template["template"]["mappings"]["properties"]))
    unseen = {"source.domain"}  # a router is always an address
    assert set(fields) - unseen <= ecs
    assert set(fields.values()) <= {
        "date",
        "keyword",
        "match_only_text",
        "wildcard",
        "ip",
        "long",
        "boolean",
    }
    used = set()
    for query in queries("esql") + queries("kql"):
        query = re.sub(r'"[^"]*"', "", re.sub(r"FROM \S+", "", query))
        used |= set(re.findall(r"@timestamp|\b[a-z_]+(?:\.[a-z_]+)+", query))
    assert len(used) > 7
    assert used <= set(fields) & ecs
    (stream,) = {re.search(r"FROM (\S+)", query)[1] for query in queries("esql")}  # type: ignore[index]
    shipped = yaml.safe_load((FOLDER / "elastic-filebeat.yml").read_text())
    (pattern,) = template["index_patterns"]
    assert stream == pattern
    assert shipped["output.elasticsearch"]["index"].startswith(pattern.removesuffix("*"))
    (parser,) = shipped["filebeat.inputs"][0]["parsers"]
    assert parser["ndjson"]["document_id"] in ecs


def conf(name: str) -> configparser.ConfigParser:
    """A file of Splunk."""
    made = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    made.optionxform = str  # type: ignore[assignment,method-assign]
    made.read_string((FOLDER / name).read_text())
    return made


def test_splunk() -> None:
    """A line of the live output gives its time and host by the expressions, and has the fields of the queries."""
    log = (SAMPLES / "no-keystore/system.log").read_bytes()
    lines = (
        logscan("tail", "--from-start", "--json", "--host", "mp07", "-", stdin=log)
        .stdout.decode()
        .splitlines()
    )
    fields = set(json.loads(lines[0]))
    props = conf("splunk-props.conf")["logscan:failures"]
    transform = conf("splunk-transforms.conf")[props["TRANSFORMS-host"]]
    for line in lines:
        begin = re.search(props["TIME_PREFIX"], line)
        assert begin is not None
        stamp = line[begin.end() :][: int(props["MAX_TIMESTAMP_LOOKAHEAD"])].partition('"')[0]
        assert props["TIME_FORMAT"] == "%Y-%m-%dT%H:%M:%S.%3N"
        assert datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%f").isoformat(timespec="milliseconds") == stamp
        assert re.findall(transform["REGEX"], line) == ["mp07"]
    aliases = props["FIELDALIAS-cim"].split()
    assert set(aliases[::3]) <= fields
    for query in queries("spl"):
        used = set(re.findall(r"(?<![\w:])(\w+)=", query)) | set(
            re.findall(r"\b(?:dc|min|values)\((\w+)\)", query)
        )
        for group in re.findall(r"\b(?:BY|dedup) ([\w, ]+)", query):
            used |= set(group.replace(",", " ").split())
        assert used - {"index", "sourcetype", "earliest", "span", "_time"} <= fields, query
        assert len(used) > 4
    assert {
        section["sourcetype"] for name, section in conf("splunk-inputs.conf").items() if name != "DEFAULT"
    } == {"logscan:failures"}


def test_the_page_names_each_file() -> None:
    """Each file has a line on the page, and each link a file."""
    page = (FOLDER / "README.md").read_text()
    links = set(re.findall(r"\]\(([^)]*)\)", page))
    assert {path.name for path in FOLDER.iterdir()} - {"README.md"} <= links
    for link in links:
        assert (FOLDER / link).exists(), link
