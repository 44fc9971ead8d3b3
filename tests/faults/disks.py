"""A real disk that is small, and can be made read-only under a running session."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

#: Set in a pytest that was started in a name space where this user may mount.
INSIDE = "SIXDIM_TEST_MAY_MOUNT"


@dataclass
class Disk:
    """A tmpfs of `size`, mounted at `path`; where this user may not mount, `why` says so."""

    path: Path
    size: str = "1m"
    why: str = ""
    _mounts: int = 0

    def mount(self) -> None:
        self.path.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={self.size}", "sixdim")

    def make_read_only(self) -> None:
        """For all that is opened from now on; what is open for writing stays so."""
        self._mount("--bind", str(self.path))
        subprocess.run(["mount", "-o", "remount,bind,ro", self.path], check=True, capture_output=True)

    def release(self) -> None:
        for _ in range(self._mounts):
            subprocess.run(["umount", "--lazy", self.path], check=True)
        self._mounts = 0

    def _mount(self, *options: str) -> None:
        try:
            done = subprocess.run(["mount", *options, self.path], capture_output=True, text=True)
        except FileNotFoundError:
            self.why = "there is no mount"
            return
        if done.returncode:
            self.why = done.stderr.strip()
        else:
            self._mounts += 1


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Disk]:
    disk = Disk(path, size)
    disk.mount()
    try:
        yield disk
    finally:
        disk.release()


def run_where_one_may_mount(item: pytest.Item, why: str) -> None:
    """Run a test again, in a user's and a mount name space of its own; skips where there are none."""
    if INSIDE in os.environ:
        pytest.skip(f"cannot mount, not even in a name space: {why}")
    command = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip(f"cannot mount ({why}), and name spaces are not allowed here")
    place = f"{item.path}::{item.nodeid.partition('::')[2]}"
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(item.config.rootpath)]
    done = subprocess.run(
        [*command, sys.executable, "-m", "pytest", *options, place],
        env={**os.environ, INSIDE: "1"},
        cwd=item.config.rootpath,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.fail(done.stdout[-4000:] + done.stderr[-2000:], pytrace=False)
    if "1 skipped" in done.stdout:
        pytest.skip("in a name space of its own too")
