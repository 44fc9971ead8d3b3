"""The dialect `megatron`. Lines marked "public" stand in logs that others published, the rest are made from them."""

# ruff: noqa: E501 - lines of logs as they were printed

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import Evaluation, EventError, Memory, Progress, Segment, WarmupEnd
from pytest_sixdim.core.losses import divergence
from pytest_sixdim.dialects import printed_where
from tests.dialects.printed import REPORTS, assert_bears, job, of, read

#: Public: release core 0.12 on eight cards, a line each iteration.
EIGHT = """\
[Rank 0] (after 1 iterations) memory (MB) | allocated: 10770.3779296875 | max allocated: 15754.88818359375 | reserved: 16334.0 | max reserved: 16334.0
 [2025-08-01 07:19:37] iteration        1/    5000 | consumed samples:          128 | elapsed time per iteration (ms): 19138.8 | throughput per GPU (TFLOP/s/GPU): 80.2 | learning rate: 6.976744E-08 | global batch size:   128 | lm loss: 1.043863E+01 | loss scale: 1.0 | grad norm: 26.203 | number of skipped iterations:   0 | number of nan iterations:   0 |
 [2025-08-01 07:19:50] iteration        2/    5000 | consumed samples:          256 | elapsed time per iteration (ms): 12936.1 | throughput per GPU (TFLOP/s/GPU): 118.7 | learning rate: 1.395349E-07 | global batch size:   128 | lm loss: 1.044022E+01 | loss scale: 1.0 | grad norm: 26.305 | number of skipped iterations:   0 | number of nan iterations:   0 |
""".splitlines()
#: Public: release 2.x, a line every hundred iterations, and an evaluation.
HUNDREDS = """\
 iteration     1000/    5000 | consumed samples:        16000 | elapsed time per iteration (ms): 1109.8 | learning rate: 4.617E-05 | global batch size:    16 | lm loss: 5.200860E+00 | loss scale: 262144.0 | grad norm: 1.947 | number of skipped iterations:   0 | number of nan iterations:   0 |
------------------------------------------------------------------------------------------------
 validation loss at iteration 1000 | lm loss value: 6.329505E+00 | lm loss PPL: 5.608791E+02 |
------------------------------------------------------------------------------------------------
 iteration     1100/    5000 | consumed samples:        17600 | elapsed time per iteration (ms): 1082.6 | learning rate: 8.672E-06 | global batch size:    16 | lm loss: 8.440352E+00 | loss scale: 262144.0 | grad norm: 3.089 | number of skipped iterations:   0 | number of nan iterations:   0 |
""".splitlines()
#: Public: FlagScale with torchrun's prefix, on a MetaX node.
PREFIXED = "[default7]: [2026-09-08 20:31:37.112485] iteration      561/ 7629408 | consumed samples:        17952 | elapsed time per iteration (ms): 1510.4 | throughput per GPU (TFLOP/s/GPU): 54.1 | learning rate: 3.000000E-03 | global batch size:    32 | lm loss: 4.858129E-02 | loss scale: 1.0 | grad norm: 0.027 | num zeros: 3.0 | params norm: 967.809 | number of skipped iterations:   0 | number of nan iterations:   0 |"


def line(iteration: int, *, samples: int | None = None, each: str = "(ms): 1000.0", more: str = "") -> str:
    consumed = "" if samples is None else f" consumed samples: {samples:12d} |"
    return f" iteration {iteration:8d}/  500000 |{consumed} elapsed time per iteration {each} |{more}"


def test_the_first_line_begins_and_the_next_says_how_long_its_iterations_took() -> None:
    events = read("megatron", HUNDREDS, job(REPORTS, cards=4, batch_size=4, metric="ppl"))
    [segment] = of(Segment, events)
    assert (segment.steps, segment.samples, segment.loss) == (100, 1600, 8.440352)
    assert segment.seconds == pytest.approx(108.26)


def test_iterations_and_losses_are_progress() -> None:
    events = of(Progress, read("megatron", EIGHT, job(cards=8, batch_size=16)))
    assert [(event.step, event.loss) for event in events] == [(1, 10.43863), (2, 10.44022)]
    assert events[1].speed == pytest.approx(128 / 12.9361)


def test_the_prefix_of_a_launcher_is_no_hindrance() -> None:
    assert [event.step for event in of(Progress, read("megatron", [PREFIXED], job()))] == [561]


@pytest.mark.parametrize(
    ("metric", "value"), [("lm loss", 6.329505), ("loss", 6.329505), ("ppl", 560.8791), ("perplexity", 560.8791)]
)
def test_an_evaluation_right_after_its_iteration_took_the_time_since_then(metric: str, value: float) -> None:
    lines = zip((0.0, 9.0, 9.0, 9.0, 120.0), HUNDREDS, strict=True)
    [event] = of(Evaluation, read("megatron", lines, job(metric=metric)))
    assert (event.value, event.step, event.seconds) == (pytest.approx(value), 1000, 9.0)


