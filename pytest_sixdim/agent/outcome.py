"""How a run ended, from all that was seen of it: status, the rank that failed first, and one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pytest_sixdim.agent.causes import Lines, launcher_sentence, only_noticed, ran_out_of_memory, sentence
from pytest_sixdim.agent.faults import PROGRAM, Whose, fault_of, port_taken, said_of_card
from pytest_sixdim.agent.logs import TAIL_LINES
from pytest_sixdim.agent.order import CardTexts
from pytest_sixdim.agent.ranks import RankProcess
from pytest_sixdim.agent.stopping import Stop
from pytest_sixdim.core.events import End
from pytest_sixdim.core.records import FINISHED, RunResult

#: Ends that are always the same one's fault.
ALWAYS: Mapping[str, Whose] = {"launch_error": "host", "card_lost": "device"}


@dataclass(frozen=True)
class Seen:
    """All that decides an outcome.

    Attributes:
        ranks: the processes of the ranks that started.
        lines: the last lines of each rank.
        launcher_code: the launcher's exit code, negative for a signal; None where it would not end.
        launcher_lines: the last lines that it printed itself.
        stop: why the agent ended the run; None where it ended by itself.
        window_complete: when the last counted segment of a window run came (monotonic s); None in a full run.
        end: the program's own end.
        reports_end: whether its dialect has one.
        diverged: in what way training went astray.
        last_metric_lost: whether the last evaluation was not finite.
        oom_killed: whether the kernel's OOM killer was at work meanwhile.
        card_texts: what means a lost card, a device error, a card that is taken.
        trained: whether any rank had reported anything of its training.
        mark: what stands in every line with an event, where its dialect has such.
    """

    ranks: Mapping[int, RankProcess]
    lines: Mapping[int, Lines]
    launcher_code: int | None = 0
    launcher_lines: Lines = ()
    stop: Stop | None = None
    window_complete: float | None = None
    end: End | None = None
    reports_end: bool = True
    diverged: str | None = None
    last_metric_lost: bool = False
    oom_killed: bool = False
    card_texts: CardTexts = field(default_factory=CardTexts)
    trained: bool = False
    mark: str | None = None

    def said_by(self, process: RankProcess) -> Lines:
        """The last lines of a rank."""
        return self.lines.get(process.rank, ())


def outcome(seen: Seen) -> RunResult:
    """The result of a run, without its times.

    Of a rank's failure only what came before the agent's stop counts, and in a window run only what came before the
    last counted segment: afterwards the run may be ended anyway. In a full run a crash after `end` is still a crash.
    """
    stop = seen.stop
    failures = [process for process in seen.ranks.values() if process.failed]
    in_time = [process for process in failures if _end_time(process) < _as_good_as_over(seen)]
    if stop is not None and stop.kind in ("cancelled", "timeout", "stalled", "diverged") and not in_time:
        return _result(seen, stop.kind, stop.message, ended_by="user" if stop.kind == "cancelled" else "agent")
    if seen.diverged is not None:
        return _result(seen, "diverged", seen.diverged)
    if not seen.ranks:
        taken = port_taken(seen.launcher_lines)
        launcher = launcher_sentence(seen.launcher_code, seen.launcher_lines)
        message = f"no rank started; {launcher}"
        return _result(seen, "launch_error", f"{taken}: {message}" if taken else message)
    if in_time:
        return _failure(seen, in_time)
    if seen.window_complete is not None:
        late = min(failures, key=_end_time, default=None) if stop is None else None
        then = f"; then {sentence(late, seen.said_by(late))}" if late else ""
        return _result(seen, "completed", f"the last counted segment came{then}", ended_by=_ended_by(stop))
    return _by_itself(seen)


def _failure(seen: Seen, failures: list[RankProcess]) -> RunResult:
    """A rank failed. A peer that only noticed may well have ended first; it is not the cause."""
    first = min(failures, key=lambda process: (only_noticed(process, seen.said_by(process)), _end_time(process)))
    lines = seen.said_by(first)
    left = _first_to_leave(seen)
    if left is not None and seen.end is None and _end_time(left) < _end_time(first) and only_noticed(first, lines):
        return _left_early(seen, left, f"; then {sentence(first, lines)}")
    lost = [said_of_card(seen.said_by(process), seen.card_texts.lost) for process in failures]
    how = sentence(first, lines)
    if seen.end is not None and seen.end.status == "target_missed":  # no other attempt may do better
        return _result(seen, "crashed", f"the program said 'target_missed'; then {how}", first)
    if any(lost):
        return _result(seen, "card_lost", how, first)
    if ran_out_of_memory(first, lines, seen.oom_killed):
        return _result(seen, "out_of_memory", how, first)
    fault = fault_of(lines or seen.launcher_lines, seen.card_texts, trained=seen.trained, mark=seen.mark)
    if seen.last_metric_lost:
        fault = PROGRAM
    if fault.launch and (taken := port_taken(seen.launcher_lines)) is not None:
        fault = replace(fault, what=taken)
    message = f"{fault.what}: {how}" if fault.what else how
    return _result(seen, "launch_error" if fault.launch else "crashed", message, first, fault=fault.whose)


def _by_itself(seen: Seen) -> RunResult:
    """No rank failed in time: the program's word decides."""
    stop, end, left = seen.stop, seen.end, _first_to_leave(seen)
    lost = next((process for process in seen.ranks.values() if process.ended is None), None)
    if stop is not None and stop.kind == "left" and left is not None:
        return _left_early(seen, left)
    if end is None and stop is None and lost is not None:
        # Something ended the rank together with its wrapper, which would have said how.
        launcher = launcher_sentence(seen.launcher_code, seen.launcher_lines)
        status = "out_of_memory" if seen.oom_killed else "crashed"
        return _result(seen, status, f"rank {lost.rank} ended without a trace; {launcher}", lost)
    if end is None and seen.reports_end:
        return _result(seen, "no_end", "the program ended without saying so: no 'end' event")
    if end is not None and end.status == "failed":
        return _result(seen, "crashed", "the program said that it failed")
    if seen.last_metric_lost:
        return _result(seen, "diverged", "the last evaluation was not finite")
    status = "target_missed" if end is not None and end.status == "target_missed" else "completed"
    said = f"the program said {end.status!r}" if end is not None else "all ranks ended with exit code 0"
    return _result(seen, status, f"{said}; {stop.message}" if stop else said, ended_by=_ended_by(stop))


