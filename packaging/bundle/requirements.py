"""Prints what a wheel requires on this interpreter, with extras, one requirement a line.

Usage: ``requirements.py WHEEL EXTRA...``. What reads and writes tables is left out: its wheels need a younger
glibc than the archive, or more space than all the rest. logscan says in one line what is missing.
"""

import email.parser
import re
import sys
import zipfile

from packaging.requirements import Requirement

LEFT_OUT = {"indexed-gzip", "numpy", "pandas", "pyarrow"}


def requirements(wheel: str, extras: list[str]) -> list[str]:
    """The requirements in the order of the wheel's METADATA, without their conditions."""
    with zipfile.ZipFile(wheel) as packed:
        name = next(name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.parser.Parser().parsestr(packed.read(name).decode())
    kept = []
    for line in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(line)
        if re.sub(r"[-_.]+", "-", requirement.name).lower() in LEFT_OUT:
            continue
        if requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        ):
            requirement.marker = None
            kept.append(str(requirement))
    return kept


print("\n".join(requirements(sys.argv[1], sys.argv[2:])))
