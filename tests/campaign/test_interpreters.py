"""Which interpreter runs a case, and what is asked of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_sixdim.campaign.interpreters import Interpreters
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.core.case import Case, Metric, Train


class Stand:
    """Writes interpreters that have further modules, and counts how often each is started."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def interpreter(self, name: str, *modules: str) -> str:
        """`modules`: as files below its own directory of modules, "a/b.py" for a.b."""
        directory = self.path / f"{name}-modules"
        for module in modules:
            file = directory / module
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("raise SystemExit('imported')\n")
        script = self.path / name
        count = f'echo started >> "{self.path / name}.log"'
        script.write_text(f'#!/bin/sh\n{count}\nPYTHONPATH="{directory}" exec "{sys.executable}" "$@"\n')
        script.chmod(0o755)
        return str(script)

    def starts(self, name: str) -> int:
        log = self.path / f"{name}.log"
        return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def case(*required: str, name: str = "tiny") -> Case:
    metric = Metric("top1", "%", "higher", 97.0)
    return Case(name, "Tiny", "test", Path("tiny.case.yaml"), metric, Train(Path("train.py"), requires=required), ())


def interpreters(default: str, versions: dict[str, str] | None = None, **by_module: str) -> Interpreters:
    settings = Settings("cpu", default, Path("results"), interpreters=by_module)
    return Interpreters(settings, (), {"python": "3.x"} if versions is None else versions)


def test_a_case_without_requirements_asks_nobody(stand: Stand) -> None:
    found = interpreters(stand.interpreter("py"), mindspore=stand.interpreter("ms"))
    assert found.python(case()) == str(stand.path / "py")
    assert found.lacking(case()) is None
    assert found.software(case()) == {"python": "3.x"}
    assert (stand.starts("py"), stand.starts("ms")) == (0, 0)


def test_a_required_module_chooses_the_interpreter_and_is_not_imported(stand: Stand) -> None:
    found = interpreters(stand.interpreter("py"), mindspore=stand.interpreter("ms", "mindspore.py"))
    assert found.python(case("mindspore")) == str(stand.path / "ms")
    assert found.lacking(case("mindspore")) is None
    assert stand.starts("py") == 0


def test_the_first_named_module_decides(stand: Stand) -> None:
    found = interpreters("py", b=stand.interpreter("second", "a.py", "b.py", "c.py"), c=stand.interpreter("third"))
    assert found.python(case("a", "b", "c")) == str(stand.path / "second")
    assert found.lacking(case("a", "b", "c")) is None


def test_a_missing_module_is_named_with_the_option_that_cures_it(stand: Stand) -> None:
    python = stand.interpreter("py", "there.py")
    lacking = interpreters(python).lacking(case("there", "mindspore", "mindcv"))
    assert lacking == f"needs mindspore and mindcv, which {python} does not have (--sixdim-python mindspore=EXE)"


def test_the_named_interpreter_is_the_one_to_be_changed(stand: Stand) -> None:
    python = stand.interpreter("ms", "mindspore.py")
    lacking = interpreters("py", mindspore=python).lacking(case("mindspore", "mindcv"))
    assert lacking == f"needs mindcv, which {python} does not have (--sixdim-python mindspore=EXE)"


@pytest.mark.parametrize(("files", "there"), [(("a/__init__.py", "a/b.py"), True), (("a/__init__.py",), False)])
def test_a_submodule_is_looked_for_without_importing_its_parent(
    stand: Stand, files: tuple[str, ...], there: bool
) -> None:
    assert (interpreters(stand.interpreter("py", *files)).lacking(case("a.b")) is None) == there


def test_a_module_below_a_plain_module_is_not_there(stand: Stand) -> None:
    assert "needs a.b, which" in str(interpreters(stand.interpreter("py", "a.py")).lacking(case("a.b")))


def test_a_directory_where_pytest_was_started_is_no_module(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    (stand.path / "frameworks" / "mindspore").mkdir(parents=True)
    monkeypatch.chdir(stand.path / "frameworks")
    found = interpreters(stand.interpreter("py"))
    assert "does not have" in str(found.lacking(case("mindspore")))
    assert "mindspore" not in found.software(case("mindspore", "more"))


def test_an_interpreter_is_asked_once_for_the_same_modules(stand: Stand) -> None:
    found = interpreters(stand.interpreter("py", "one.py", "two.py"))
    for name in ("first", "second"):
        assert found.lacking(case("one", name=name)) is None
        assert found.software(case("one", name=name))["one"] == "unknown"
    assert stand.starts("py") == 2  # for modules, and for versions
    assert found.lacking(case("one", "two")) is None
    assert stand.starts("py") == 4


def test_versions_are_those_of_the_cases_interpreter(stand: Stand) -> None:
    found = interpreters("py", mindspore=stand.interpreter("ms", "mindspore.py"))
    assert found.software(case("mindspore"))["mindspore"] == "unknown"
    assert "mindspore" not in found.software(case())


def test_where_nothing_is_launched_no_versions_are_asked_for(stand: Stand) -> None:
    found = interpreters("py", {}, mindspore=stand.interpreter("ms", "mindspore.py"))
    assert found.software(case("mindspore")) == {}
    assert stand.starts("ms") == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "needs mindspore; its interpreter {} is not there (--sixdim-python mindspore=EXE)"),
        ("#!/bin/sh\nexit 3\n", "needs mindspore, and {} does not say whether it has that: *exit code 3*"),
        ("#!/bin/sh\necho 3.11\n", "needs mindspore, and {} does not say whether it has that: it did not answer *"),
        ("no program", "needs mindspore, and {} does not say whether it has that: *"),
    ],
)
def test_an_interpreter_that_is_none_is_a_reason(stand: Stand, text: str | None, says: str) -> None:
    python = stand.path / "broken"
    if text is not None:
        python.write_text(text)
        python.chmod(0o755)
    lacking = interpreters("py", mindspore=str(python)).lacking(case("mindspore"))
    assert lacking is not None
    pytest.LineMatcher([lacking]).fnmatch_lines([says.format(python)])


def test_an_interpreter_that_has_the_module_and_does_not_say_which_is_a_reason(stand: Stand) -> None:
    python = Path(stand.interpreter("py", "mindspore.py"))
    python.write_text(
        python.read_text().replace("\nPYTHONPATH", '\ncase "$2" in *RUNTIMES*) exit 3;; esac\nPYTHONPATH')
    )
    lacking = interpreters("py", mindspore=str(python)).lacking(case("mindspore"))
    assert lacking == (
        f"needs mindspore; --sixdim-python {python}: it does not run as a Python interpreter: exit status 3"
    )
    assert interpreters("py", {}, mindspore=str(python)).lacking(case("mindspore")) is None


def test_an_interpreter_that_hangs_is_given_up(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_sixdim.campaign.interpreters.TIMEOUT", 0.1)
    python = stand.path / "hangs"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o755)
    assert "no answer within 0.1 s" in str(interpreters(str(python)).lacking(case("mindspore")))


def test_settings_with_interpreters_survive_the_way_to_a_worker() -> None:
    settings = Settings("cpu", "python3", Path("/r"), interpreters={"mindspore": "/ms/python"})
    assert Settings.from_json(settings.to_json()) == settings
