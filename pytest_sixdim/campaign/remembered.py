"""The runs of a session: a few of them in memory, all others read back when somebody asks for them.

A session may have thousands of runs of many megabytes each, and go on for days.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from collections.abc import Callable

from pytest_sixdim.campaign.plan import PlannedRun, RunKey
from pytest_sixdim.core.records import RunRecord

#: Runs that are held in memory: more than the tests of one configuration ask for at once.
HELD = 32


class Remembered:
    """Every run of this process so far."""

    def __init__(self, read: Callable[[PlannedRun], RunRecord], held: int = HELD) -> None:
        """`read`: a run as the disk has it by now, however little that is. `held`: how many are held in memory."""
        self._read = read
        self._most = held
        self._known: dict[RunKey, PlannedRun] = {}
        self._of: dict[tuple[str, str], list[RunKey]] = {}
        self._held: OrderedDict[RunKey, RunRecord] = OrderedDict()
        self._only_here: dict[RunKey, RunRecord] = {}

    def __contains__(self, key: RunKey) -> bool:
        return key in self._known

    def __getitem__(self, key: RunKey) -> RunRecord:
        record = self._only_here.get(key) or self._held.get(key)
        if record is None:
            record = self._read(self._known[key])
        return self._hold(key, record)

    def add(self, planned: PlannedRun, record: RunRecord) -> RunRecord:
        """Take note of a run, once."""
        key = planned.key
        self._known[key] = planned
        insort(self._of.setdefault((key.case, key.configuration), []), key)
        return self._hold(key, record)

    def of(self, case: str, configuration: str) -> list[RunRecord]:
        """The runs of a configuration, in the order of their names."""
        return [self[key] for key in self._of.get((case, configuration), ())]

    def _hold(self, key: RunKey, record: RunRecord) -> RunRecord:
        if not (record.directory / "result.json").is_file():
            self._only_here[key] = record  # what the disk did not take can't be read back
            return record
        self._held[key] = record
        self._held.move_to_end(key)
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        return record
