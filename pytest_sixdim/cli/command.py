"""What the commands of `sixdim` share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


class CommandError(ValueError):
    """What can't be done as asked; the message says why."""
