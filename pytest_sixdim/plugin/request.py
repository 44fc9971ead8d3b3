"""From options to settings: what is asked for, checked, with errors that name the option."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from pytest_sixdim import __version__
from pytest_sixdim.campaign.recording import check_target
from pytest_sixdim.campaign.sessions import session_folder
from pytest_sixdim.campaign.settings import Settings, SettingsError, parse_counts, parse_seeds
from pytest_sixdim.core.adapters import AdapterError, adapter
from pytest_sixdim.core.vendor import VendorProfile, fallback_of
from pytest_sixdim.plugin import options
from pytest_sixdim.plugin.paths import data_root, interpreters, path_of
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor

if TYPE_CHECKING:
    from pytest_sixdim.plugin.session import Session

#: Full runs for stability where neither the case nor the user says otherwise.
RUNS = 5


def read_settings(config: pytest.Config) -> Settings:
    """The settings of this session, vendor still as asked for.

    Raises SettingsError for a value that can't be honoured.
    """
    nodes = parse_counts("--sixdim-nodes", options.value(config, "nodes"))
    if nodes is not None and max(nodes) > 1:
        raise SettingsError("--sixdim-nodes: more than one node is not supported yet; allowed: 1")
    runs = _runs(options.value(config, "runs"))
    save_baseline = path_of(config, "save-baseline")
    if save_baseline is not None:
        check_target(save_baseline)
    python, by_module = interpreters(config)
    results = path_of(config, "results") or (config.invocation_params.dir / "results").resolve()
    return Settings(
        vendor=options.value(config, "vendor") or "auto",
        python=python,
        interpreters=by_module,
        results=results,
        cards=parse_counts("--sixdim-cards", options.value(config, "cards")),
        nodes=nodes,
        runs=runs,
        seeds=parse_seeds(options.value(config, "seeds"), runs or RUNS),
        quick=bool(options.value(config, "quick")),
        strict=bool(options.value(config, "strict")),
        launcher=options.value(config, "launcher") or "local",
        save_baseline=save_baseline,
        adapter=_adapter(options.value(config, "adapter")),
        data=data_root(config),
        contention=_contention(options.value(config, "contention")),
        confirm=bool(options.value(config, "confirm")),
        share=bool(options.value(config, "share")),
        retries=_retries(options.value(config, "retries")),
        resume=_resumed(config, results),
    )


def read_vendors(config: pytest.Config) -> dict[str, VendorProfile]:
    """Every known vendor profile by id: the built-in ones, those of the user's hooks, those of ini's sixdim_vendors; a
    later one takes the place of an earlier one with its id.

    Raises SchemaError for a broken profile, SettingsError for one that is not there, for two of one id in the ini file
    and for a second fallback.
    """
    profiles = {name: load_vendor(path) for name, path in builtin_vendors().items()}
    for path in (Path(path) for paths in config.hook.pytest_sixdim_vendors() for path in paths):
        profile = load_vendor(path)
        profiles[profile.id] = profile
    written: dict[str, Path] = {}
    for path in _ini_vendors(config):
        profile = load_vendor(path)
        other = written.setdefault(profile.id, path)
        if other.resolve() != path.resolve():
            raise SettingsError(f"ini option sixdim_vendors: {other} and {path} are both of vendor {profile.id!r}")
        profiles[profile.id] = profile
    try:
        fallback_of(profiles.values())
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return profiles


def _ini_vendors(config: pytest.Config) -> Iterator[Path]:
    """The files that ini's sixdim_vendors names, relative to the ini file; of a directory all *.yaml in it."""
    base = options.ini_directory(config)
    for name in config.getini("sixdim_vendors"):
        path = base / name
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not path.exists() or not files:
            lacks = "holds no *.yaml" if path.exists() else "does not exist"
            raise SettingsError(f"ini option sixdim_vendors: {path} {lacks}")
        yield from files


def session_record(session: Session) -> dict[str, Any]:
    """session.json, and what xdist's workers are sent."""
    bench = session.bench
    return {
        "plugin": __version__,
        "pytest": pytest.__version__,
        "directory": str(session.store.directory) if session.store else None,
        "resumed": None if session.settings.resume is None else str(session.settings.resume),
        "settings": session.settings.to_json(),
        "host": session.host.to_json(),
        "machine": dict(bench.machine),
        "software": dict(bench.software),
        "git_commit": _git_commit(),
        "samplers": dict(bench.samplers),
        "dialects": dict(bench.dialects),
        "calibration": [asdict(card) for card in bench.calibration],
    }


def _adapter(name: str | None) -> str | None:
    try:
        return None if name is None else adapter(name).name
    except AdapterError as error:
        raise SettingsError(f"--sixdim-adapter: {error}") from None


def _contention(text: str | None) -> Literal["warn", "error"]:
    if text is None or text == "warn":
        return "warn"
    if text == "error":
        return "error"
    raise SettingsError(f"--sixdim-contention {text}: allowed: warn, error")


def _runs(text: Any) -> int | None:
    if text is None:
        return None
    if not str(text).isdigit() or int(text) < 1:
        raise SettingsError(
            f"--sixdim-runs {text}: give a positive whole number (5 is what baselines are measured with)"
        )
    return int(text)


def _retries(text: Any) -> int:
    if text is None:
        return 0
    if not str(text).isdigit():
        raise SettingsError(f"--sixdim-retries {text}: give a whole number, 0 or more")
    return int(text)


def _resumed(config: pytest.Config, results: Path) -> Path | None:
    asked = options.value(config, "resume")
    return None if asked is None else session_folder(asked, results, config.invocation_params.dir)


def _git_commit() -> str | None:
    """The commit of the working directory, with "+changes" where it is not clean; None outside a repository."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty=+changes", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
