"""Carries out an order: launches, watches, ends every process, writes the result."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from pytest_sixdim.agent.cancellation import Cancellation
from pytest_sixdim.agent.causes import Lines
from pytest_sixdim.agent.command import Prepared, prepare, ship
from pytest_sixdim.agent.course import Course
from pytest_sixdim.agent.ending import end_descendants
from pytest_sixdim.agent.faults import Whose
from pytest_sixdim.agent.logs import Batch, RankLogs, file_tail
from pytest_sixdim.agent.not_started import without_module, without_program
from pytest_sixdim.agent.order import Order, OrderError
from pytest_sixdim.agent.outcome import Seen, outcome
from pytest_sixdim.agent.processes import (
    adopt_orphans,
    end_with_this_process,
    job_mark,
    oom_kills,
    reap,
    scratch_prefix,
)
from pytest_sixdim.agent.ranks import RankProcesses
from pytest_sixdim.agent.recorder import SCHEMA, EventLog, complaint, settle, write_atomically
from pytest_sixdim.agent.sampling import Sampling
from pytest_sixdim.agent.stopping import Stop, reason_to_stop
from pytest_sixdim.core.events import Evaluation, Event, event_from, event_record
from pytest_sixdim.core.records import RunResult
from pytest_sixdim.core.registry import RegistryError
from pytest_sixdim.dialects import Dialect, make_dialect
from pytest_sixdim.dialects.sixdim import SixdimDialect

#: Seconds between two looks at the logs (an event is stamped when it is seen), and at the processes.
POLL, LOOK = 0.05, 0.1
#: An event that may have been printed more than this (s) before it was seen says so.
LATE = 0.1
#: A host that was suspended for less than this (s) was not: its two clocks are not read at once.
SLEPT = 1.0
#: Seconds that the launcher has to end once it is told to; what is left then is killed.
GRACE = 2.0


def carry_out(order: Order) -> RunResult:
    """Run the order from launch to result.json; to be called in the main thread.

    Raises OrderError where nothing could be launched, OSError where records could not be written. Whatever happens, no
    process of the run is left.
    """
    adopt_orphans()
    os.environ["SIXDIM_JOB"] = job_mark()  # of a sampler's tools too, which would outlive an agent that is killed
    cancellation = Cancellation()
    dialect = _dialect(order)
    if order.directory_of_program is not None and not order.directory_of_program.is_dir():
        raise OrderError(f"'directory': no such directory: {order.directory_of_program}")
    with ExitStack() as stack:
        try:
            for directory in (order.directory / "work", order.node / "logs", order.node / "ranks"):
                directory.mkdir(parents=True, exist_ok=True)
            events = EventLog(order.node / "events.jsonl")
            shipped = stack.enter_context(tempfile.TemporaryDirectory(prefix=scratch_prefix()))
            ship(Path(shipped))
        except OSError as error:
            raise OrderError(complaint(error)) from error
        prepared = prepare(order, Path(shipped), job_mark(), os.environ)
        stack.callback(prepared.launch.close)
        started_unix = time.time()
        launcher = _launch(order, prepared)
        try:
            result = Supervisor(order, prepared, launcher, dialect, events, cancellation).supervise()
        finally:
            end_descendants(launcher)
    record = {"schema": SCHEMA, **asdict(result), "started_unix": started_unix, "event_lines": events.lines}
    write_atomically(order.directory / "result.json", record)
    settle(order.directory)
    return result


def launch_error(message: str) -> RunResult:
    """The result of an order that could not be carried out."""
    return RunResult(status="launch_error", ended_by="agent", message=message, fault="host")


def unrecorded(problem: str, status: str | None = None) -> RunResult:
    """The result of a run whose records could not be written: nobody knows it whole.

    status: what it would have had. A model that has failed gets no other attempt.
    """
    message = f"its records could not be written: {problem}"
    fault: Whose = "program" if status in ("diverged", "target_missed") else "host"
    return RunResult(status="crashed", ended_by="agent", message=message, fault=fault)


class Supervisor:
    """Watches one launch until it is over."""

    def __init__(
        self,
        order: Order,
        prepared: Prepared,
        launcher: subprocess.Popen[bytes],
        dialect: Dialect,
        events: EventLog,
        cancellation: Cancellation,
    ) -> None:
        self._order = order
        self._launch = prepared.launch
        self._launcher = launcher
        self._dialect = dialect
        self._dialects: dict[int, Dialect] = {}  # by rank: what one rank says is no news of another
        self._checked = type(dialect) is SixdimDialect  # its events come from event_from; others' may hold anything
        self._mark: str | None = getattr(dialect, "mark", None)
        self._events = events
        self._cancellation = cancellation
        self._launched = time.monotonic()
        self._asleep = asleep()
        self._oom_kills = oom_kills()
        self._logs = RankLogs(order)
        self._ranks = RankProcesses(order.node / "ranks", order.ranks)
        self._course = Course(order.segments)
        self._sampling = Sampling(order)

    def supervise(self) -> RunResult:
        """Watch the run, end it, and say how it ended."""
        self._sampling.start()
        stop = self._watch()
        sampler = self._sampling.stop()  # first, because a sampler may have a process of its own
        stayed = self._end_processes()
        now = time.monotonic()
        self._ranks.poll()
        self._take(self._logs.finish())
        self._events.close()
        seen = self._seen(stop)
        result = without_program(self._order, outcome(seen))
        result = without_module(self._order, self._launch.module, seen, result)
        if self._events.problem is not None and result.status != "cancelled":
            result = unrecorded(self._events.problem, result.status)
        if stayed:
            result = replace(result, message=f"{result.message}; processes that could not be killed: {stayed}")
        slept = asleep() - self._asleep
        return replace(
            result,
            seconds=now - self._launched,
            slept_seconds=slept if slept > SLEPT else 0.0,
            sampler=sampler,
            events=self._left_out(),
        )

    def _left_out(self) -> Mapping[str, Mapping[str, int]]:
        """What of the run's output is not in events.jsonl (`events` of result.json)."""
        counts = {"bytes": self._logs.unread, "files": int(self._logs.unread_files)}
        unread = {name: count for name, count in counts.items() if count}
        return {**self._events.left_out(), **({"unread": unread} if unread else {})}

    def _watch(self) -> Stop | None:
        """Until the launcher ends, or the agent has a reason to end the run."""
        look = 0.0
        while True:
            self._take(self._logs.read())
            now = time.monotonic()
            if now >= look:
                look = now + LOOK
                if self._launcher.poll() is not None:
                    return None
                reap(but=self._launcher.pid)
                self._ranks.poll()
                stop = self._reason_to_stop(now)
                if stop is not None:
                    return stop
            self._cancellation.wait(0.0 if self._logs.behind else POLL)

    def _reason_to_stop(self, now: float) -> Stop | None:
        if self._events.problem is not None:
            return Stop("unrecorded", now, self._events.problem)
        return reason_to_stop(
            now,
            self._order,
            launched=self._launched,
            cancelled=self._cancellation.reason,
            last_sign=self._logs.last_sign,
            course=self._course,
            ranks=self._ranks.known,
            reports_end=self._dialect.reports_end,
        )

    def _take(self, batches: Iterable[Batch]) -> None:
        """Record the events of new lines."""
        for rank, seen, late, lines in batches:
            for line in lines if self._mark is None else [line for line in lines if self._mark in line]:
                error = self._take_line(line, rank=rank, seen=seen, late=late)
                if error is not None:
                    self._events.malformed(line, error, seen=seen, rank=rank)

    def _take_line(self, line: str, *, rank: int, seen: float, late: float) -> Exception | None:
        """Record the events of a line; returns what is wrong with it, if anything."""
        events: list[Event] = []
        error: Exception | None = None
        try:
            for event in self._of_rank(rank).read(line, seen=seen, rank=rank):
                events.append(event if self._checked else event_from(event_record(event), seen=seen, rank=rank))
        except Exception as raised:  # whatever a dialect makes of a strange line, the run goes on
            error = raised
        for event in events:
            known = replace(event, late=round(late, 3)) if late > LATE else event
            self._events.event(known)
            self._course.take(known)
            if self._course.timed:
                self._sampling.hurry()
            if isinstance(known, Evaluation) and known.seconds is not None:
                self._sampling.evaluated(known.t - known.seconds, known.t)
            if self._course.window_complete is not None:
                self._sampling.relax()
        return error

    def _of_rank(self, rank: int) -> Dialect:
        if rank not in self._dialects:
            self._dialects[rank] = _dialect(self._order) if self._dialects else self._dialect
        return self._dialects[rank]

    def _end_processes(self) -> list[int]:
        """End all that is left of the run; returns those that would not go."""
        self._launcher.terminate()
        try:
            self._launcher.wait(GRACE)
        except subprocess.TimeoutExpired:
            pass
        stayed = end_descendants(self._launcher)
        self._launcher.poll()
        return stayed

    def _seen(self, stop: Stop | None) -> Seen:
        course = self._course
        kills = oom_kills()
        return Seen(
            ranks=self._ranks.known,
            lines={rank: self._logs.last_lines(rank) for rank in self._order.ranks},
            launcher_code=self._launcher.returncode,
            launcher_lines=self._said_by_launcher(),
            stop=stop,
            window_complete=course.window_complete if self._order.role == "window" else None,
            end=course.end,
            reports_end=self._dialect.reports_end,
            diverged=course.diverged,
            last_metric_lost=course.last_metric_lost,
            oom_killed=kills is not None and self._oom_kills is not None and kills > self._oom_kills,
            card_texts=self._order.card_texts,
            trained=course.trained,
            mark=self._mark,
        )

    def _said_by_launcher(self) -> Lines:
        log = launcher_log(self._order)
        files = [*(log.parent / name for name in self._launch.said), log]
        return tuple(line for file in files for line in file_tail(file))


def asleep() -> float:
    """Seconds since boot that this host was suspended: its monotonic clock stood still (clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


def launcher_log(order: Order) -> Path:
    """What the launcher printed itself."""
    return order.node / "logs" / "launcher.log"


def _dialect(order: Order) -> Dialect:
    choice = order.dialect
    try:
        return make_dialect(choice.name, choice.options, {choice.name: choice.path}, job=order.job)
    except (RegistryError, TypeError, ValueError) as error:
        raise OrderError(f"'dialect' {choice.name!r}: {error}") from error


def _launch(order: Order, prepared: Prepared) -> subprocess.Popen[bytes]:
    """Start the launcher in a session of its own. It is told to end when this thread does, so this is the main thread,
    and no other has been started: what runs between fork and exec could wait for a lock of theirs."""
    try:
        with launcher_log(order).open("wb") as log:
            return subprocess.Popen(
                prepared.command,
                cwd=order.work,
                env=prepared.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_this_process(signal.SIGTERM),  # noqa: PLW1509 - there is one thread
            )
    except OSError as error:
        raise OrderError(f"{error.filename or prepared.command[0]}: {error.strerror}") from error
