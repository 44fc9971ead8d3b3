"""Trains a radiance field on photographs of a scene with known cameras, or on a generated scene.

`--model` is one of models.py. By hand: torchrun --nproc-per-node 8 train.py --model ngp_nerf
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from generated_scene import GeneratedViews
from models import MODELS
from rays import Rays, Views
from rendering import Renderer
from stored_views import stored_views
from torch import nn

from pytest_sixdim import training
from pytest_sixdim.training import loop

REFRESHED_EVERY = 16  # steps (section E.2 of the paper)


def arguments() -> argparse.Namespace:
    """What the command line says. A sample is `--rays` rays of an image, and an epoch --epoch-samples of them."""
    parser = loop.arguments(__doc__, batch_size=1, epochs=10, lr=1e-2, epoch_samples=3000, evaluation_samples=7)
    parser.add_argument("--model", choices=sorted(MODELS), default="ngp_nerf")
    parser.add_argument("--rays", type=int, default=4096, help="of each image in a step")
    parser.add_argument("--bound", type=float, default=2.0, help="the field fills the cube from -bound to bound")
    parser.add_argument("--scale", type=float, default=0.33, help="of the cameras' places in transforms*.json")
    parser.add_argument("--candidates", type=int, default=1024, help="places along a ray that may be asked")
    parser.add_argument("--places", type=int, default=128, help="places along a ray that are asked at most")
    parser.add_argument("--cells", type=int, default=128, help="along an edge of the grid of occupied cells")
    parser.add_argument("--levels", type=int, default=16, help="of the hash grid")
    parser.add_argument("--features", type=int, default=2, help="of a level of the hash grid")
    parser.add_argument("--log2-entries", type=int, default=19, help="of a level of the hash grid")
    parser.add_argument("--finest", type=int, default=2048, help="vertices of the finest level along an edge of 2")
    parser.add_argument("--width", type=int, default=64, help="of the networks")
    parser.add_argument("--weight-decay", type=float, default=1e-6, help="of the networks")
    parser.add_argument("--size", type=int, default=800, help="pixels an edge of a generated view")
    parser.add_argument("--balls", type=int, default=24, help="in the generated scene")
    return parser.parse_args()


def source(args: argparse.Namespace, run: training.Run) -> Views:
    """The rays to train on and the views to evaluate."""
    shape = {"batch_size": args.batch_size, "rays": args.rays, "training_samples": args.epoch_samples}
    if run.data == "real":
        return stored_views(Path(args.data), run, scale=args.scale, workers=args.workers, **shape)
    return GeneratedViews(run, size=args.size, balls=args.balls, views=args.evaluation_samples, **shape)


def squared_errors(render: nn.Module, rays: Rays, ground: torch.Tensor | float) -> torch.Tensor:
    """Squared error (N x 3) of the colours of rays, on a ground of this colour wherever something is seen through."""
    expected = rays.colours.reshape(-1, 4)
    seen = render(rays.origins.reshape(-1, 3), rays.directions.reshape(-1, 3))
    difference = seen - expected
    return (difference[:, :3] - difference[:, 3:] * ground) ** 2


def trained(render: nn.Module, rays: Rays) -> torch.Tensor:
    """The loss: on a ground of random colours, so that what is empty has to be transparent."""
    ground = torch.rand_like(rays.colours[..., :3]).view(-1, 3)
    return squared_errors(render, rays, ground).mean()


def evaluate(render: nn.Module, views: Views, run: training.Run) -> tuple[float, int]:
    """The mean over views of their PSNR in dB, and how many views there are; every rank does its part of each."""
    nothing = torch.zeros(2, views.views, device=run.device)
    parts = [nothing]  # added up block by block: in 32 bits a sum over millions of pixels would lose the small ones
    for view, rays in views.evaluation():
        with run.autocast():
            found = squared_errors(render, rays, 1.0).mean(1)
        parts.append(nothing.index_add(1, view, torch.stack([found, torch.ones_like(found)])))
    squared, pixels = loop.gathered(torch.stack(parts).sum(0)[None], run).sum(0).cpu()
    whole = pixels == views.pixels
    return psnr(squared / pixels).mean().item(), int(whole.sum())


def psnr(mean_squared_error: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio in dB, of colours between 0 and 1."""
    return -10 * torch.log10(mean_squared_error)


def main() -> None:
    """Trains until the run is done."""
    args = arguments()
    run = loop.begin(args, generator=GeneratedViews.name)
    try:
        views = source(args, run)
    except ValueError as error:
        raise SystemExit(f"train.py: {error}") from None
    field = MODELS[args.model](args)
    shape = {"places": args.places, "candidates": args.candidates, "cells": args.cells}
    model = Renderer(field, args.bound, **shape).to(run.device)
    parallel = loop.distributed(model, run, args.compile)
    cells = torch.Generator(run.device).manual_seed(run.seed)  # the same on every rank, and so is what is occupied

    def refresh() -> None:
        if run.steps % REFRESHED_EVERY == 0:
            with run.autocast():
                model.refresh(cells)

    networks = [weight for name, weight in field.named_parameters() if name != "grid.table"]
    tables = [weight for name, weight in field.named_parameters() if name == "grid.table"]
    loop.train(
        run,
        views,
        model=model,
        loss=lambda rays: trained(parallel, rays),
        optimizer=loop.fused(
            torch.optim.Adam,
            [{"params": networks, "weight_decay": args.weight_decay}, {"params": tables}],
            lr=args.lr,
            betas=(0.9, 0.99),
            eps=1e-15,
        ),
        epochs=args.epochs,
        rate=lambda epoch: 0.1 ** min(1.0, epoch / args.epochs),
        evaluate=lambda: evaluate(model, views, run),
        after_step=refresh,
    )


if __name__ == "__main__":
    main()
