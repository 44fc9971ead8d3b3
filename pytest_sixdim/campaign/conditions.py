"""The conditions that a host offers a benchmark: its processor's cores and clocks, load, and room for results."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_sixdim.campaign.machine import cpu_name, system_file
from pytest_sixdim.samplers import Device, Node, SamplerUnavailable
from pytest_sixdim.samplers.rapl import RaplSampler

CPUS = Path("/sys/devices/system/cpu")
CGROUPS = Path("/sys/fs/cgroup")
CGROUP_OF_THIS_PROCESS = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Conditions:
    """As they are now.

    Attributes:
        cpus, usable_cpus: hardware threads of the host, and those that this process may use.
        quota_cpus: the number of CPUs' worth of time that a control group allows, None for no limit.
        governors: how many CPUs have each frequency governor; empty where the kernel shows none (virtual machines).
        load: over the last minute, in running processes.
        results, free_bytes: where results go, and how much room is there; None where it can't be told.
        rapl: why the processor's energy counters can't be read; None where they can.
    """

    cpu: str
    cpus: int | None
    usable_cpus: int
    quota_cpus: float | None
    governors: Mapping[str, int]
    load: float
    results: Path
    free_bytes: int | None
    rapl: str | None


def conditions(results: Path) -> Conditions:
    """Of this host, for a session whose results go to `results`."""
    return Conditions(
        cpu=cpu_name(),
        cpus=os.cpu_count(),
        usable_cpus=len(os.sched_getaffinity(0)),
        quota_cpus=quota_cpus(),
        governors=governors(),
        load=os.getloadavg()[0],
        results=results,
        free_bytes=free_bytes(results),
        rapl=_rapl(),
    )


def governors(cpus: Path = CPUS) -> dict[str, int]:
    """Frequency governor -> on how many CPUs (Linux, admin-guide/pm/cpufreq)."""
    files = cpus.glob("cpu[0-9]*/cpufreq/scaling_governor")
    return dict(Counter(text for file in files if (text := system_file(str(file)))))


def quota_cpus(groups: Path = CGROUPS, own: Path = CGROUP_OF_THIS_PROCESS) -> float | None:
    """The smallest CPU quota of this process's control groups and those above them, in CPUs.

    Linux, admin-guide/cgroup-v2 (cpu.max: "QUOTA PERIOD" or "max PERIOD") and scheduler/sched-bwc (cpu.cfs_quota_us, -1
    for none). A container sees its own group as the root.
    """
    limits: list[float] = []
    for line in (system_file(str(own)) or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            roots = [groups, groups / "unified"]
        elif "cpu" in controllers.split(","):
            roots = [groups / "cpu", groups / controllers]
        else:
            continue
        for root in roots:
            group = root / path.lstrip("/")
            for directory in (group, *group.parents):
                if directory.is_relative_to(root) and (limit := _quota(directory)) is not None:
                    limits.append(limit)
    return min(limits, default=None)


def _quota(directory: Path) -> float | None:
    text = system_file(str(directory / "cpu.max"))
    if text is None:
        quota = system_file(str(directory / "cpu.cfs_quota_us"))
        period = system_file(str(directory / "cpu.cfs_period_us"))
        text = f"{quota} {period}"
    try:
        quota_us, period_us = (int(part) for part in text.split())
    except ValueError:  # "max 100000", or no such file
        return None
    return quota_us / period_us if quota_us > 0 and period_us > 0 else None


def free_bytes(directory: Path) -> int | None:
    """Room for this user in `directory`, or where it would be made; None where that can't be told."""
    directory = directory.absolute()
    for existing in (directory, *directory.parents):
        try:
            return shutil.disk_usage(existing).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _rapl() -> str | None:
    try:
        RaplSampler().open(Node((Device(0, "host", "host"),), Path()), ["energy"])
    except SamplerUnavailable as reason:
        return str(reason)
    return None
