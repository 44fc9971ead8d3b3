"""How a run begins."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from pytest_sixdim.training.place import Place
from pytest_sixdim.training.precision import SIGNIFICAND_BITS, significand_bits, switch_tf32
from pytest_sixdim.training.run import Run


def start(
    seed: int | None = None,
    batch_size: int | None = None,
    data: str | None = None,
    precision: str | None = None,
    generator: str | None = None,
    versions: dict[str, Any] | None = None,
    cards: int = 1,
    synchronize: Callable[[], object] | None = None,
) -> Run:
    """Begins a run: takes a device, joins the process group, seeds, and reports the start.

    Call it after `import torch` (a program that has not imported torch runs without, on one rank) and after switches
    of precision such as TF32, since it probes what they do.

    Args:
        seed: by default what the agent asks for, by hand 1.
        batch_size: samples per card and optimiser step; compared with what the agent asks for.
        data: "real" or "generated", where the program knows better than the agent.
        precision: the program's; compared with what the agent asks for. Where it is given, TF32 is switched off under
            fp32 and on under all others, and `Run.autocast` follows it.
        generator: name and version of what makes generated data.
        versions: what else decides the program's speed, such as whether it compiles; reported with the versions.
        cards: that this process drives. `step` then counts the samples of all of them.
        synchronize: called at the borders of segments, evaluations and pauses; returns once all that the cards were
            given is done. torch's own device needs none. JAX returns before it has computed, so a program in it must
            give one: `lambda: jax.block_until_ready(jax.live_arrays())` waits for all arrays that there are.

    Raises:
        ValueError: the program's seed, batch size, precision or number of cards is not the one asked for; `cards` is
            below 1; a program in JAX without `synchronize`.
        RuntimeError: the device computes with fewer bits than the configuration's precision declares.
    """
    settings: dict[str, Any] = {}
    if os.environ.get("SIXDIM_RUN"):
        with open(os.environ["SIXDIM_RUN"], encoding="utf-8") as file:
            settings = json.load(file)
    for name, given in (("seed", seed), ("batch_size", batch_size), ("precision", precision)):
        if given is not None and given != settings.get(name, given):
            raise ValueError("the program's %s is %s, the run was asked for %s" % (name, given, settings[name]))
    if cards < 1:
        raise ValueError("cards is %s: a process drives one at least" % cards)
    seed = settings.get("seed", 1) if seed is None else seed
    place = Place(cards, synchronize)
    if place.world_size * cards != settings.get("world_size", place.world_size * cards):
        text = "the run has %s card(s), the program knows of %s rank(s) with %s: before start(), join torch.distributed"
        text += " or set RANK and WORLD_SIZE; where one process drives them all, start(cards=...)"
        raise ValueError(text % (settings["world_size"], place.world_size, cards))
    if "jax" in sys.modules and place.torch is None and synchronize is None:
        wait = "synchronize=lambda: jax.block_until_ready(jax.live_arrays())"
        raise ValueError("JAX returns before it has computed; without start(%s) no time is true" % wait)
    switched, bits, precision = precision, None, str(precision or settings.get("precision"))
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if place.torch is not None:
        place.join(settings.get("device"), settings.get("imports") or (), settings.get("backend"))
        if switched is not None:
            switch_tf32(place.torch, precision != "fp32")
        bits = significand_bits(place.torch, place.device, precision) if precision in SIGNIFICAND_BITS else None
        place.torch.manual_seed(seed)
    run = Run(settings, seed, data or settings.get("data", {}).get("kind", "real"), place)
    run.precision = switched or run.precision
    place.versions.update(versions or {})
    about = {"role": run.role, "world_size": run.world_size * run.cards, "data": run.data, "versions": place.versions}
    about["generator"] = generator if run.data == "generated" else None
    run._emit("start", time.monotonic(), precision_probe=bits, devices=place.devices(), **about)
    for operation, kept in (bits or {}).items():
        if kept < SIGNIFICAND_BITS[precision]:
            text = "precision %s declares %d significand bits, a %s keeps %d (switches: torch.backends)"
            raise RuntimeError(text % (precision, SIGNIFICAND_BITS[precision], operation, kept))
    return run
