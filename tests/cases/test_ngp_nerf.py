"""The Instant-NGP case: its hash grid, its rendering, its metric, its training on one rank and on two."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, Ended, alone, imported, run_on

torch = pytest.importorskip("torch")

FOLDER = "novel_view_synthesis"
SMALL = ["--bound=1", "--rays=64", "--places=8", "--candidates=24", "--cells=8", "--levels=2", "--log2-entries=10"]
SMALL += ["--finest=24", "--width=16", "--size=8", "--balls=2", "--evaluation-samples=3", "--epoch-samples=24"]


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    names = ("hash_grid", "models", "rendering", "train")
    with imported(FOLDER, *names) as found:
        yield SimpleNamespace(**dict(zip(names, found, strict=True)))


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(CASES / FOLDER / "ngp_nerf.case.yaml", list(builtin_vendors()))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return run_on(2, FOLDER, [*SMALL, "--batch-size=2"], tmp_path_factory.mktemp("ngp"))


def chosen(modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr("sys.argv", ["train.py", *arguments])
    return modules.train.arguments()


@pytest.mark.parametrize(("bound", "count"), [("1", 12_249_072), ("2", 12_667_040)])
def test_the_model_has_the_published_parameters(
    modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, bound: str, count: int
) -> None:
    """torch-ngp prints them: `[INFO] #parameters`."""
    with torch.device("meta"):
        field = modules.models.MODELS["ngp_nerf"](chosen(modules, monkeypatch, f"--bound={bound}"))
    assert sum(parameter.numel() for parameter in field.parameters()) == count


def test_flops_are_those_of_the_networks_at_every_place(
    modules: SimpleNamespace, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    args = chosen(modules, monkeypatch)
    with torch.device("meta"):
        field = modules.models.MODELS["ngp_nerf"](args)
        points, directions = torch.empty(args.places, 3), torch.empty(1, 3)
    with FlopCounterMode(display=False) as counter:
        field(points, directions)
    assert case.flops_per_sample == pytest.approx(3 * args.rays * counter.get_total_flops(), rel=0.005)


def test_the_grid_gives_a_vertex_its_own_entry_and_interpolates_between_two(modules: SimpleNamespace) -> None:
    grid = modules.hash_grid.HashGrid(levels=1, coarsest=4, log2_entries=8)
    with torch.no_grad():
        grid.table.copy_(torch.arange(grid.table.numel()).view_as(grid.table))
    points = torch.tensor([[0.0, 0, 0], [0.25, 0, 0], [0.125, 0, 0], [0, 0.25, 0.5], [1, 1, 1]])
    rows = grid(points)[:, 0] / 2
    assert rows.tolist() == pytest.approx([0, 1, 0.5, 5 + 2 * 25, 4 + 4 * 5 + 4 * 25])


def test_fine_levels_hash_vertices_as_the_paper_has_it(modules: SimpleNamespace) -> None:
    """Equation 4, with the whole primes and integers of any length."""
    grid = modules.hash_grid.HashGrid(levels=2, coarsest=4, finest=4096, log2_entries=19)
    corners = [(4095, 17, 4000), (0, 0, 0), (1, 2, 3)]
    found = grid._rows(torch.tensor([[[0, 0, 0], corner] for corner in corners], dtype=torch.int32))[:, 1, 0]
    primes = modules.hash_grid.PRIMES
    expected = [(x * primes[0] ^ y * primes[1] ^ z * primes[2]) % 2**19 for x, y, z in corners]
    assert (found - grid.entries[0]).tolist() == expected


def test_harmonics_are_orthonormal_on_the_sphere(modules: SimpleNamespace) -> None:
    """By Gauss-Legendre and trapezoid quadrature, which is exact for them."""
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(8)
    angles = torch.arange(16) * (2 * math.pi / 16)
    z = torch.tensor(nodes).float().repeat_interleave(16)
    level, turn = (1 - z**2).sqrt(), angles.repeat(8)
    values = modules.models.spherical_harmonics(torch.stack([level * turn.cos(), level * turn.sin(), z], 1))
    area = torch.tensor(weights).float().repeat_interleave(16) * (2 * math.pi / 16)
    assert torch.allclose((values * area.unsqueeze(1)).T @ values, torch.eye(16), atol=1e-5)


class Filled(torch.nn.Module):
    """A field with the same density and colour inside of a slab of x, and nothing outside."""

    def __init__(self, density: float, low: float, high: float) -> None:
        super().__init__()
        self.given, self.low, self.high = density, low, high

    def density(self, points: Any) -> Any:
        return self.given * ((points[:, 0] > self.low) & (points[:, 0] < self.high)).float()

    def forward(self, points: Any, _: Any) -> Any:
        return self.density(points), torch.tensor([0.2, 0.5, 1.0]).expand(len(points), 3)


def test_a_slab_is_as_opaque_as_beer_and_lambert_have_it(modules: SimpleNamespace) -> None:
    """Density 3 along 0.5: opacity 1 - e^-1.5; before and after it, and beside the cube, nothing is seen."""
    render = modules.rendering.Renderer(Filled(3, 0.0, 0.5), 1.0, places=64, candidates=512, cells=8).eval()
    origins = torch.tensor([[-3.0, 0.1, 0.2], [-3, 1.2, 0], [3, 0.1, 0.2]])
    directions = torch.tensor([[1.0, 0, 0], [1, 0, 0], [1, 0, 0]])
    for _ in range(3):  # all cells are asked at first; then those that the field fills
        seen = render(origins, directions)
        opacity = 1 - math.exp(-1.5)
        assert seen[0].tolist() == pytest.approx([0.2 * opacity, 0.5 * opacity, opacity, opacity], rel=0.02)
        assert seen[1:].abs().max() == 0
        render.refresh(torch.Generator().manual_seed(1))
    assert render.occupied.float().mean() == 0.25


def test_what_stands_in_front_hides_what_is_behind(modules: SimpleNamespace) -> None:
    depths = torch.tensor([[0.0, math.log(2), 50.0, 1.0]])
    colours = torch.eye(4)[:, :3].unsqueeze(0)
    assert modules.rendering.composited(depths, colours)[0].tolist() == pytest.approx([0, 0.5, 0.5, 1], abs=1e-6)


@pytest.mark.parametrize(("error", "decibel"), [(1.0, 0.0), (0.01, 20.0), (0.0046, 23.372), (0.0652, 11.858)])
def test_psnr_of_known_errors(modules: SimpleNamespace, error: float, decibel: float) -> None:
    """The last two are the published targets."""
    assert modules.train.psnr(torch.tensor(error)).item() == pytest.approx(decibel, abs=1e-3)


def test_psnr_is_the_mean_over_views_and_each_counts_once(modules: SimpleNamespace) -> None:
    """Two views of two pixels, wrong by 0.1 and by 0.01: 20 and 40 dB."""
    rays = modules.train.Rays
    colours = torch.tensor([[0.1] * 3 + [1.0], [0.1] * 3 + [1.0], [0.01] * 3 + [1.0], [0.01] * 3 + [1.0]])
    views: Any = SimpleNamespace(views=2, pixels=2)
    views.evaluation = lambda: [(torch.tensor([0, 0, 1, 1]), rays(torch.zeros(4, 3), torch.ones(4, 3), colours))]

    def black(origins: Any, _: Any) -> Any:
        return torch.tensor([0, 0, 0, 1.0]).expand(len(origins), 4)

    value, samples = modules.train.evaluate(black, views, alone())
    assert (value, samples) == (pytest.approx(30.0), 2)


def test_psnr_counts_small_errors_of_large_views(modules: SimpleNamespace) -> None:
    """A view of 4.2 million pixels, half of them wrong by 0.1 and then half by 0.005; 32 bits alone would say 23.01."""
    rays, block, blocks = modules.train.Rays, 2**13, 512
    views: Any = SimpleNamespace(views=1, pixels=blocks * block)

    def evaluation() -> Iterator[tuple[Any, Any]]:
        for number in range(blocks):
            wrong = torch.tensor([0.1 if number < blocks / 2 else 0.005] * 3 + [1.0]).expand(block, 4)
            yield torch.zeros(block, dtype=torch.long), rays(torch.zeros(1, 3), torch.zeros(1, 3), wrong)

    views.evaluation = evaluation
    value, _ = modules.train.evaluate(lambda *_: torch.tensor([0, 0, 0, 1.0]), views, alone())
    assert value == pytest.approx(-10 * math.log10((0.01 + 0.000025) / 2), abs=1e-3)


def test_two_ranks_evaluate_what_one_does(
    modules: SimpleNamespace, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = chosen(modules, monkeypatch, *SMALL)
    torch.manual_seed(1)  # as the run does before the field is made
    field = modules.models.MODELS["ngp_nerf"](args)
    shape = {"places": args.places, "candidates": args.candidates, "cells": args.cells}
    render = modules.rendering.Renderer(field, args.bound, **shape).eval()
    with torch.no_grad():
        value, samples = modules.train.evaluate(render, modules.train.source(args, alone()), alone())
    assert [rank["value"] for rank in ended.ranks] == pytest.approx([value] * 2, abs=1e-3)
    assert [rank["samples"] for rank in ended.ranks] == [samples] * 2 == [3, 3]


def test_two_ranks_have_the_same_weights_after_training(ended: Ended) -> None:
    first, second = ended.ranks
    assert first["weights"] == second["weights"]
    assert first["steps"] == second["steps"] > 5


def test_a_run_says_what_made_its_data(ended: Ended) -> None:
    assert ended.event("start").generator == "balls-1"


def last_value(modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, rate: str) -> float:
    """PSNR after training in this process at this learning rate."""
    evaluate, values = modules.train.evaluate, []

    def noted(*given: Any) -> Any:
        values.append(evaluate(*given))
        return values[-1]

    with monkeypatch.context() as patched:
        patched.setattr("sys.argv", ["train.py", *SMALL, "--rays=256", "--epochs=2", f"--lr={rate}"])
        patched.setattr(modules.train, "evaluate", noted)
        modules.train.main()
    return float(values[-1][0])


def test_training_brings_psnr_up_and_broken_training_does_not(
    modules: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = last_value(modules, monkeypatch, "0")
    assert broken < 13
    assert last_value(modules, monkeypatch, "0.02") > broken + 3
