"""A process that leases cards: python leasing.py RUN COUNT [share yes] [child FILE] [until FILE] [rounds N claims DIR].

Prints "waiting ...", "has CARD ...", "done". It holds the cards until FILE is there; child: a child of its own, as the
agent is, gets the descriptors and stays until its FILE is there, which it says by FILE.up.
rounds N: takes and returns 1, 2, 4 and 8 cards in a row, N times, and prints "overlap" where a card was held twice.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from pytest_sixdim.campaign import leases
from pytest_sixdim.campaign.leases import lease
from pytest_sixdim.samplers import Device

POOL = tuple(Device(number, f"card:{number}", "Imaginary") for number in range(8))
CHILD = """\
import os, sys, time
open(sys.argv[1] + ".up", "w").close()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
"""


def say(text: str) -> None:
    print(text, flush=True)


def hold(run: str, count: int, options: dict[str, str], share: bool) -> None:
    """One lease."""
    folder = Path(run, "case", "one", run)
    with lease(folder, run, POOL, count, share=share, waiting=lambda text: say(f"waiting {text}")) as held:
        if "child" in options:
            subprocess.Popen([sys.executable, "-c", CHILD, options["child"]], pass_fds=held.descriptors)
            while not Path(options["child"] + ".up").exists():
                time.sleep(0.02)
        say("has " + " ".join(device.id for device in held.devices))
        while "until" in options and not Path(options["until"]).exists():
            time.sleep(0.02)
    say("done")


def take_turns(run: str, rounds: int, claims: Path) -> None:
    """Leases of all sizes, now and then of the whole host; whoever has a card twice finds another's claim."""
    leases.PAUSE = 0.002
    for turn in range(rounds):
        for step, count in enumerate((1, 2, 4, 8, 1)):
            share = step < 4
            with lease(Path(f"{run}-{turn}-{step}"), run, POOL, count, share=share, waiting=lambda text: None) as held:
                # the whole host: nobody else has any card
                mine = [device.id for device in (held.devices if share else POOL)]
                for card in mine:
                    try:
                        (claims / card).touch(exist_ok=False)
                    except FileExistsError:
                        say(f"overlap {card}")
                time.sleep(0.003)
                for card in mine:
                    (claims / card).unlink(missing_ok=True)
    say("done")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so do its own
    name, number, *words = sys.argv[1:]
    given = dict(zip(words[::2], words[1::2], strict=True))
    if "rounds" in given:
        take_turns(name, int(given["rounds"]), Path(given["claims"]))
    else:
        hold(name, int(number), given, given.get("share") == "yes")
