"""The Tacotron 2 case: its model, its loss and schedule, its ranks. Its clips: test_clips.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim.core.case import Case
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors
from tests.cases.programs import CASES, Ended, alone, imported, run_on, told

torch = pytest.importorskip("torch")

from tests.cases.waiting import waiting  # noqa: E402 (torch)

FOLDER = "speech_synthesis"
SMALL = ["--symbols=8", "--bins=4", "--longest=20", "--width=16", "--recurrent=16", "--prenet=8", "--prenet-dropout=0"]
SHORT = [*SMALL, "--batch-size=2", "--epoch-samples=8", "--evaluation-samples=101", "--epochs=1", "--workers=0"]
METRIC = {"name": "validation_loss", "better": "lower", "target": -1.0}


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    with imported(FOLDER, "train", "tacotron2", "models") as (train, tacotron2, models):
        yield SimpleNamespace(train=train, tacotron2=tacotron2, models=models)


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(CASES / FOLDER / "tacotron2.case.yaml", list(builtin_vendors()))


def small(modules: Any, **changes: Any) -> Any:
    torch.manual_seed(1)
    sizes = {"symbols": 8, "bins": 4, "width": 16, "recurrent": 16, "prenet": 8, "prenet_dropout": 0.0}
    return modules.tacotron2.Tacotron2(modules.tacotron2.Sizes(**{**sizes, **changes}))


def clips(modules: Any, lengths: list[int], frames: list[int], bins: int = 4) -> Any:
    generator = torch.Generator().manual_seed(2)
    symbols = torch.randint(1, 8, (len(lengths), max(lengths)), generator=generator)
    mels = torch.randn(len(frames), max(frames), bins, generator=generator)
    batch = modules.tacotron2.Clips(symbols, torch.tensor(lengths), mels, torch.tensor(frames))
    there = modules.tacotron2.places
    return batch._replace(
        symbols=symbols * there(batch.lengths, max(lengths)),
        mels=mels * there(batch.frames, max(frames)).unsqueeze(2),
    )


def test_the_model_has_the_published_parameters(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])
    with torch.device("meta"):
        model = modules.models.MODELS["tacotron2"](modules.train.arguments())
    assert sum(parameter.numel() for parameter in model.parameters()) == 28_193_153
    assert sum(parameter.numel() for parameter in model.postnet.parameters()) == 4_348_144


def test_flops_of_a_sample_are_three_times_those_of_the_forward_pass(modules: Any, case: Case) -> None:
    """Frames cost the same each: those of 16 and of 32 tell those of 832."""
    from torch.utils.flop_counter import FlopCounterMode

    def flops(frames: int) -> int:
        symbols, lengths = torch.zeros(1, 166, dtype=torch.long, device="meta"), torch.full((1,), 166, device="meta")
        with FlopCounterMode(display=False) as counter:
            model(symbols, lengths, torch.zeros(1, frames, 80, device="meta"))
        return int(counter.get_total_flops())

    with torch.device("meta"):
        model = modules.tacotron2.Tacotron2()
    first, second = flops(16), flops(32)
    assert case.flops_per_sample == pytest.approx(3 * (first + (second - first) / 16 * (832 - 16)), rel=0.005)


def test_a_clip_is_said_the_same_beside_longer_ones(modules: Any) -> None:
    """Nothing that is padded reaches the text, the attention or the end; the last convolutions look into silence."""
    model, both = small(modules).eval(), clips(modules, [3, 9], [12, 25])
    with torch.no_grad():
        together = model(both.symbols, both.lengths, both.mels)
        single = model(both.symbols[:1, :3], both.lengths[:1], both.mels[:1, :12])
    assert torch.allclose(together.mels[:1, :12], single.mels, atol=1e-5)
    assert torch.allclose(together.ends[:1, :12], single.ends, atol=1e-5)
    assert together.refined.shape == (2, 25, 4)


def test_a_frame_is_predicted_from_those_before_it_alone(modules: Any) -> None:
    model, batch = small(modules).eval(), clips(modules, [5], [10])
    changed = batch.mels.clone()
    changed[:, 6] += 1
    with torch.no_grad():
        before, after = (model(batch.symbols, batch.lengths, mels).mels for mels in (batch.mels, changed))
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7], after[:, 7])


def test_both_directions_of_the_encoder_read_the_text_alone(modules: Any) -> None:
    """As torch's own bidirectional LSTM does on a packed text."""
    encoder = small(modules).encoder.eval()
    encoder.convolutions = torch.nn.ModuleList()
    symbols, lengths = torch.tensor([[3, 1, 4, 0, 0], [5, 2, 6, 5, 3]]), torch.tensor([3, 5])
    whole = torch.nn.LSTM(16, 8, batch_first=True, bidirectional=True)
    names = {"": encoder.onward, "_reverse": encoder.turned}
    for suffix, lstm in names.items():
        for name, weight in lstm.named_parameters():
            getattr(whole, name + suffix).data.copy_(weight)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        encoder.embedding(symbols), lengths, batch_first=True, enforce_sorted=False
    )
    expected = torch.nn.utils.rnn.pad_packed_sequence(whole(packed)[0], batch_first=True)[0]
    assert torch.allclose(encoder(symbols, lengths), expected, atol=1e-6)


def test_attention_weighs_the_text_and_sums_what_it_saw(modules: Any) -> None:
    model = small(modules).eval()
    text, absent = torch.randn(2, 4, 16), torch.tensor([[False] * 4, [False, False, True, True]])
    state = model.attention.begun(text)
    for _ in range(3):
        state = model.attention(torch.randn(2, 8), state, text, model.attention.key(text), absent)
    assert torch.allclose(state.weights.sum(1), torch.ones(2))
    assert torch.allclose(state.summed.sum(1), torch.full((2,), 3.0))
    assert state.summed[1, 2:].abs().max() == 0
    assert torch.allclose(state.seen, (state.weights.unsqueeze(2) * text).sum(1))


