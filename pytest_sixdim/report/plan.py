"""The plan, for people and for programs: which runs, on what, and which tests need them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from pytest_sixdim.campaign.orders import Bench, make_order
from pytest_sixdim.campaign.plan import Plan, PlannedRun
from pytest_sixdim.core.confirming import MORE

NO_CONFIRM = "--no-sixdim-confirm"


def plan_record(plan: Plan, bench: Bench, finished: Collection[str] | None = None) -> dict[str, Any]:
    """As JSON: every run with role, case, configuration, seed, cards, command and the node ids of its tests.

    finished: the runs that the session to resume has finished; None where none is resumed.
    """
    return {
        "schema": 1,
        "summary": plan.summary(),
        "confirmation_runs": MORE if may_confirm(plan, bench) else 0,
        "runs": [
            {
                "case": run.key.case,
                "configuration": run.key.configuration,
                "role": run.key.role,
                "index": run.key.index,
                "seed": bench.settings.seed(run.key.index),
                "nodes": run.configuration.nodes,
                "cards": run.configuration.cards,
                "command": command(bench, run),
                "tests": run.tests,
                "finished_earlier": str(run.key) in (finished or ()),
            }
            for run in plan.runs
        ],
    }


def plan_table(plan: Plan, bench: Bench, finished: Collection[str] | None = None) -> str:
    """As text: one line a run, then what each one executes. finished: as for plan_record."""
    rows = [
        [
            str(run.key),
            bench.settings.seed(run.key.index),
            run.configuration.world_size,
            *([] if finished is None else ["finished" if str(run.key) in finished else ""]),
            _dimensions(run.tests),
        ]
        for run in plan.runs
    ]
    earlier = [] if finished is None else ["earlier"]
    lines = [tabulate(rows, ["run", "seed", "cards", *earlier, "needed by"], tablefmt="simple"), ""]
    shown: dict[tuple[str, str, str], PlannedRun] = {}
    for run in plan.runs:
        shown.setdefault((run.key.case, run.key.configuration, run.key.role), run)
    if finished is not None:
        lines += ["finished: launched again only where something that decides the run has changed since", ""]
    lines += [f"{run.key}: {shlex.join(command(bench, run))}" for run in shown.values()]
    if may_confirm(plan, bench):
        lines += ["", f"near a limit {MORE} more window runs of a configuration follow ({NO_CONFIRM}: none)"]
    return "\n".join([*lines, "", plan.summary()])


def may_confirm(plan: Plan, bench: Bench) -> bool:
    """Whether a figure of the plan may be measured again before it is judged."""
    return bench.settings.confirm and plan.confirmable


def command(bench: Bench, run: PlannedRun) -> list[str]:
    """The training program's own command, as each rank runs it."""
    devices = bench.host.devices[: run.configuration.cards]
    order, _ = make_order(bench, run, Path("RUN_DIR"), devices)
    return list(order["command"] or [order["python"], "-u", order["program"]]) + list(order["args"])


def _dimensions(tests: Sequence[str]) -> str:
    """Node ids as short names: test_speed[cpu-fp32-bs32-1x1] and so on."""
    return "\n".join(test.partition("::")[2] or test for test in tests)
