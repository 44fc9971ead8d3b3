"""steps.py, in whose run of seed 2 something happens to the disk before it begins."""

from __future__ import annotations

import argparse
import os
import runpy
import shutil
import sys
import time
from pathlib import Path


def fill(run: Path) -> None:
    """Write into the session's folder until no block is left."""
    with (run.parents[2] / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--disk", required=True, help="fill, remove or keep")
    parser.add_argument("--at", type=int, default=2, help="the seed that it happens in")
    parser.add_argument("--go", default="", help="then wait for this file")
    options, rest = parser.parse_known_args()
    if rest[rest.index("--seed") + 1] == str(options.at):
        run = Path(os.environ["SIXDIM_RUN"]).parent
        if options.disk == "fill":
            fill(run)
        elif options.disk == "remove":
            shutil.rmtree(run.parents[2])
        if options.go:
            Path(f"{options.go}.ready").touch()
            while not Path(options.go).exists():
                time.sleep(0.02)
    sys.argv[1:] = rest
    runpy.run_path(str(Path(__file__).with_name("steps.py")), run_name="__main__")


if __name__ == "__main__":
    main()
