"""A session under --sixdim: its settings, its host, its cases, its plan, and pytest's hooks that need them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_sixdim.campaign.calibration import first_look
from pytest_sixdim.campaign.campaign import Campaign
from pytest_sixdim.campaign.catalogue import taken
from pytest_sixdim.campaign.holders import who_holds
from pytest_sixdim.campaign.host import Host, find_host
from pytest_sixdim.campaign.machine import machine, software
from pytest_sixdim.campaign.machine_identity import machine_identity
from pytest_sixdim.campaign.orders import Bench
from pytest_sixdim.campaign.plan import Plan, RunKey
from pytest_sixdim.campaign.settings import Settings, SettingsError
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.campaign.survey import Calibration, survey
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import SUFFIX, Case, Configuration
from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.registry import RegistryError
from pytest_sixdim.core.vendor import VendorProfile, fallback_of
from pytest_sixdim.dialects import DIALECTS
from pytest_sixdim.launchers import launcher
from pytest_sixdim.plugin import options, selection, xdist
from pytest_sixdim.plugin.collection import CaseFile
from pytest_sixdim.plugin.request import read_settings, read_vendors, session_record
from pytest_sixdim.samplers import SAMPLERS
from pytest_sixdim.schema.baseline import baselines_path, load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.errors import Problem, SchemaError

SESSION = pytest.StashKey["Session"]()
NAME = "sixdim-session"
TERMINAL, ANNOUNCER = "sixdim-terminal", "sixdim-announcer"
#: Seconds that a vendor's tools are given to list the cards: before runs, and where nothing is to be launched.
ASKING, ASKING_TO_LOOK = 30.0, 5.0


class Session:
    """What every part of the plugin asks for. In xdist's workers it is made of what the controller sent."""

    def __init__(
        self,
        settings: Settings,
        host: Host,
        profiles: dict[str, VendorProfile],
        bench: Bench,
        store: Store | None,
        register_mark: Callable[[str, str], None],
    ) -> None:
        """`store` is None where nothing is to be launched; `register_mark` makes a mark known to pytest."""
        self.settings = settings
        self.host = host
        self.profiles = profiles
        self.bench = bench
        self.store = store
        self.campaign: Campaign | None = None
        self.plan = Plan([])
        self.deselected: list[str] = []
        self.first_failures: dict[str, str] = {}
        self.register_mark = register_mark
        #: By the path of their case.
        self.baselines: dict[Path, tuple[Baseline, ...]] = {}
        self._fallback = fallback_of(profiles.values()).id
        self._cases: dict[Path, Case] = {}
        self._names: dict[str, Path] = {}
        self._marks: dict[str, pytest.MarkDecorator] = {}

    def read_case(self, path: Path) -> Case:
        """A case, read once; its quick form under --sixdim-quick.

        Raises SchemaError for a broken file, for a broken baselines file beside it, and for a name that another case
        of the session has.
        """
        if path not in self._cases:
            case = load_case(path, self.profiles, self.bench.dialects)
            beside = baselines_path(path)
            if case.task:
                self.register_mark(case.task_mark, f"cases of the task {case.task}")
            other = self._names.setdefault(case.name, path)
            if other != path:
                raise SchemaError([taken(case, other)])
            self.baselines[path] = load_baselines(beside, case) if beside.exists() else ()
            case = case.quickened(self._fallback) if self.settings.quick and case.quick else case
            self._cases[path] = case if self.settings.adapter is None else self._under_adapter(case)
        return self._cases[path]

    def _under_adapter(self, case: Case) -> Case:
        """Raises SchemaError for a case that starts a command: nothing can be imported ahead of that."""
        name = str(self.settings.adapter)
        if case.train.program is None:
            message = f"train: --sixdim-adapter {name} needs 'program': nothing can be imported ahead of a command"
            raise SchemaError([Problem(case.path, 1, message)])
        return case.under(name)

    def mark(self, name: str) -> pytest.MarkDecorator:
        """A mark of a case's tests, made once."""
        if name not in self._marks:
            self._marks[name] = getattr(pytest.mark, name)
        return self._marks[name]

    def lacking(self, case: Case, configuration: Configuration) -> str | None:
        """Why a configuration does not fit this host, or its case the interpreter; None where both do."""
        if self.settings.vendor == "all":
            return None
        visible = len(self.host.devices)
        if configuration.nodes > 1:
            return f"needs {configuration.nodes} nodes; the launcher {self.settings.launcher!r} reaches one"
        if configuration.cards > visible:
            hidden = f" ({self.host.limited_by} limits them)" if self.host.limited_by else ""
            return f"needs {count_of(configuration.cards, 'card')}, {visible} visible{hidden}"
        return self.bench.interpreters.lacking(case)

    def without_torch(self) -> list[str]:
        """Which interpreters are to run torchrun, and have no torch: the runs will say so, after a while."""
        cases = [run.case for run in self.plan.runs if run.case.train.launch == "torchrun"]
        asked = self.bench.interpreters
        lacking = dict.fromkeys(asked.python(case) for case in cases if "torch" not in asked.software(case))
        return [f"{python} has no torch, which torchrun needs; name another with --sixdim-python" for python in lacking]


