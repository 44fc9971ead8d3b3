"""SIGTERM (a batch system's time is up) and SIGHUP (the terminal is closed) end a session as Ctrl-C does: the run is
cancelled, what was judged is reported, and JUnit is written."""

from __future__ import annotations

import signal
import threading
from functools import partial
from types import FrameType

import pytest

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def listen(config: pytest.Config) -> None:
    """Until the end of the session. A signal that is ignored (nohup), or that somebody else takes, is left alone."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
            config.add_cleanup(partial(_restore, number))


def _restore(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """The first one decides: cleaning up is not to be interrupted by another."""
    for each in SIGNALS:
        if signal.getsignal(each) is _interrupt:
            signal.signal(each, _pass)
    raise KeyboardInterrupt(f"{signal.Signals(number).name}: the session was told to end")


def _pass(_number: int, _frame: FrameType | None) -> None:
    """Not SIG_IGN, which the agent would inherit."""
