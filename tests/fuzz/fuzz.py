"""Fuzz the readers for a while: `make fuzz`, or `python -m tests.fuzz.fuzz [SECONDS] [READER ...]`.

Each reader gets so many seconds (60): from atheris, which is guided by the branches that an input takes, where it is
installed (`pip install atheris`; it is no dependency of this project), else from Hypothesis. What breaks a promise of
readers.py is written to FOUND, to be made small and kept in corpus/.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

SECONDS = 60
FOUND = Path("fuzz-found")
#: Bytes of an input, MiB of memory, and seconds that one input may take, for atheris.
LARGEST, MEMORY, SLOWEST = 8192, 4096, 20


def main() -> int:
    """Fuzz every reader, or those that are named; returns 1 where something was found."""
    arguments = sys.argv[1:]
    seconds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else SECONDS
    found = 0
    from tests.fuzz.readers import READERS  # not before atheris had its chance to instrument them

    for reader in arguments or READERS:
        print(f"== {reader}: {seconds} s", flush=True)
        found += _by_atheris(reader, seconds) if _has_atheris() else _by_hypothesis(reader, seconds)
    return 1 if found else 0


def _has_atheris() -> bool:
    try:
        import atheris  # noqa: F401
    except ImportError:
        return False
    return True


def _by_atheris(reader: str, seconds: int) -> int:
    """In a process of its own: libFuzzer ends it at the first input that breaks a promise."""
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sixdim-fuzz-corpus-") as grown:
        limits = [f"-max_total_time={seconds}", f"-max_len={LARGEST}", f"-rss_limit_mb={MEMORY}", f"-timeout={SLOWEST}"]
        seeds = str(Path(__file__).parent / "corpus" / reader)
        command = [sys.executable, "-m", "tests.fuzz.fuzz", "--atheris", reader, grown, seeds, *limits]
        return int(subprocess.run([*command, f"-artifact_prefix={FOUND}/{reader}-"], check=False).returncode != 0)


def _atheris(reader: str, arguments: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["pytest_sixdim"]):
        from tests.fuzz.readers import READERS
    atheris.Setup([sys.argv[0], *arguments], READERS[reader])
    atheris.Fuzz()


def _by_hypothesis(reader: str, seconds: int) -> int:
    from hypothesis import HealthCheck, given, seed, settings

    from tests.fuzz.mutations import mutated
    from tests.fuzz.readers import READERS

    ends, tried, found = time.monotonic() + seconds, 0, 0
    while time.monotonic() < ends and not found:

        @seed(time.time_ns())
        @settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(data=mutated(reader))
        def try_all(data: bytes) -> None:
            nonlocal tried
            tried += 1
            if time.monotonic() > ends:
                return
            try:
                READERS[reader](data)
            except Exception:
                _keep(reader, data)
                raise

        try:
            try_all()
        except Exception:
            traceback.print_exc()
            found = 1
    print(f"{tried} inputs tried", flush=True)
    return found


def _keep(reader: str, data: bytes) -> None:
    FOUND.mkdir(exist_ok=True)
    (FOUND / f"{reader}-{hashlib.sha256(data).hexdigest()[:12]}.txt").write_bytes(data)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--atheris"]:
        _atheris(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
