"""What `samples_count` means, decided by a log's own figures."""

from __future__ import annotations

import pytest

from pytest_sixdim.dialects.parts.mllog_counts import Counts, Position, Sizes

#: Start and stop counts of blocks, one after the other, and the samples that each trained.
Blocks = list[tuple[int | None, int | None]]


def sizes(
    blocks: Blocks, *, batch: int | None = 64, steps: list[int] | None = None, running: int = 0
) -> list[int | None]:
    counts = Counts(batch, None)
    counts.running = running
    of = Sizes(counts)
    step, found = 0, []
    for n, (start, stop) in enumerate(blocks):
        before = step if steps else None
        step += steps[n] if steps else 0
        place = Position(None, stop, step if steps else None)
        found.append(of.of(Position(None, start, before), place))
    return found


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([(0, 12288), (12288, 24576), (24576, 30000)], [12288, 12288, 5424]),  # gpt-oss
        ([(64000, 76288), (76288, 88576)], [12288, 12288]),  # the same, resumed
        ([(15360, 15360), (15360, 15360), (15360, 7680)], [15360, 15360, None]),  # DeepSeek
        ([(None, 15360), (None, 15360), (None, 7680)], [15360, 15360, 7680]),
        ([(7168, 7168)], [7168]),  # GRPO
        ([(None, 12288), (None, 24576), (None, 36864)], [12288, 12288, 12288]),
        ([(12288, 12288), (24576, 24576), (36864, 36864)], [12288, 12288, 12288]),  # the count that is aimed at
        ([(0, 172032), (172000, 344064)], [172032, 172064]),  # borders that differ by less than a batch
        ([(None, None)], [None]),
        ([(0, 0)], [None]),
    ],
)
def test_counts_are_understood_by_their_own_consistency(blocks: Blocks, expected: list[int | None]) -> None:
    assert sizes(blocks) == expected


@pytest.mark.parametrize(
    "blocks",
    [
        [(None, 12288), (None, 20000)],  # either 7712 after 12288, or 20000
        [(12288, 12288), (20000, 20000)],
        [(0, 12288), (5, 20000)],  # neither continues the count nor starts one
        [(0, 12288), (20000, 12288)],
    ],
)
def test_what_the_counts_leave_open_is_unknown(blocks: Blocks) -> None:
    assert sizes(blocks) == [12288, None]


def test_counts_that_other_lines_pass_are_the_blocks_own() -> None:
    assert sizes([(None, 12288), (None, 20480)], running=32768) == [12288, 20480]


def test_steps_decide_where_both_meanings_are_possible() -> None:
    blocks: Blocks = [(64, 128), (64, 128)]
    assert sizes(blocks, steps=[1, 1]) == [64, 64]
    assert sizes(blocks, steps=[2, 2]) == [128, 128]


def test_a_ragged_last_batch_is_no_contradiction_to_the_steps() -> None:
    assert sizes([(0, 1000)], steps=[16]) == [1000]


def test_counts_that_contradict_the_steps_are_unknown() -> None:
    assert sizes([(0, 4096)], steps=[7]) == [None]


@pytest.mark.parametrize(
    ("epochs", "option", "batch", "train_samples", "expected"),
    [
        (4, None, 3264, 1281167, 5124668),
        (4, None, None, 1281167, 5124668),
        (4, None, 3264, None, None),
        (384, None, 8, 3901, None),  # Llama 2 calls samples epochs
        (384, "samples", 8, 3901, 384),
        (20, None, 8, 168, None),  # 3D U-Net does not
        (20, "epochs", 8, 168, 3360),
        (None, "samples", 8, 168, None),
        (0, None, 8, 168, None),
    ],
)
def test_epochs_are_taken_for_epochs_only_where_they_cannot_be_samples(
    epochs: int | None, option: str | None, batch: int | None, train_samples: int | None, expected: int | None
) -> None:
    counts = Counts(batch, option)
    counts.train_samples = train_samples
    assert counts.of_epochs(epochs) == expected
