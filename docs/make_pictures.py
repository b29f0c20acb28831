"""Make the pictures of README.md and docs/ from real runs on the sample logs.

    python docs/make_pictures.py [terminal.svg page.png dashboard.svg]

Without names, it makes all of them, in docs/images/. The view needs ``pip install '.[live]'``; the page needs
Chromium, playwright and pillow (``pip install '.[test]'``).
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
COLUMNS, LINES = 100, 30
FONT = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
COMMANDS = ("logscan report sample_logs --since 2026-11-23 --until 2026-11-25",)
"""What terminal.svg shows, one below the other."""
PAGE = "logscan report sample_logs --since 2026-11-23 --until 2026-11-25 --format html"
VIEW = "logscan tail --dashboard --from-start --all sample_logs"
PAGE_SIZE = (1100, 900)
"""Width and height of page.png, in pixels."""


def environment() -> dict[str, str]:
    """A terminal with colours, in UTC, without a pager and without the configuration of whoever runs this."""
    dropped = ("NO_COLOR", "FORCE_COLOR")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in dropped and not name.startswith("LOGSCAN_")
    }
    size = {"COLUMNS": str(COLUMNS), "LINES": str(LINES)}
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PAGER": "cat", "LOGSCAN_PAGER": "cat"}
    return kept | size | terminal | {"TZ": "UTC", "LOGSCAN_CONFIG": "", "PYTHONPATH": str(ROOT)}


def program(command: str) -> list[str]:
    """The words of a command, with this checkout's logscan in front."""
    return [sys.executable, "-m", "logscan", *command.split()[1:]]


def on_a_terminal(command: str, lines: int = LINES, columns: int = COLUMNS, **more: str) -> str:
    """What a command prints on a terminal of this size, with its colours (ANSI). Its messages are left out.

    Raises:
        subprocess.CalledProcessError: if the command fails.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    env = environment() | {"COLUMNS": str(columns), "LINES": str(lines)} | more
    with subprocess.Popen(
        program(command), stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, cwd=ROOT, env=env
    ) as started:
        os.close(theirs)
        printed = b""
        with contextlib.suppress(OSError):  # the end of a terminal is an error of reading
            while piece := os.read(ours, 1 << 16):
                printed += piece
        os.close(ours)
    if started.returncode:
        raise subprocess.CalledProcessError(started.returncode, command, printed)
    return printed.decode().replace("\r\n", "\n")


def without_network(picture: str) -> str:
    """An SVG of rich that loads no font, with names that are the same at each run."""
    picture = re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    picture = re.sub(r"terminal-\d+", "terminal", picture).replace("Fira Code, monospace", FONT)
    return "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"


def terminal() -> str:
    """The commands and what they print, as SVG."""
    from rich.console import Console
    from rich.text import Text

    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for command in COMMANDS:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(Text.from_ansi(on_a_terminal(command)), soft_wrap=True)
    return without_network(console.export_svg(title="logscan", unique_id="terminal"))


def dashboard() -> str:
    """The live view after it has read the sample logs, as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        taken = {
            "TEXTUAL_SCREENSHOT": "4",  # seconds after the start
            "TEXTUAL_SCREENSHOT_LOCATION": folder,
            "TEXTUAL_SCREENSHOT_FILENAME": "view.svg",
        }
        on_a_terminal(VIEW, lines=36, columns=120, **taken)
        return without_network((Path(folder) / "view.svg").read_text(encoding="utf-8"))


def page() -> bytes:
    """The top of the page in Chromium, as PNG with few colours."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "report.html"
        subprocess.run([*program(PAGE), "-o", str(file)], cwd=ROOT, env=environment(), check=True, timeout=60)
        started = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        view = started.new_page(viewport=dict(zip(("width", "height"), PAGE_SIZE, strict=True)))
        view.goto(file.as_uri())
        taken = view.screenshot()
        started.close()
    small = io.BytesIO()
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(64).save(small, "PNG", optimize=True)
    return small.getvalue()


PICTURES = {"terminal.svg": terminal, "dashboard.svg": dashboard, "page.png": page}

if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        made = PICTURES[name]()
        (IMAGES / name).write_bytes(made if isinstance(made, bytes) else made.encode())
        sys.stdout.write(f"docs/images/{name}: {(IMAGES / name).stat().st_size:,} bytes\n")
