"""The examples at the end of each ``--help``. ``tests/cli/test_help.py`` runs each of them."""

from __future__ import annotations

ID = "router01.example.com-4321-5562-1"

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("What failed, where, and how often", "logscan report logs/"),
        ("All that the log says of one request", f"logscan search {ID} logs/"),
        ("Why the backend refused the certificate", "logscan diagnose logs/ capture.pcap client.p12"),
    ),
    "report": (
        ("The log of this machine, last 24 hours", "logscan report --since -24h"),
        (
            "Which backends refuse, in two environments",
            "logscan report --group target --env prod,test logs/",
        ),
        ("A page to pass on", "logscan report --format html -o report.html logs/"),
        (
            "From cron: silent if nothing failed, exit code 1 if an incident is new",
            "logscan report --since yesterday --until today --quiet --history runs/"
            " --compare previous --fail-on new logs/",
        ),
    ),
    "search": (
        ("One message, with two entries before and after each of its own", f"logscan search -C 2 {ID} logs/"),
        ("Many messages, whose ids stand in a file", "logscan search -f ids.txt logs/"),
        (
            "All errors of one proxy around a time",
            "logscan search --level ERROR --proxy catalog --around '2026-11-24 00:00' logs/",
        ),
        ("Which ids begin like this", "logscan search --prefix --only-ids router01.example.com logs/"),
    ),
    "tail": (
        ("The log of this machine, as it grows", "logscan tail"),
        ("From ten minutes ago on, rotated files too", "logscan tail --since -10m logs/"),
        ("Also what is in the files already, one environment", "logscan tail --from-start --env prod logs/"),
        (
            "As a service: a file for a SIEM, and numbers for Prometheus",
            "logscan tail --checkpoint tail.state -o failures.jsonl --metrics-file logscan.prom logs/",
        ),
    ),
    "export": (
        ("For pandas, DuckDB, Spark", "logscan export -o entries.parquet logs/"),
        (
            "One day as JSON lines",
            "logscan export --since 2026-11-23 --until 2026-11-24 --format jsonl -o - logs/",
        ),
    ),
    "diagnose": (
        ("What the log alone tells, and what to fetch next", "logscan diagnose logs/"),
        ("With a capture and the keystore", "logscan diagnose logs/ capture.pcap client.p12"),
        ("A page of everything in a directory", "logscan diagnose --format html -o why.html evidence/"),
        (
            "Which certificate Java would send to a backend that accepts this authority",
            "logscan diagnose --simulate --accept 'CN=Client Root CA' client.p12",
        ),
    ),
    "gather": (
        ("What would go in, and what is missing", "logscan gather --review logs/"),
        ("The zip", "logscan gather -o support.zip --note 'began at 02:14' logs/ capture.pcap"),
        ("The logs of two hosts, through ssh", "logscan gather -o support.zip ssh://mp01/ ssh://mp02/"),
    ),
    "ingest": (
        ("Add what is new; keep 90 days", "logscan ingest --store store/ --keep 90d logs/"),
        ("Then read the store in place of the logs", "logscan report --store store/"),
    ),
    "store": (
        ("Is every row there, and whole?", "logscan store check store/"),
        ("Read damaged rows again; take in files that no log names", "logscan store repair store/ logs/"),
        ("What was done, and when", "logscan store history store/"),
        ("What a vacuum would delete", "logscan store vacuum --dry-run store/"),
    ),
    "cat": (
        ("What the store has", "logscan cat --store store/ --list"),
        ("One of its files as it was", "logscan cat --store store/ 'logs/system.log'"),
    ),
    "sql": (
        (
            "Failures by proxy",
            "logscan sql --store store/ 'SELECT proxy, count(*) FROM handshakes GROUP BY proxy'",
        ),
        ("The columns", "logscan sql --store store/ 'DESCRIBE SELECT * FROM entries'"),
    ),
    "index": (
        ("Index what is new, for example from cron", "logscan index --quiet logs/"),
        ("What is indexed", "logscan index --list logs/"),
    ),
    "mcp": (
        ("For an assistant: everything below a directory, and nothing else", "logscan mcp logs/"),
        (
            "Logs, and evidence for diagnose; a call may take two minutes",
            "logscan mcp --time-limit 120 logs/ evidence/",
        ),
    ),
    "alerts": (
        ("All faces of a refused client certificate", "logscan alerts client-certificate"),
        ("One of them", "logscan alerts certificate_required"),
    ),
    "causes": (
        ("All", "logscan causes"),
        ("When each is proven, and its remedy", "logscan causes --format json"),
    ),
    "config": (
        ("What is configured for report", "logscan config show report"),
        ("All options with their defaults", "logscan config show --all"),
    ),
}
"""Command → examples: what one is for, and the command line. The empty name is ``logscan`` itself."""
