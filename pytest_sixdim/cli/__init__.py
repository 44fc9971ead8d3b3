"""The `sixdim` command: what needs no tests. One module a command."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from pytest_sixdim.cli import doctor, importing, listing, new
from pytest_sixdim.cli.command import CommandError
from pytest_sixdim.core.visible import visible_lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `sixdim`; returns the exit code of the command, 2 for what can't be done as asked, 130 after an interrupt."""
    parser = argparse.ArgumentParser(prog="sixdim", description="Benchmarks of AI accelerators in six dimensions.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (new, listing, doctor, importing):
        module.add(commands)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except CommandError as error:
        print(visible_lines(f"sixdim {options.command}: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"sixdim {options.command}: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # who read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code
