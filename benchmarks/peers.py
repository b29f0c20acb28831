"""The other tools that logscan is compared with, and what they are asked.

polars and DuckDB leave out all lines of an entry after the first, so they write less than logscan.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from printing import LAYOUTS, Layout

LITERALS = ("handshakeFailed", "handshakeTimeout", "javax.net.ssl.SSL", "Received fatal alert")
APT = ("ripgrep", "mawk", "lnav")
PYPI = ("duckdb", "polars")
CONTEXT = ("org", "env", "api", "rev", "messageid")
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"

RE_LOOP = r"""
import re, sys
from collections import Counter
header = re.compile(r"^\S+ \S+ (?:org:(\S+) )?(?:env:(\S+) )?(?:api:(\S+) )?.*handshakeFailed\(\) : SSLC"
                    r".*message: (?:\(\w+\) )?Received fatal alert: (\w+)")
counts = Counter()
with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
    for line in file:
        found = header.match(line)
        if found:
            counts[found.groups()] += 1
for key, number in sorted(counts.items()):
    print(*key, number)
"""
MAWK = r"""
/handshakeFailed\(\) : SSLC.*Received fatal alert: / {
    o = e = a = ""
    for (i = 3; i <= 5; i++) {
        if ($i ~ /^org:/) o = substr($i, 5)
        if ($i ~ /^env:/) e = substr($i, 5)
        if ($i ~ /^api:/) a = substr($i, 5)
    }
    count[o " " e " " a " " $NF]++
}
END { for (key in count) print key, count[key] }
"""
DUCKDB = r"""
import duckdb, sys
duckdb.sql("set enable_progress_bar = false")
rows = duckdb.sql(f'''
  select regexp_extract(line, 'org:(\\S+)', 1) o, regexp_extract(line, 'env:(\\S+)', 1) e,
         regexp_extract(line, 'api:(\\S+)', 1) a,
         regexp_extract(line, 'Received fatal alert: (\\w+)', 1) alert, count(*)
  from read_csv('{sys.argv[1]}', columns={{'line': 'VARCHAR'}}, delim='\x01', quote='', escape='',
                header=false, max_line_size=10000000, auto_detect=false)
  where contains(line, 'handshakeFailed() : SSLC') and contains(line, 'Received fatal alert: ')
  group by all order by all''').fetchall()
for row in rows:
    print(*row)
"""


def header(layout: Layout) -> str:
    """An expression for the headers of a layout: no wider than that layout needs."""
    prefix = {"": "", "grep": r"[^:]+:\d+:", "syslog": r"\w{3} \d\d \S+ \S+ \S+ "}[layout.prefix]
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}" if layout.point else TIME
    value = {key: r"\S*" if key in layout.empty else r"\S+" for key in CONTEXT}
    keys = "".join(f"(?:{key}:({value[key]}) )?" for key in CONTEXT)
    thread = ".+?" if layout.blank_threads else r"\S+"
    before = " +" if ">" in layout.level else layout.before_level
    after = " +" if "<" in layout.level else layout.level[-1]
    level = f"{before}([A-Z]+){after}".replace("\t", r"\t")
    zone = re.escape(layout.zone).replace("\\ ", " ")
    return rf"^{prefix}({time}){zone} +{keys}({thread}){level}(\S+) - (?:(\S+)\.(\S+)\(\) : )?(.*)"


HEADER = header(LAYOUTS["single"])
NAMES = (
    "time", "org", "env", "proxy", "revision", "message_id", "thread", "level", "logger", "class", "method",
    "message",
)  # fmt: skip
DUCKDB_EXPORT = rf"""
import duckdb, sys
duckdb.sql("set enable_progress_bar = false")
duckdb.sql(f'''
  copy (select f.* from (
    select regexp_extract(line, '{HEADER.replace("{", "{{").replace("}", "}}")}', {list(NAMES)}) f
    from read_csv('{{sys.argv[1]}}', columns={{{{'line': 'VARCHAR'}}}}, delim='\x01', quote='', escape='',
                  header=false, max_line_size=10000000, auto_detect=false)
    where line ~ '^\d{{{{4}}}}-')) to '{{sys.argv[2]}}' (format parquet, compression zstd)''')
"""


def polars_export(layout: Layout) -> str:
    """Every entry's own line in columns, to Parquet."""
    names = iter(NAMES)
    named = re.sub(r"(?<!\\)\((?!\?)", lambda _: f"(?<{next(names)}>", header(layout))
    return rf"""
import polars as pl, sys
(pl.scan_csv(sys.argv[1], has_header=False, new_columns=["line"], separator="\x01", quote_char=None)
 .select(pl.col("line").str.extract_groups(r"{named}")).unnest("line").filter(pl.col("time").is_not_null())
 .sink_parquet(sys.argv[2], compression="zstd"))
"""


def available(program: str, name: str) -> bool:
    """Whether a tool is installed."""
    if name in ("DuckDB", "polars"):
        load = [program, "-c", f"import {name.lower()}"]
        return subprocess.run(load, capture_output=True, check=False).returncode == 0
    return shutil.which(program) is not None


def install() -> None:
    """Install the other tools with apt-get and pip."""
    subprocess.run(["apt-get", "update", "-qq"], check=False)
    subprocess.run(["apt-get", "install", "-y", "-qq", *APT], check=False)
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *PYPI], check=False)