def start_session(config: pytest.Config) -> None:
    """Make the session and register the plugin's parts.

    Raises pytest.UsageError for an option that can't be honoured.
    """
    form = options.junit_form(config)
    only_look = config.option.collectonly or options.plan_format(config) is not None
    try:
        session = _worker_session(config) or _controller_session(config, only_look=only_look)
    except (SettingsError, SchemaError, RegistryError) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SESSION] = session
    _register_marks(session)
    _choose_paths(config)
    config.option.continue_on_collection_errors = True
    from pytest_sixdim.plugin import closing, fixtures, junit, live, outcome, signals, terminal

    manager = config.pluginmanager
    manager.register(SessionHooks(config, session), NAME)
    manager.register(fixtures, "sixdim-fixtures")
    manager.register(outcome, "sixdim-outcome")
    if (worker := xdist.worker_name(config)) is not None:
        manager.register(live.WorkerAnnouncer(session, worker), ANNOUNCER)
        return
    shown = terminal.TerminalHooks(config, session)
    manager.register(shown, TERMINAL)
    manager.register(closing.ClosingHooks(config, session), "sixdim-closing")
    signals.listen(config)
    manager.register(live.Announcer(session, shown.show), ANNOUNCER)
    manager.register(junit.JUnitHooks(config, form), "sixdim-junit")
    if session.store is not None:
        manager.register(xdist.ControllerHooks(config, session_record(session)), "sixdim-xdist")
        if xdist.workers(config):
            manager.register(live.LiveDisplay(session, lambda worker, word: shown.show(word, worker)), live.NAME)


def _worker_session(config: pytest.Config) -> Session | None:
    facts = xdist.received(config)
    if facts is None:
        return None
    profiles = read_vendors(config)
    settings, host = Settings.from_json(facts["settings"]), Host.from_json(facts["host"])
    bench = Bench(
        settings,
        host,
        profiles[host.vendor],
        facts["machine"],
        facts["software"],
        facts["samplers"],
        facts["dialects"],
        tuple(Calibration(**card) for card in facts["calibration"]),
    )
    return Session(settings, host, profiles, bench, Store(Path(facts["directory"]), facts), _mark_registry(config))


def look_session(config: pytest.Config) -> Session:
    """A session that only looks: at the options, the host and the cases.

    Raises SettingsError, SchemaError or RegistryError for what can't be honoured.
    """
    return _controller_session(config, only_look=True)


def _controller_session(config: pytest.Config, *, only_look: bool) -> Session:
    profiles = read_vendors(config)
    settings = read_settings(config)
    if settings.vendor == "all" and not only_look:
        raise SettingsError("--sixdim-vendor all: only with --collect-only or --sixdim-plan; a host has one vendor")
    extra_samplers, extra_dialects = _registered(config)
    samplers = {**SAMPLERS, **extra_samplers}
    timeout = ASKING_TO_LOOK if only_look else ASKING
    host = find_host(
        profiles,
        settings.vendor,
        lambda profile: survey(profile, samplers, timeout=timeout).cards,
        look=only_look,
    )
    if settings.vendor != "all":
        settings = Settings(**{**settings.__dict__, "vendor": host.vendor})
    _check_launcher(settings.launcher)
    bench = _bench(settings, host, profiles[host.vendor], samplers, {**DIALECTS, **extra_dialects}, only_look)
    store = None if only_look else Store.create(settings.results)
    session = Session(settings, host, profiles, bench, store, _mark_registry(config))
    if store is not None:
        store.write_session(session_record(session))
    return session


