"""A campaign that is killed at any moment and resumed gives the same scorecards as one that ran through."""

from __future__ import annotations

import os
import random

import pytest

from tests.plugin.conftest import Bench
from tests.plugin.killing import Campaign, kill_and_resume, pytest_command

#: Speeds that the program claims, by seed: the figures are the same each time.
SPEEDS = "--speeds=200000/201000/202000"
#: What reads sensors differs from time to time.
CONSTANT = "not power and not memory"


@pytest.mark.parametrize(("seed", "kills", "cards"), [(1, 9, (1,)), (2, 6, (1, 2))])
def test_a_campaign_killed_again_and_again_gives_the_same_scorecards(
    bench: Bench, seed: int, kills: int, cards: tuple[int, ...]
) -> None:
    bench.case("tiny", SPEEDS, "--segment=0.03", extra="stability: {runs: 3}")
    asked = ",".join(map(str, cards))
    command = pytest_command(bench.python, "-m", CONSTANT, "--sixdim-cards", asked, "cases")
    (bench.path / "through").mkdir()
    (bench.path / "through" / "cases").symlink_to(bench.cases)
    through = Campaign(bench.path / "through", command, f"through-{os.getpid()}-{seed}", runs=3 * len(cards))
    through.run_through()
    killed = Campaign(bench.path, command, f"killed-{os.getpid()}-{seed}", runs=3 * len(cards))
    print(f"seed {seed}")
    last = kill_and_resume(killed, kills=kills, luck=random.Random(seed))
    assert killed.scorecards() == through.scorecards(), last
    assert set(killed.scorecards()) == {f"tiny/cpu-fp32-bs32-1x{count}" for count in cards}
    assert {card["dimensions"]["stability"]["value"] for card in killed.scorecards().values()} == {1.0}
    assert "Traceback" not in last
