"""The agent's command: `python -m pytest_sixdim.agent ORDER.json`.

Exit codes: 0 the run came to its end, 1 it did not, 2 it could not be launched, 3 its records could not be written.
result.json, not the exit code, says how the run ended.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import asdict
from pathlib import Path

from pytest_sixdim.agent.order import OrderError, read_order
from pytest_sixdim.agent.recorder import SCHEMA, complaint, write_atomically
from pytest_sixdim.agent.supervisor import carry_out, launch_error, unrecorded


def main(arguments: list[str]) -> int:
    """Carry out the order in the file that `arguments` names; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m pytest_sixdim.agent ORDER.json", file=sys.stderr)
        return 2
    path = Path(arguments[0])
    try:
        try:
            return 0 if carry_out(read_order(path)).finished else 1
        except OrderError as error:
            print(error, file=sys.stderr)
            record = {"schema": SCHEMA, **asdict(launch_error(str(error))), "started_unix": None}
            write_atomically(path.parent / "result.json", record)
            return 2
        except OSError as error:
            print(complaint(error), file=sys.stderr)
            record = {"schema": SCHEMA, **asdict(unrecorded(complaint(error))), "started_unix": None}
            write_atomically(path.parent / "result.json", record)
            return 1
    except OSError as error:
        print(complaint(error), file=sys.stderr)
        return 3
    except Exception:
        traceback.print_exc()
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
