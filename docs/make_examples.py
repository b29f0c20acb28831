"""Print the examples of README.md and docs/ anew; ``--check`` only compares. Names of pages select them.

python docs/make_examples.py [--check] [README.md docs/search.md …]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import pages  # noqa: E402 (it lies among the tests, which run the same commands)


def main(arguments: list[str]) -> int:
    """Write, or compare, each page that shows commands. Returns the number of pages that differ."""
    check = "--check" in arguments
    named = [Path(argument).resolve() for argument in arguments if argument != "--check"]
    different = 0
    for page in named or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            now = pages.rewritten(text, Path(folder))
        if now != text:
            different += 1
            sys.stderr.write(f"{'differs' if check else 'written'}: {page.relative_to(ROOT)}\n")
            if not check:
                page.write_text(now, encoding="utf-8")
    return different


if __name__ == "__main__":
    changed = main(sys.argv[1:])
    sys.exit("--check" in sys.argv and changed > 0)
