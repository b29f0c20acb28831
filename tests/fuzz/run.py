"""Feed one target for some time: ``python -m tests.fuzz.run TARGET SECONDS [FOLDER]``.

With atheris (``pip install atheris``, in an environment of your own) it is guided by coverage; without, it mutates
the seeds blindly. It stops at the first input that raises what the target does not document, takes longer than ten
seconds of CPU or more than 2 GiB, and writes that input to FOLDER (default: ``corpus/TARGET/``): mend the reader,
and keep the file, which ``test_replay.py`` replays from then on.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import sys
import tempfile
import time
from pathlib import Path

SECONDS, MEMORY = 10, 2048


def main() -> int:
    """Run a target; 0: nothing was found."""
    if len(sys.argv) < 3:
        print("usage: python -m tests.fuzz.run TARGET SECONDS [FOLDER]", file=sys.stderr)
        return 2
    name, seconds = sys.argv[1], float(sys.argv[2])
    try:
        import atheris
    except ImportError:
        atheris = None
    if atheris is not None:
        with atheris.instrument_imports(include=["logscan", "asn1crypto", "defusedxml"]):
            _import_all()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from fuzz.targets import CORPUS, TARGETS

    if name not in TARGETS:
        print(f"{name}: no such target; choose from {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    target = TARGETS[name]
    found = Path(sys.argv[3]) if len(sys.argv) > 3 else CORPUS / name
    found.mkdir(parents=True, exist_ok=True)
    seeds = [*target.seeds(), *(path.read_bytes() for path in sorted(found.glob("*")))]
    if atheris is None:
        return _blind(target, seeds, seconds, found)
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            (Path(folder) / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
        options = [
            f"-max_total_time={int(seconds)}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEMORY}",
            "-max_len=262144", f"-artifact_prefix={found}/", "-print_final_stats=1",
        ]  # fmt: skip
        atheris.Setup([sys.argv[0], *options, folder], target)
        atheris.Fuzz()  # ends the process
    return 0


def _import_all() -> None:
    """What the targets import when they are called: it must be instrumented before."""
    import importlib
    import pkgutil

    import logscan

    for module in pkgutil.walk_packages(logscan.__path__, "logscan."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def mutated(data: bytes, rnd: random.Random, other: bytes) -> bytes:
    """A copy with bytes changed, cut out, doubled, set to extremes, or mixed with another's."""
    out = bytearray(data)
    for _ in range(rnd.randint(1, 8)):
        at = rnd.randrange(len(out) + 1)
        kind = rnd.randrange(6)
        if kind == 0 and at < len(out):
            out[at] = rnd.randrange(256)
        elif kind == 1:
            del out[at : at + rnd.randint(1, 64)]
        elif kind == 2:
            out[at:at] = out[at : at + rnd.randint(1, 64)]
        elif kind == 3:
            del out[at:]
        elif kind == 4:
            out[at : at + 4] = rnd.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"9" * 5000)
            )
        elif other:
            begin = rnd.randrange(len(other))
            out[at:at] = other[begin : begin + rnd.randint(1, 200)]
    return bytes(out)


def _blind(target, seeds: list[bytes], seconds: float, found: Path) -> int:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    seeds = seeds or [b""]
    rnd = random.Random(time.time_ns())
    for number in itertools.count(1):
        data = mutated(rnd.choice(seeds), rnd, rnd.choice(seeds))
        begun = time.process_time()
        try:
            target(data)
        except Exception as error:  # noqa: BLE001 (that is what is looked for)
            failed = repr(error)
        else:
            spent = time.process_time() - begun
            failed = f"{spent:.1f} seconds" if spent > SECONDS else ""
        if failed:
            path = found / f"crash-{hashlib.sha256(data).hexdigest()[:16]}"
            path.write_bytes(data)
            print(f"{path}: {failed}")
            return 1
        if time.monotonic() > end:
            print(f"{number:,} inputs, nothing found")
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
