"""What a log dialect refuses of the options that a case gives it."""

from __future__ import annotations


class OptionError(ValueError):
    """An option that cannot be honoured: its name, and what was wrong and what is allowed."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(f"{option}: {message}")
        self.option = option
        self.message = message