def test_no_part_of_the_first_state_is_anothers_tensor(modules: Any) -> None:
    """A compiler makes one more step where two are: with texts of several lengths it came to the most it makes, 8."""
    state = small(modules).attention.begun(torch.randn(2, 4, 16))
    assert len({id(part) for part in state}) == 5
    assert [part.abs().max().item() for part in state] == [0] * 5


def test_dropout_before_the_attention_stays_in_evaluation(modules: Any) -> None:
    frames = torch.ones(1, 50, 4)
    kept = small(modules, prenet_dropout=0.5).eval().heard(frames)
    whole = small(modules, prenet_dropout=0.0).eval().heard(frames)
    assert len(kept[0].unique(dim=0)) > 2
    assert len(whole[0].unique(dim=0)) == 1


def test_the_loss_is_that_of_both_mels_and_of_the_end(modules: Any) -> None:
    """By hand: errors of 1 and of 2 in all bins, and an end of which nothing is known, in one frame of two."""
    tacotron2 = modules.tacotron2
    mels = torch.zeros(1, 2, 4)
    said = tacotron2.Said(mels + 1, mels - 2, torch.zeros(1, 2))
    batch = tacotron2.Clips(torch.ones(1, 1), torch.tensor([1]), mels, torch.tensor([1]))
    assert tacotron2.errors(said, batch).tolist() == [[pytest.approx(1 + 4 + 0.693147), 0]]
    sure = said._replace(mels=mels, refined=mels, ends=torch.tensor([[-30.0, 30.0]]))
    assert tacotron2.errors(sure, batch._replace(frames=torch.tensor([2]))).sum() < 1e-6


def test_the_metric_counts_all_clips_as_long_as_the_longest(modules: Any) -> None:
    """By hand: an error of 1 in 2 + 4 frames of clips that count 4 each, whatever the batches are padded to."""
    tacotron2 = modules.tacotron2

    def batch(frames: list[int], padded: int) -> Any:
        mels = torch.zeros(len(frames), padded, 4)
        return tacotron2.Clips(torch.ones(len(frames), 1), torch.ones(len(frames)), mels, torch.tensor(frames))

    def model(symbols: Any, lengths: Any, mels: Any) -> Any:
        return tacotron2.Said(mels + 1, mels, torch.full(mels.shape[:2], -1e4).where(ends[len(mels)] == 0, 1e4))

    batches = [batch([2], 6), batch([4, 4], 5)]
    ends = {1: (torch.arange(6) >= 1).float().expand(1, 6), 2: (torch.arange(5) >= 3).float().expand(2, 5)}
    value, samples = modules.train.evaluate(model, SimpleNamespace(evaluation=lambda: batches), alone())
    assert (value, samples) == (pytest.approx((2 + 4 + 4) / (3 * 4)), 3)


def test_the_learning_rate_is_held_and_falls_exponentially(modules: Any) -> None:
    rates = [modules.train.rate(epoch, 500, 1500) for epoch in (1, 500, 1000, 1500, 9000)]
    assert rates == pytest.approx([1, 1, 0.1, 0.01, 0.01])


def test_training_lowers_the_loss_and_reaches_every_weight(modules: Any) -> None:
    model, batch = small(modules, dropout=0.0, recurrent_dropout=0.0), clips(modules, [3, 4], [12, 15])
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.01), []
    for _ in range(15):
        losses.append(modules.tacotron2.errors(model(*batch[:3]), batch).mean())
        losses[-1].backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.6 * losses[0]


def test_nothing_in_a_step_waits_for_the_card(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *SHORT])
    batches = modules.train.source(modules.train.arguments(), alone()).training(0)

    def step() -> None:
        batch = next(batches)
        modules.tacotron2.errors(model(*batch[:3]), batch).mean().backward()

    model = small(modules)
    assert waiting(step) == []


def test_a_step_of_the_attention_is_what_compile_compiles(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(type(module).__name__))
    monkeypatch.setattr(sys, "argv", ["train.py", *SHORT, "--compile"])
    monkeypatch.setattr(modules.train.loop, "begin", lambda *_, **__: alone())
    monkeypatch.setattr(modules.train.loop, "train", lambda *_, **__: None)
    modules.train.main()
    assert compiled == ["Attention"]


def test_a_data_set_has_its_own_symbols(
    modules: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--data=somewhere", "--bins=8"])
    with pytest.raises(SystemExit):
        modules.train.arguments()
    assert "--symbols and --bins: a data set has 148 and 80" in capsys.readouterr().err


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return run_on(2, FOLDER, SHORT, tmp_path_factory.mktemp("two"), told(METRIC))


def test_two_ranks_evaluate_as_one_does(two: Ended, modules: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before training, from the same seed; in blocks of 50, 50 and 1."""
    monkeypatch.setattr(sys, "argv", ["train.py", *SHORT])
    args, run = modules.train.arguments(), alone()
    torch.manual_seed(run.seed)
    model = modules.models.MODELS["tacotron2"](args).eval()
    with torch.no_grad():
        value, samples = modules.train.evaluate(model, modules.train.source(args, run), run)
    assert [(rank["samples"], rank["value"]) for rank in two.ranks] == [(samples, pytest.approx(value, rel=1e-4))] * 2
    assert samples == two.event("evaluation").samples == 101


def test_two_ranks_keep_the_same_weights(two: Ended) -> None:
    assert two.ranks[0]["weights"] == two.ranks[1]["weights"]
    assert two.event("start").generator == "spectra-1"
    assert two.event("end").status == "target_missed"
