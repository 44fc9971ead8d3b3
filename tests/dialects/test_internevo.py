"""The dialect `internevo`. Lines marked "public" stand in logs that others published, the rest are made from them."""

# ruff: noqa: E501 - lines of logs as they were printed

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.events import Evaluation, EventError, Progress, Segment
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects import make_dialect, printed_where
from tests.dialects.printed import REPORTS, assert_bears, job, of, read

#: Public: InternLM-7B on eight A100 cards.
STEPS = """\
2023-07-07 12:28:27,826\tINFO hybrid_zero_optim.py:295 in _partition_param_list -- Number of elements on ranks: [907415552, 907411456, 910163968, 910163968, 921698304, 921698304, 921698304, 921698304], rank:0
2023-07-07 12:28:57,802\tINFO train.py:323 in record_current_batch_training_metrics -- tflops=63.27010355651958,step=0,loss=11.634403228759766,tgs (tokens/gpu/second)=1424.64,lr=4.0000000000000003e-07,loss_scale=65536.0,grad_norm=63.672620777841004,micro_num=4,num_consumed_tokens=131072,inf_nan_skip_batches=0,num_samples_in_batch=19,largest_length=2048,largest_batch=5,smallest_batch=4,adam_beta2=0.95,fwd_bwd_time=6.48
2023-07-07 12:29:01,636\tINFO train.py:323 in record_current_batch_training_metrics -- tflops=189.83371103277346,step=1,loss=11.613704681396484,tgs (tokens/gpu/second)=4274.45,lr=6.000000000000001e-07,loss_scale=65536.0,grad_norm=65.150786641452,micro_num=4,num_consumed_tokens=262144,inf_nan_skip_batches=0,num_samples_in_batch=16,largest_length=2048,largest_batch=5,smallest_batch=3,adam_beta2=0.95,fwd_bwd_time=3.67
""".splitlines()
#: Public: a later release.
SPACED = "2024-03-27 17:03:42,047 INFO training_internlm.py:599 in record_current_batch_training_metrics -- tflops=180.4572540886346 step=19 loss=0.005358175374567509 tgs (tokens/gpu/second)=3345.72 tgs/last_tgs_1=3345.74 tgs/tgs_all=2958.36 tgs/tgs_avg=3149.53 tgs/tgs_SMA=2958.36 tgs/last_tgs_10=3339.47 tgs/last_tgs_50=0 lr=1e-05 loss_scale=65536.0 grad_norm={'0_default': 0.01974448980463596, '1_fp32': 0.0} micro_num=4 num_consumed_tokens=10485760 inf_nan_skip_batches=0 num_samples_in_batch=12 largest_length=2672 largest_batch=4 smallest_batch=2 adam_beta2=0.95 fwd_bwd_time=4.13 acc=0.9992 perplexity=1.0075 acc/en=0.9992 acc/cn=0.0 acc/code=0.0 tokens/en=489165 tokens/cn=0 tokens/code=0 loss_from_metric=0.0075 loss/en=0.0075 loss/cn=nan loss/code=nan "
VALIDATION = "INFO evaluation.py:130 in evaluate_on_val_dls -- Validation on en: step=1 val/en_loss=2.5 val/en_acc=0.41 val/en_plex=12.1"


def test_tokens_and_their_rate_give_samples_and_seconds() -> None:
    run = job(REPORTS, cards=8, batch_size=8, recorded=True)
    first, second = of(Segment, read("internevo", STEPS, run, tokens_per_sample=2048))
    assert first.seconds == pytest.approx(131072 / (1424.64 * 8))
    assert (second.steps, second.samples) == (1, 64)
    assert second.seconds == pytest.approx(131072 / (4274.45 * 8))
    assert second.seconds == pytest.approx(3.834, abs=0.002)  # as far as the stamps of the lines are apart


def test_every_step_is_progress_with_the_jobs_speed() -> None:
    events = of(Progress, read("internevo", [*STEPS, SPACED], job(cards=8), tokens_per_sample=2048))
    assert [(event.step, event.loss) for event in events] == [
        (0, 11.634403228759766),
        (1, 11.613704681396484),
        (19, 0.005358175374567509),
    ]
    assert events[2].speed == pytest.approx(3345.72 * 8 / 2048)


