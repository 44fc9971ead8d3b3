"""Generated words: full entropy, never the same twice, and read without an error by whoever knows the glyphs."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.cases.programs import alone, imported

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with imported("text_recognition", "generated_words") as (found,):
        yield found


@pytest.fixture(scope="module")
def generated(module: ModuleType) -> Any:
    def make(rank: int = 0, world_size: int = 1, seed: int = 1, **changes: Any) -> Any:
        options = {"batch_size": 4, "training_samples": 40, "evaluation_samples": 120, **changes}
        return module.GeneratedWords(alone(rank, world_size, seed), **options)

    return make


def test_images_are_never_the_same_twice(generated: Any) -> None:
    batches = [images for rank in range(2) for epoch in range(2) for images, _ in generated(rank, 2).training(epoch)]
    images = torch.cat(batches).flatten(1)
    assert len(images) == 2 * 2 * 5 * 4
    assert len(torch.unique(images, dim=0)) == len(images)


def test_images_are_those_of_their_seed(generated: Any) -> None:
    (first, tokens), (again, tokens_again) = next(generated().training(3)), next(generated().training(3))
    assert torch.equal(first, again)
    assert torch.equal(tokens, tokens_again)
    assert not torch.equal(first, next(generated(seed=2).training(3))[0])


def test_images_have_full_size_and_all_but_full_entropy(generated: Any) -> None:
    images, tokens = next(generated().training(0))
    assert (images.shape, images.dtype, tokens.shape) == ((4, 3, 32, 100), torch.uint8, (4, 26))
    assert images.is_contiguous(memory_format=torch.channels_last)
    share = torch.bincount(images.flatten().long(), minlength=256) / images.numel()
    assert -(share[share > 0] * share[share > 0].log2()).sum() > 7  # bits of 8


def test_each_evaluated_image_is_asked_once_whatever_the_cards(generated: Any) -> None:
    parts = [images for rank in range(3) for images, _ in generated(rank, 3, seed=3).evaluation()]
    images = torch.cat(parts).flatten(1).unique(dim=0)
    all_at_once = torch.cat([part for part, _ in generated().evaluation()]).flatten(1).unique(dim=0)
    assert len(images) == 120
    assert torch.equal(images, all_at_once)


def test_words_are_a_beginning_characters_an_end_and_padding(generated: Any) -> None:
    _, tokens = next(generated(batch_size=500, training_samples=500).training(0))
    assert (tokens[:, 0] == 91).all()
    letters = (tokens[:, 1:] < 36).sum(1)
    assert (letters.min(), letters.max()) == (1, 12)
    for row, count in zip(tokens[:, 1:].tolist(), letters.tolist(), strict=True):
        assert all(token < 36 for token in row[:count])
        assert row[count:] == [91] + [92] * (24 - count)


def test_every_length_and_character_is_as_likely_as_any_other(generated: Any) -> None:
    """So that a reader who does not look is right once in 12 * 36 at most: 0.23 %."""
    _, tokens = next(generated(batch_size=2000, training_samples=2000).training(0))
    lengths = torch.bincount((tokens[:, 1:] < 36).sum(1), minlength=13)[1:]
    characters = torch.bincount(tokens[:, 1], minlength=36)[:36]
    assert lengths.min() > 110
    assert characters.min() > 25


def test_glyphs_are_told_apart(module: ModuleType) -> None:
    """Three cells at least differ, and no glyph is another one that begins elsewhere: each touches all sides."""
    glyphs = module.glyphs().bool()
    assert glyphs.shape == (36, 4, 3)
    differing = (glyphs[:, None] != glyphs[None]).flatten(2).sum(2)
    assert (differing + 12 * torch.eye(36, dtype=torch.long)).min() == 3
    assert all(side.any(1).all() for side in (glyphs[:, 0], glyphs[:, -1], glyphs[..., 0], glyphs[..., -1]))


def read(images: Any, module: ModuleType) -> list[list[int]]:
    """Words read by comparison with each glyph in each place: what the rule alone tells of images."""
    noise = (255 - module.BRIGHTER) / 2
    brighter = images.float().mean(1) - noise  # of a pixel, without its noise
    patterns = torch.zeros(36, 17, 32, 8)
    for top in range(17):
        cells = module.glyphs().float().repeat_interleave(4, 1).repeat_interleave(2, 2)
        patterns[:, top, top : top + 16, :6] = cells
    patterns = torch.cat([torch.zeros(1, 32 * 8), patterns.flatten(0, 1).flatten(1)])
    words = []
    for image in brighter:
        found = []
        for start in range(100 - 8 + 1):
            columns = image[:, start : start + 8 * ((100 - start) // 8)].unflatten(1, (-1, 8))
            slots = columns.transpose(0, 1).flatten(1)[:12]
            distance = (patterns.square().sum(1) - 2 * slots @ patterns.T).min(1)  # to each, less the slot's own
            ended = int((distance.indices == 0).int().argmax()) if (distance.indices == 0).any() else len(slots)
            found.append((distance.values[:ended].sum().item(), ((distance.indices[:ended] - 1) // 17).tolist()))
        words.append(min(found)[1])
    return words


def test_whoever_knows_the_glyphs_is_never_wrong(generated: Any, module: ModuleType) -> None:
    """The ceiling: 100 %."""
    for images, tokens in generated(evaluation_samples=50).evaluation():
        true = [[token for token in row if token < 36] for row in tokens[:, 1:].tolist()]
        assert read(images, module) == true


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"longest": 13}, "32x100 pixels read to 25 characters has no room for a word of 13: it needs 16x104 and 14"),
        ({"height": 8}, "8x100 pixels"),
        ({"length": 12}, "read to 12 characters"),
        ({"kinds": 37}, "of 2 to 36 kinds; not 12 of 37"),
        ({"training_samples": 3}, "has no step"),
    ],
)
def test_words_that_cannot_be_are_refused(generated: Any, changes: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        generated(**changes)