def _left_early(seen: Seen, left: RankProcess, then: str = "") -> RunResult:
    message = f"rank {left.rank} ended with exit code 0 in the middle of training, before its peers{then}"
    return _result(seen, "crashed", message, left)


def _first_to_leave(seen: Seen) -> RankProcess | None:
    """The first rank that ended with exit code 0."""
    return min((process for process in seen.ranks.values() if process.left), key=_end_time, default=None)


def _end_time(process: RankProcess) -> float:
    return math.inf if process.ended is None else process.ended


def _as_good_as_over(seen: Seen) -> float:
    """The instant after which a rank's failure is no failure of the run."""
    instants = [seen.stop.at if seen.stop is not None else None, seen.window_complete]
    return min((instant for instant in instants if instant is not None), default=math.inf)


def _ended_by(stop: Stop | None) -> Literal["program", "agent"]:
    return "program" if stop is None else "agent"


def _result(
    seen: Seen,
    status: str,
    message: str,
    process: RankProcess | None = None,
    ended_by: Literal["program", "agent", "user"] = "program",
    fault: Whose = PROGRAM.whose,
) -> RunResult:
    """With the last lines of the rank that it is about, else of the first that printed any, else of the launcher."""
    no_fault = status in FINISHED or status == "cancelled"
    ranks = sorted(seen.lines) if process is None else [process.rank]
    tails = [*(seen.lines.get(rank, ()) for rank in ranks), seen.launcher_lines]
    return RunResult(
        status=status,
        ended_by=ended_by,
        message=message,
        rank=process.rank if process is not None else None,
        exit_code=process.exit_code if process is not None else None,
        signal=process.signal if process is not None else None,
        log_tail=next((lines for lines in tails if lines), ())[-TAIL_LINES:],
        fault=None if no_fault else ALWAYS.get(status, fault),
    )