def test_a_batch_whose_update_was_left_out_is_marked() -> None:
    lines = [STEPS[1], STEPS[2].replace("skip_batches=0", "skip_batches=1").replace("11.613704681396484", "nan")]
    _, event = of(Progress, read("internevo", lines, job(), tokens_per_sample=2048))
    assert (event.skipped, event.loss, event.diverged) == (True, None, True)


def test_tokens_that_make_no_whole_samples_are_counted_in_steps() -> None:
    _, second = of(Segment, read("internevo", STEPS, job(REPORTS, cards=8, recorded=True), tokens_per_sample=1000))
    assert second.samples == 8 * 64


@pytest.mark.parametrize(("metric", "value"), [("loss", 2.5), ("accuracy", 0.41), ("perplexity", 12.1)])
def test_a_validation_is_an_evaluation(metric: str, value: float) -> None:
    lines = [(0.0, STEPS[1]), (4.0, STEPS[2]), (9.0, VALIDATION)]
    [event] = of(Evaluation, read("internevo", lines, job(metric=metric), tokens_per_sample=2048))
    assert (event.value, event.step, event.seconds) == (value, 1, 5.0)


def test_the_validation_of_another_set_is_no_evaluation_of_the_metric() -> None:
    options = {"tokens_per_sample": 2048, "metric": "val/en_acc"}
    lines = [(0.0, STEPS[1]), (4.0, STEPS[2]), (6.0, VALIDATION.replace("en", "cn")), (9.0, VALIDATION)]
    told = of(Evaluation, read("internevo", lines, job(), **options))
    assert [(e.metric, e.value, e.seconds) for e in told] == [
        ("val/cn_loss of cn", 2.5, 2.0),
        ("accuracy", 0.41, 3.0),
    ]


def test_of_several_sets_the_first_one_counts() -> None:
    other = VALIDATION.replace("en", "cn").replace("2.5", "1.5")
    told = of(Evaluation, read("internevo", [VALIDATION, other] * 2, job(metric="loss"), tokens_per_sample=2048))
    assert [(e.metric, e.value) for e in told] == [("loss", 2.5), ("loss of cn", 1.5)] * 2


def test_a_line_that_is_missing_leaves_its_step_in() -> None:
    lines = [STEPS[1], STEPS[2].replace("step=1,", "step=2,").replace("262144", "393216")]
    _, second = of(Segment, read("internevo", lines, job(REPORTS, cards=8, recorded=True), tokens_per_sample=2048))
    assert (second.steps, second.samples) == (2, 128)


@pytest.mark.parametrize("options", [{}, {"tokens_per_sample": 0}, {"tokens_per_sample": "2k"}])
def test_the_tokens_of_a_sample_must_be_said(options: dict[str, object]) -> None:
    with pytest.raises(OptionError) as refused:
        make_dialect("internevo", options)
    assert refused.value.option == "tokens_per_sample"


@pytest.mark.parametrize("tgs", ["0.0", "nan", "-1"])
def test_a_step_without_a_speed_is_a_broken_line(tgs: str) -> None:
    with pytest.raises(EventError, match="no step or no speed"):
        read("internevo", [STEPS[1].replace("1424.64", tgs)], job(), tokens_per_sample=2048)


def test_whichever_rank_prints_is_read() -> None:
    assert printed_where("internevo") == ("both", "all")


PIECES = st.sampled_from([*STEPS, SPACED, VALIDATION, "tgs (tokens/gpu/second)=1e999,step=1", "Validation on x: "])


@given(st.lists(st.one_of(PIECES, st.text(max_size=60), st.tuples(PIECES, st.text(max_size=9)).map("".join))))
def test_whatever_is_printed_gives_events_or_a_broken_line(lines: list[str]) -> None:
    assert_bears("internevo", lines, job(REPORTS), tokens_per_sample=2048)
