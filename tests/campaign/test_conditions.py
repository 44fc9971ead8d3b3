"""What the kernel says of the processor's cores and clocks, and of the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sixdim.campaign.conditions import conditions, free_bytes, governors, quota_cpus


def test_conditions_of_this_host_are_read(tmp_path: Path) -> None:
    now = conditions(tmp_path)
    assert now.usable_cpus >= 1
    assert now.free_bytes is not None
    assert now.free_bytes > 0


def test_governors_are_counted(tmp_path: Path) -> None:
    for cpu, governor in enumerate(["performance", "performance", "powersave"]):
        file = tmp_path / f"cpu{cpu}" / "cpufreq" / "scaling_governor"
        file.parent.mkdir(parents=True)
        file.write_text(f"{governor}\n")
    (tmp_path / "cpufreq").mkdir()
    assert governors(tmp_path) == {"performance": 2, "powersave": 1}
    assert governors(tmp_path / "cpu0") == {}


def group(directory: Path, **files: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(f"{text}\n")


def test_the_smallest_quota_above_a_process_counts(tmp_path: Path) -> None:
    group(tmp_path / "groups" / "pod", cpu__max="200000 100000")
    group(tmp_path / "groups" / "pod" / "box", cpu__max="max 100000")
    (tmp_path / "own").write_text("0::/pod/box\n")
    assert quota_cpus(tmp_path / "groups", tmp_path / "own") == 2.0
    group(tmp_path / "groups" / "pod" / "box", cpu__max="150000 100000")
    assert quota_cpus(tmp_path / "groups", tmp_path / "own") == 1.5


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    group(tmp_path / "groups", cpu__max="50000 100000")
    (tmp_path / "own").write_text("0::/\n")
    assert quota_cpus(tmp_path / "groups", tmp_path / "own") == 0.5


@pytest.mark.parametrize(("quota", "found"), [("300000", 3.0), ("-1", None)])
def test_quota_of_the_first_version(tmp_path: Path, quota: str, found: float | None) -> None:
    group(tmp_path / "groups" / "cpu,cpuacct" / "box", cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000")
    (tmp_path / "own").write_text("4:memory:/box\n3:cpu,cpuacct:/box\n1:name=systemd:/box\n")
    assert quota_cpus(tmp_path / "groups", tmp_path / "own") == found


@pytest.mark.parametrize("text", ["max 100000", "no number", ""])
def test_no_limit_is_none(tmp_path: Path, text: str) -> None:
    group(tmp_path / "groups", cpu__max=text)
    (tmp_path / "own").write_text("0::/\n")
    assert quota_cpus(tmp_path / "groups", tmp_path / "own") is None
    assert quota_cpus(tmp_path / "nowhere", tmp_path / "nothing") is None


def test_room_is_that_of_the_directory_that_will_hold_it(tmp_path: Path) -> None:
    found = free_bytes(tmp_path / "not" / "yet" / "made")
    there = free_bytes(tmp_path)
    assert found is not None
    assert there is not None
    assert abs(found - there) < 2**30
