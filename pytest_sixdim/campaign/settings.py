"""What the user asked for, resolved once and the same in every process of a session."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

#: Seeds of the five full runs where none are asked for: 1 to 5 (docs/method.md, section 6).
DEFAULT_SEED = 1


class SettingsError(ValueError):
    """An option that can't be honoured; the message names it, what was wrong and what is allowed."""


@dataclass(frozen=True)
class Settings:
    """The options of a session.

    Attributes:
        vendor: the vendor whose configurations run, or "all" (collection and planning only).
        cards, nodes: the numbers of cards and nodes asked for; None: whatever the cases list.
        runs: full runs for stability; None: what the case says.
        seeds: seeds of the full runs, in order; None: 1, 2, 3, ...
        python: interpreter of the training program.
        interpreters: those of cases that require a module, by its name.
        launcher: how the agent reaches its nodes.
        save_baseline: the file to write this session's figures to as baseline entries.
        data: root of the data sets; "generated" where data is to be generated even where there is a root; None where
            nothing is said, and data is generated.
        adapter: what stands between framework and card, None for nothing.
        contention: what happens where somebody else uses a card: "warn" or "error".
        confirm: whether a figure near its limit is measured twice more.
        share: whether other runs may use other cards of the host meanwhile.
        retries: how often a run is launched again that failed for a reason of the host or of its cards.
        resume: the folder of the session whose finished runs are used again; None: every run is launched.
    """

    vendor: str
    python: str
    results: Path
    cards: tuple[int, ...] | None = None
    nodes: tuple[int, ...] | None = None
    runs: int | None = None
    seeds: tuple[int, ...] | None = None
    quick: bool = False
    strict: bool = False
    launcher: str = "local"
    save_baseline: Path | None = None
    data: Path | Literal["generated"] | None = None
    adapter: str | None = None
    contention: Literal["warn", "error"] = "warn"
    confirm: bool = True
    share: bool = False
    retries: int = 0
    resume: Path | None = None
    interpreters: Mapping[str, str] = field(default_factory=dict)

    def seed(self, index: int) -> int:
        """The seed of full run `index` (from 1)."""
        if self.seeds is None:
            return DEFAULT_SEED + index - 1
        return self.seeds[(index - 1) % len(self.seeds)]

    def to_json(self) -> dict[str, Any]:
        """As plain types, for session.json and for xdist's workers."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Settings:
        """The reverse of to_json."""
        plain = dict(record, results=Path(record["results"]))
        for name in ("save_baseline", "resume"):
            plain[name] = None if plain[name] is None else Path(plain[name])
        if plain["data"] not in (None, "generated"):
            plain["data"] = Path(plain["data"])
        for name in ("cards", "nodes", "seeds"):
            plain[name] = None if plain[name] is None else tuple(plain[name])
        return cls(**plain)


def parse_counts(option: str, text: str | None) -> tuple[int, ...] | None:
    """Positive whole numbers separated by commas ("1,8").

    Raises SettingsError that names `option`.
    """
    if text is None:
        return None
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1:
        raise SettingsError(f"{option} {text!r}: give positive whole numbers separated by commas, such as 1,8")
    return counts


def parse_seeds(text: str | None, runs: int) -> tuple[int, ...] | None:
    """Seeds from --sixdim-seeds: None for the default, "fresh" for `runs` new ones, or a list of at least `runs`.

    Raises SettingsError for anything else, for equal seeds and for too few.
    """
    if text is None:
        return None
    if text == "fresh":
        drawn: set[int] = set()
        while len(drawn) < runs:
            drawn.add(secrets.randbelow(2**31 - 1) + 1)
        return tuple(drawn)
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        seeds = (-1,)
    if min(seeds) < 0 or max(seeds) >= 2**32:
        raise SettingsError(f"--sixdim-seeds {text!r}: give fresh, or whole numbers below 2^32 separated by commas")
    if len(set(seeds)) < len(seeds):
        raise SettingsError(f"--sixdim-seeds {text!r}: every run needs a seed of its own")
    if len(seeds) < runs:
        raise SettingsError(f"--sixdim-seeds {text!r}: {runs} runs need {runs} seeds, {len(seeds)} given")
    return seeds
