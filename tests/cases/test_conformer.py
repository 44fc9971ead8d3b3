"""The Conformer and what it hears: its size, its attention, its loss, its filter banks. Everything here is small."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, imported

torch = pytest.importorskip("torch")

PATH = CASES / "speech_recognition" / "conformer.case.yaml"
SMALL = {"blocks": 2, "decoder_blocks": 1, "width": 16, "heads": 2, "hidden": 32, "kernel": 5}
FULL = {"blocks": 12, "decoder_blocks": 6, "width": 256, "heads": 4, "hidden": 2048, "kernel": 15}


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    names = ("models", "attention", "conformer", "recogniser", "filterbanks")
    with imported("speech_recognition", *names) as modules:
        yield SimpleNamespace(**dict(zip(names, modules, strict=True)))


def model(program: Any, characters: int = 6, **sizes: Any) -> Any:
    torch.manual_seed(1)
    options = Namespace(**{**SMALL, "dropout": 0.1, "norm_momentum": 0.1, **sizes})
    return program.models.MODELS["conformer"](characters, options)


def test_the_model_has_the_size_of_wenets_and_the_flops_of_the_case(program: Any) -> None:
    """About 46 million with 4,233 tokens, 4,230 of them characters.

    A multiplication with its addition is two FLOP; the backward pass is counted as two forward ones.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        full = model(program, 4230, **FULL).eval()
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        full(torch.empty(1, 480, 80), torch.full((1,), 480), torch.zeros(1, 16, dtype=torch.long))
    assert sum(parameter.numel() for parameter in full.parameters()) == 46_197_266
    assert sum(parameter.numel() for parameter in full.encoder.parameters()) == 33_464_832
    assert (len(full.encoder.blocks), len(full.decoder.blocks)) == (12, 6)
    case = load_case(PATH, list(builtin_vendors()))
    assert case.flops_per_sample == pytest.approx(3 * counter.get_total_flops(), rel=0.005)


def test_deepsparks_row_is_that_of_the_table(program: Any) -> None:
    (row,) = load_baselines(baselines_path(PATH), load_case(PATH, list(builtin_vendors())))
    figures = {name: f"{figure.text} {figure.unit}".strip() for name, figure in row.figures.items()}
    first = {"speed": "380 samples/s", "accuracy": "4.79 %", "power": "113 W"}
    assert figures == {**first, "linearity": "0.82", "memory": "21.5 G", "stability": "1"}
    assert (row.vendor, row.card, row.nodes, row.cards, row.precision) == ("iluvatar", "bi-v100", 1, 8, "fp32")
    assert "3.72" in dict(row.disputed)["accuracy"]


def test_shapes(program: Any) -> None:
    """Of 64 frames 15 places are left, and the text has an end besides."""
    heard = model(program)(torch.randn(2, 64, 80), torch.tensor([64, 40]), torch.tensor([[1, 2, 3], [4, 0, 0]]))
    assert heard.scores.shape == (2, 15, 9)
    assert heard.lengths.tolist() == [15, 9]
    assert heard.decoded.shape == (2, 4, 9)


@pytest.mark.parametrize("frames", [7, 8, 63, 64, 480])
def test_places_are_those_that_the_convolutions_leave(program: Any, frames: int) -> None:
    left = program.conformer.Subsampling(80, 4)(torch.zeros(1, frames, 80)).shape[1]
    assert program.conformer.subsampled(torch.tensor([frames, 1])).tolist() == [left, 1]


def test_relative_attention_asks_by_content_and_by_distance(program: Any) -> None:
    """Against the formula of arXiv 1901.02860, 3.3, written out for each pair of places."""
    torch.manual_seed(1)
    attention, width, places = program.attention.RelativeAttention(4, 1), 4, 5
    states, sinusoids = torch.randn(1, places, width), program.attention.sinusoids
    allowed = torch.tensor([True, True, True, True, False]).view(1, 1, 1, places)
    query, key, value = (layer(states)[0] for layer in (attention.query, attention.key, attention.value))
    scores = torch.full((places, places), -math.inf)
    for asking in range(places):
        for asked in range(4):
            near = attention.position(sinusoids(torch.tensor(asking - asked), width))
            by_content = (query[asking] + attention.content_bias[0, 0]) @ key[asked]
            scores[asking, asked] = (by_content + (query[asking] + attention.position_bias[0, 0]) @ near) / 2
    found = attention(states, sinusoids(torch.arange(places - 1, -places, -1), width), allowed)
    assert torch.allclose(found[0], attention.output(scores.softmax(-1) @ value), atol=1e-5)


def test_what_is_heard_does_not_depend_on_what_is_padded(program: Any) -> None:
    small, features = model(program).eval(), torch.randn(1, 40, 80)
    longer = torch.cat((features, torch.randn(1, 24, 80)), dim=1)
    text, frames = torch.tensor([[1, 2]]), torch.tensor([40])
    short, long = small(features, frames, text), small(longer, frames, text)
    assert torch.allclose(short.scores, long.scores[:, :9], atol=1e-5)
    assert torch.allclose(short.decoded, long.decoded, atol=1e-5)
    places = small.recognised(longer, frames)
    assert places.shape == (1, 15)
    assert places[0, 9:].tolist() == [0] * 6


