"""From what was seen to what is said: every rule, without a process."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_sixdim.agent.order import CardTexts
from pytest_sixdim.agent.outcome import Seen, outcome
from pytest_sixdim.agent.ranks import RankProcess
from pytest_sixdim.agent.stopping import Stop
from pytest_sixdim.core.events import End
from pytest_sixdim.core.records import STATUSES, RunResult

GLOO = "RuntimeError: [../gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:24715"
NCCL = "ncclRemoteError: A call failed possibly due to a network error or a remote process exited prematurely."

#: PaddlePaddle 3.3, whose peer was killed.
PADDLE = (
    "RuntimeError: [/paddle/third_party/gloo/gloo/transport/tcp/pair.cc:584] TIMEOUT self_rank = 0 pair_rank = 1 "
    "peer_str = [127.0.0.1]:59573"
)


def rank(number: int, ended: float | None = None, exit_code: int | None = 0, signal: str | None = None) -> RankProcess:
    return RankProcess(number, 1000 + number, 1.0, ended, None if signal or ended is None else exit_code, signal)


def end(status: str = "success") -> End:
    return End(t=9.0, seen=9.0, status=status)


def result(*ranks: RankProcess, lines: dict[int, tuple[str, ...]] | None = None, **seen: Any) -> RunResult:
    found = outcome(Seen(ranks={process.rank: process for process in ranks}, lines=lines or {}, **seen))
    assert found.status in STATUSES
    return found


BOTH = (rank(0, 10.0), rank(1, 10.0))


def test_the_programs_word_decides_where_no_rank_failed() -> None:
    assert result(*BOTH, end=end()).status == "completed"
    assert result(*BOTH, end=end("target_missed")).status == "target_missed"
    assert result(*BOTH, end=end("failed")).status == "crashed"
    assert result(*BOTH).status == "no_end"
    assert result(*BOTH, reports_end=False).status == "completed"


def test_a_full_run_that_crashes_after_its_end_has_crashed() -> None:
    crashed = result(rank(0, 10.0), rank(1, 11.0, signal="SIGSEGV"), end=end())
    assert (crashed.status, crashed.message) == ("crashed", "rank 1 was killed by SIGSEGV")


def test_a_window_run_that_crashes_after_its_last_segment_is_completed_and_says_so() -> None:
    late = result(rank(0, 10.0), rank(1, 11.0, signal="SIGSEGV"), window_complete=9.0)
    assert (late.status, late.message) == (
        "completed",
        "the last counted segment came; then rank 1 was killed by SIGSEGV",
    )
    assert result(rank(0, 8.0, 1), rank(1, 11.0, signal="SIGTERM"), window_complete=9.0).status == "crashed"


def test_what_the_agent_did_to_the_ranks_is_not_their_failure() -> None:
    killed = (rank(0, 12.1, signal="SIGTERM"), rank(1, 12.2, signal="SIGTERM"))
    for kind, status in [("timeout", "timeout"), ("stalled", "stalled"), ("cancelled", "cancelled")]:
        assert result(*killed, stop=Stop(kind, 12.0, "why")).status == status
    assert result(*killed, stop=Stop("window", 12.0, "why"), window_complete=10.0).status == "completed"
    assert result(*killed, stop=Stop("ended", 12.0, "it stayed"), end=end()).message == (
        "the program said 'success'; it stayed"
    )


def test_a_crash_before_the_agents_stop_is_still_a_crash() -> None:
    for kind in ("cancelled", "timeout", "stalled", "failed"):
        stopped = result(rank(0, 5.0, 3), rank(1, 12.1, signal="SIGTERM"), stop=Stop(kind, 12.0, "why"))
        assert (stopped.status, stopped.rank, stopped.exit_code) == ("crashed", 0, 3)


@pytest.mark.parametrize("symptom", [GLOO, NCCL, PADDLE, "Connection reset by peer"])
def test_the_earliest_failure_that_is_not_a_peers_echo_is_the_cause(symptom: str) -> None:
    lines = {0: ("step 1", symptom), 1: ("Traceback (most recent call last):", "ValueError: boom")}
    assert result(rank(0, 5.0, 1), rank(1, 5.4, 1), lines=lines).rank == 1


def test_a_rank_that_was_told_to_end_is_not_the_cause() -> None:
    assert result(rank(0, 5.0, signal="SIGTERM"), rank(1, 5.1, signal="SIGKILL")).rank == 1
    assert result(rank(0, 5.0, signal="SIGTERM"), rank(1, 5.1, signal="SIGTERM")).rank == 0


def test_of_two_causes_the_earlier_counts() -> None:
    assert result(rank(0, 5.1, 2), rank(1, 5.0, 3)).rank == 1


def test_a_rank_that_left_is_the_cause_where_its_peers_only_lost_their_connection() -> None:
    left = (rank(0, 5.0), rank(1, 6.0, 1))
    assert result(*left, lines={1: (GLOO,)}).rank == 0
    assert result(*left, lines={1: ("ValueError: own fault",)}).rank == 1
    assert result(*left, lines={1: (GLOO,)}, end=end()).rank == 1
    assert result(rank(0, 7.0), rank(1, 6.0, 1), lines={1: (GLOO,)}).rank == 1


@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes",
        "RuntimeError: NPU out of memory. Tried to allocate 20.00 MiB",
        "MemoryError",
        "terminate called after throwing an instance of 'std::bad_alloc'",
    ],
)
def test_memory_that_ran_out_is_recognised(line: str) -> None:
    assert result(rank(0, 5.0, 1), lines={0: (line,)}).status == "out_of_memory"
    assert result(rank(0, 5.0, 1), rank(1, 4.0, 1), lines={0: (line,)}).status == "crashed"


def test_sigkill_is_out_of_memory_only_where_the_kernel_says_so() -> None:
    killed = rank(0, 5.0, signal="SIGKILL")
    assert result(killed, oom_killed=True).status == "out_of_memory"
    assert result(killed).status == "crashed"
    assert result(rank(0, 5.0, 1), oom_killed=True).status == "crashed"
    worker = {0: ("RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.",)}
    assert result(rank(0, 5.0, 1), lines=worker, oom_killed=True).status == "out_of_memory"
    assert result(rank(0, 5.0, 1), lines=worker).status == "crashed"


def test_a_lost_card_is_recognised_in_any_failed_rank() -> None:
    lines = {0: ("ValueError: x",), 1: ("RuntimeError: NPU error, device lost 507018",)}
    failed = (rank(0, 5.0, 1), rank(1, 5.1, 1))
    assert result(*failed, lines=lines, card_texts=CardTexts(("507018",))).status == "card_lost"
    assert result(*failed, lines=lines, card_texts=CardTexts(("999",))).status == "crashed"
    assert result(*BOTH, lines=lines, card_texts=CardTexts(("507018",)), end=end()).status == "completed"


def test_divergence_goes_before_the_crash_that_follows_it() -> None:
    assert result(rank(0, 5.0, 1), diverged="the loss was not finite").status == "diverged"
    stopped = result(
        rank(0, 5.1, signal="SIGTERM"), diverged="the loss", stop=Stop("diverged", 5.0, "the loss was not finite")
    )
    assert (stopped.status, stopped.ended_by, stopped.message) == ("diverged", "agent", "the loss was not finite")


def test_a_last_evaluation_that_is_not_finite_is_divergence_unless_the_run_crashed() -> None:
    assert result(*BOTH, end=end(), last_metric_lost=True).status == "diverged"
    assert result(rank(0, 5.0, 1), last_metric_lost=True).status == "crashed"


def test_no_rank_is_a_launch_error_unless_somebody_stopped_it() -> None:
    failed = result(launcher_code=1, launcher_lines=("python: Error while finding module specification",))
    assert failed.status == "launch_error"
    assert failed.message == (
        "no rank started; the launcher ended with code 1: python: Error while finding module specification"
    )
    assert result(stop=Stop("cancelled", 1.0, "why")).status == "cancelled"
    assert result(launcher_code=None).message == "no rank started; the launcher did not end"


def test_a_rank_without_an_end_was_lost_with_the_launcher() -> None:
    lost = result(rank(0), rank(1), launcher_code=-9)
    assert (lost.status, lost.rank) == ("crashed", 0)
    assert lost.message == "rank 0 ended without a trace; the launcher was killed by signal 9"
    assert result(rank(0), launcher_code=-9, oom_killed=True).status == "out_of_memory"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("Traceback (most recent call last):", "ValueError: boom"), "rank 0 exited with code 1: ValueError: boom"),
        (("[rank0]: torch.cuda.Odd.OddError: x",), "rank 0 exited with code 1: torch.cuda.Odd.OddError: x"),
        (("ValueError: boom", "  more of it", "step 5"), "rank 0 exited with code 1: ValueError: boom"),
        (("train.py: error: unrecognized arguments: --x",) * 2, "rank 0 exited with code 1: train.py: error: "),
        (("step 5", "all well"), "rank 0 exited with code 1"),
        (("ValueError: long ago", *["step"] * 60), "rank 0 exited with code 1"),
        (("ValueError: " + "x" * 1000,), "rank 0 exited with code 1: ValueError: xxx"),
        ((), "rank 0 exited with code 1"),
    ],
)
def test_the_message_ends_with_the_last_exception(lines: tuple[str, ...], message: str) -> None:
    said = result(rank(0, 5.0, 1), lines={0: lines}).message
    assert said.startswith(message)
    assert len(said) < 340
    assert (":" in message) == (":" in said)


def test_an_abort_is_told_with_the_exception_that_led_to_it_and_other_signals_without() -> None:
    lines = {0: ("[rank0]: ValueError: boom", "terminate called without an active exception")}
    assert (
        result(rank(0, 5.0, signal="SIGABRT"), lines=lines).message == "rank 0 was killed by SIGABRT: ValueError: boom"
    )
    assert result(rank(0, 5.0, signal="SIGKILL"), lines=lines).message == "rank 0 was killed by SIGKILL"


def test_the_tail_is_the_failed_ranks_else_the_first_that_printed_else_the_launchers() -> None:
    lines = {0: ("a",), 1: tuple(map(str, range(60)))}
    assert result(rank(0, 6.0), rank(1, 5.0, 1), lines=lines).log_tail == tuple(map(str, range(20, 60)))
    assert result(*BOTH, lines=lines, end=end()).log_tail == ("a",)
    assert result(*BOTH, lines={0: (), 1: ()}, launcher_lines=("torchrun",)).log_tail == ("torchrun",)