def test_an_evaluation_between_two_lines_has_no_known_length() -> None:
    lines = [line(100), " validation loss at iteration 150 on validation set | lm loss value: 6.3E+00 | "]
    assert [event.seconds for event in of(Evaluation, read("megatron", lines, job(metric="loss")))] == [None]


def test_samples_are_what_was_consumed_while_the_batch_grows() -> None:
    lines = [line(100, samples=1600), line(200, samples=4000)]
    [segment] = of(Segment, read("megatron", lines, job(REPORTS)))
    assert segment.samples == 2400


def test_the_oldest_lines_have_no_colons_and_no_samples() -> None:
    lines = [line(100), line(200, more=" learning rate 1.000E-04 | lm loss 7.1E+00 | loss scale 65536.0 |")]
    [segment] = of(Segment, read("megatron", lines, job(REPORTS, cards=2)))
    assert (segment.samples, segment.loss) == (100 * 128, 7.1)


@pytest.mark.parametrize(("each", "seconds"), [("(s): 1.50", 150.0), ("(ms): 1510.4/1500.2", 151.04)])
def test_other_forms_of_the_time(each: str, seconds: float) -> None:
    [segment] = of(Segment, read("megatron", [line(100, each=each), line(200, each=each)], job(REPORTS)))
    assert segment.seconds == pytest.approx(seconds)


def test_a_skipped_iteration_is_marked_and_its_loss_is_none() -> None:
    more = " loss scale: 1.0 | load_balancing_loss: 1.0E+00 | number of skipped iterations:   1 |"
    [event] = of(Progress, read("megatron", [line(3, more=more)], job()))
    assert (event.skipped, event.loss, event.diverged) == (True, None, False)


def test_iterations_of_which_only_some_were_skipped_have_a_loss_that_counts() -> None:
    more = " lm loss: 7.1E+00 | number of skipped iterations: {:3} |"
    events = [line(number, more=more.format(skips)) for number, skips in ((100, 2), (200, 99), (300, 100))]
    told = of(Progress, read("megatron", events, job()))
    assert [(event.skipped, event.loss) for event in told[1:]] == [(None, 7.1), (True, 7.1)]


def test_a_loss_that_is_left_out_was_not_finite() -> None:
    """Megatron prints a mean loss only where it is above 0, which NaN is not."""
    more = " loss scale: 1.0 | number of skipped iterations:   0 | number of nan iterations:   0 |"
    lines = [line(1, more=" lm loss: 7.1E+00 |" + more), *[line(number, more=more) for number in (2, 3, 4)]]
    events = read("megatron", lines, job())
    assert [event.diverged for event in of(Progress, events)] == [False, True, True, True]
    assert divergence(events) == "the loss was not finite in 3 consecutive reports"


def test_a_log_that_never_has_a_loss_has_not_diverged() -> None:
    events = read("megatron", [line(number) for number in (1, 2, 3, 4)], job())
    assert not any(event.diverged for event in events)


def test_a_loss_that_is_not_finite_has_diverged() -> None:
    assert of(Progress, read("megatron", [line(3, more=" lm loss: nan |")], job()))[0].diverged


def test_an_iteration_that_comes_again_begins_anew() -> None:
    events = read("megatron", [line(100), line(200), line(100), line(200)], job(REPORTS))
    assert [segment.steps for segment in of(Segment, events)] == [100, 100]


def test_warmup_is_counted_in_iterations() -> None:
    measure = Measure(warmup_steps=150, steady=False, segment_steps=100, segment_seconds=0.0)
    events = read("megatron", [line(number) for number in range(100, 600, 100)], job(measure))
    assert [event.step for event in of(WarmupEnd, events)] == [200]
    assert [segment.steps for segment in of(Segment, events)] == [100, 100]


def test_the_frameworks_peaks_are_in_mebibytes() -> None:
    [memory] = of(Memory, read("megatron", EIGHT, job()))
    assert (memory.peak_allocated, memory.peak_reserved) == (int(15754.88818359375 * 2**20), 16334 * 2**20)


def test_an_iteration_without_its_time_is_a_broken_line() -> None:
    with pytest.raises(EventError, match="no elapsed time per iteration"):
        read("megatron", [" iteration      100/  500000 | consumed samples:        51200 | lm loss: 7.1E+00 |"], job())


def test_the_last_rank_prints_to_stdout() -> None:
    assert printed_where("megatron") == ("stdout", "last")


def test_recorded_lines_have_their_own_stamps() -> None:
    events = of(Progress, read("megatron", EIGHT, job(recorded=True)))
    assert events[1].t - events[0].t == 13.0


PIECES = st.sampled_from([*EIGHT, *HUNDREDS, PREFIXED, line(7, samples=9), line(5, each="(ms): nan"), line(0)])


@given(st.lists(st.one_of(PIECES, st.text(max_size=60), st.tuples(PIECES, st.text(max_size=9)).map("".join))))
def test_whatever_is_printed_gives_events_or_a_broken_line(lines: list[str]) -> None:
    assert_bears("megatron", lines, job(REPORTS, metric="loss"))