def test_the_decoder_does_not_see_what_follows(program: Any) -> None:
    small, features, frames = model(program).eval(), torch.randn(1, 40, 80), torch.tensor([40])
    one, other = (small(features, frames, torch.tensor([[1, last]])).decoded for last in (2, 3))
    assert torch.allclose(one[:, :2], other[:, :2], atol=1e-6)
    assert not torch.allclose(one[:, 2], other[:, 2], atol=1e-3)


def test_an_unknown_character_is_never_recognised(program: Any) -> None:
    small = model(program, 6).eval()
    small.output.bias.data[7:] = 100.0
    assert small.recognised(torch.randn(1, 64, 80), torch.tensor([64])).max() <= 6


def test_the_loss_is_that_of_both_heads(program: Any) -> None:
    """Where all tokens are as likely: one character in two places can be spelt in 3 of 25 ways; the decoder names 2."""
    heard = program.recogniser.Heard(torch.zeros(2, 2, 5), torch.tensor([2, 2]), torch.zeros(2, 3, 5))
    texts, counts = torch.tensor([[1, 0], [2, 0]]), torch.tensor([1, 1])
    batch = program.recogniser.Speech(torch.zeros(2, 1), counts, texts, counts)

    def loss(weight: float) -> float:
        return program.recogniser.hybrid_loss(heard, batch, ctc_weight=weight, smoothing=0.0).item()

    ctc, decoder = -math.log(3 / 25), 2 * math.log(5)
    assert (loss(1), loss(0)) == pytest.approx((ctc, decoder))
    assert loss(0.3) == pytest.approx(0.3 * ctc + 0.7 * decoder)


def test_the_decoder_is_asked_for_the_end_after_the_last_character(program: Any) -> None:
    scores = torch.full((1, 3, 5), -100.0)
    scores[0, 0, 2] = scores[0, 1, 4] = scores[0, 2, 0] = 100.0  # a 2, the end, and whatever is beyond it
    heard = program.recogniser.Heard(torch.zeros(1, 2, 5), torch.tensor([2]), scores)
    batch = program.recogniser.Speech(torch.zeros(1, 1), *map(torch.tensor, ([1], [[2, 0]], [1])))
    assert program.recogniser.hybrid_loss(heard, batch, ctc_weight=0.0, smoothing=0.0).item() == pytest.approx(0)


def test_filter_banks_are_kaldis(program: Any) -> None:
    """As transformers computes them, in double precision."""
    library = pytest.importorskip("transformers.audio_utils")
    wave = (3000 * torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))).to(torch.int16)
    triangles = library.mel_filter_bank(257, 80, 20, 8000, 16_000, mel_scale="kaldi", triangularize_in_mel_space=True)
    expected = library.spectrogram(
        wave[0].double().numpy(),
        library.window_function(400, "povey", periodic=False),
        frame_length=400,
        hop_length=160,
        fft_length=512,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=triangles,
        mel_floor=program.filterbanks.FLOOR,
        log_mel="log",
        remove_dc_offset=True,
    ).T
    found = program.filterbanks.Filterbanks().logarithms(wave)[0]
    assert found.shape == (23, 80)
    assert torch.allclose(found.double(), torch.from_numpy(expected).double(), atol=2e-3)


def test_features_have_mean_0_and_deviation_1_over_the_speech(program: Any) -> None:
    waves = (1000 * torch.randn(2, 8000)).to(torch.int16)
    features, frames = program.filterbanks.Filterbanks()(waves, torch.tensor([8000, 4000]))
    assert frames.tolist() == [48, 23]
    assert features[1, 23:].abs().max() == 0
    for row, count in zip(features, (48, 23), strict=True):
        assert row[:count].mean(0).abs().max() < 1e-4
        assert (row[:count].square().mean(0) - 1).abs().max() < 1e-3


def test_masks_hide_stretches_and_differ(program: Any) -> None:
    features, frames = torch.ones(200, 100, 80), torch.full((200,), 60)
    device = torch.device("cpu")
    masks = program.filterbanks.Masks(device, 1, times=8, bins=4)
    masked = masks(features, frames)
    times, bins = (masked == 0).all(2).sum(1), (masked[:, 60:] == 0).all(1).sum(1)
    assert (times.max().item(), bins.max().item()) == (16, 8)  # two of the longest, side by side
    assert len(times.unique()) > 8
    assert not (masked[:, 60:] == 0).all(2).any()  # hides speech only
    again = program.filterbanks.Masks(device, 1, times=8, bins=4)
    assert torch.equal(again(features, frames), masked)
    assert not torch.equal(again(features, frames), masked)