def _check_launcher(name: str) -> None:
    """Raises SettingsError for a name that no launcher has."""
    try:
        launcher(name)
    except RegistryError as error:
        raise SettingsError(f"--sixdim-launcher: {error}") from None


def _bench(
    settings: Settings,
    host: Host,
    profile: VendorProfile,
    samplers: dict[str, str],
    dialects: dict[str, str],
    only_look: bool,
) -> Bench:
    """What all runs share. Where nothing is launched, neither the interpreter nor the cards are asked."""
    if only_look:
        return Bench(settings, host, profile, machine(), {}, samplers, dialects)
    versions = software(settings.python, profile.imports)
    look = first_look(profile, samplers, host.devices, busy=bool(who_holds().holders))
    here = {**machine(), **look.versions}
    here["identity"] = machine_identity(profile, host.devices, here, versions)
    return Bench(settings, host, profile, here, versions, samplers, dialects, look.calibration)


def _registered(config: pytest.Config) -> tuple[dict[str, str], dict[str, str]]:
    """Samplers and dialects of the user's plugins and conftest files."""
    samplers: dict[str, str] = {}
    dialects: dict[str, str] = {}
    for found, answers in (
        (samplers, config.hook.pytest_sixdim_samplers()),
        (dialects, config.hook.pytest_sixdim_dialects()),
    ):
        for answer in answers:
            found.update(answer)
    return samplers, dialects


def _mark_registry(config: pytest.Config) -> Callable[[str, str], None]:
    """Registers each mark once."""
    known: set[str] = set()

    def register(name: str, text: str) -> None:
        if name not in known:
            known.add(name)
            config.addinivalue_line("markers", f"{name}: {text}")

    return register


def _register_marks(session: Session) -> None:
    register = session.register_mark
    for profile in session.profiles.values():
        register(profile.id, f"measured on cards of {profile.name}")
    for dimension in DIMENSIONS:
        register(dimension, "this dimension of a case")
    register("singlecard", "on one card")
    register("multicard", "on several cards of a node")
    register("multinode", "on several nodes")
    register("quick", "the case has quick settings")


def _choose_paths(config: pytest.Config) -> None:
    """Without paths on the command line the cases are collected, not the project's tests.

    Raises pytest.UsageError where ini's sixdim_cases names a directory that is not there.
    """
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return
    paths = options.default_paths(config)
    for path in paths:
        if not path.exists():
            raise pytest.UsageError(f"no paths given and {path} does not exist (ini option sixdim_cases)")
    config.args = [str(path) for path in paths]


class SessionHooks:
    """Collection and planning."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self._config = config
        self._session = session

    @pytest.hookimpl
    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> CaseFile | None:
        """Every *.case.yaml is a test module."""
        if not file_path.name.endswith(SUFFIX):
            return None
        module: CaseFile = CaseFile.from_parent(parent, path=file_path)
        module.sixdim = self._session
        return module

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect what this session can't or shall not run."""
        self._session.deselected = selection.select(self._session, config, items)

    def _say(self, text: str) -> None:
        """Tell a person who watches."""
        announcer = self._config.pluginmanager.get_plugin(ANNOUNCER)
        if announcer is not None:
            announcer.say(text)

    def _reused(self, key: RunKey, words: str) -> None:
        """Tell that a run of an earlier session stands in for a launch."""
        announcer = self._config.pluginmanager.get_plugin(ANNOUNCER)
        if announcer is not None:
            announcer.reused(key, words)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Plan the runs of what is left."""
        ours = self._session
        wanted = selection.ask(ours, session.items)
        ours.plan = Plan(wanted, ours.settings.runs)
        if ours.store is not None:
            ours.campaign = Campaign(
                ours.bench,
                ours.store,
                ours.plan,
                launcher(ours.settings.launcher),
                ours.baselines,
                say=self._say,
                waiting=lambda what: self._say(f"waiting for {what}"),
                reused=self._reused,
                started=lambda run: self._config.hook.pytest_sixdim_run_started(run=run),
                finished=lambda run: self._config.hook.pytest_sixdim_run_finished(run=run),
            )
