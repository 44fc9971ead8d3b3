"""Which data a case trains on: the data set below --sixdim-data, or generated data where none is given."""

from __future__ import annotations

from pathlib import Path

from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.core.case import Case

#: In place of a directory: data is generated even where there is a data set.
GENERATED = "generated"
#: Says where the data sets lie where no option does.
VARIABLE = "SIXDIM_DATA"


def generated(case: Case, settings: Settings) -> bool:
    """Whether the case trains on generated data: it needs a data set and no directory is given, or its settings are
    the quick ones, whose sizes are meant for generated data."""
    return case.data is not None and (case.is_quick or not isinstance(settings.data, Path))


def data_path(case: Case, settings: Settings) -> Path | None:
    """Where the case's data set lies (absolute); None for generated data and for a case that needs none."""
    if case.data is None or case.is_quick or not isinstance(settings.data, Path):
        return None
    return settings.data.absolute() / case.data.path


def lacking_data(case: Case, settings: Settings) -> str | None:
    """What the given directory lacks of the case's data set; None where it is there and where none is needed."""
    path = data_path(case, settings)
    if case.train.checkout is not None and generated(case, settings):
        why = f"the programs of {case.train.checkout} generate none"
        return f"case {case.name} needs its data set: give --sixdim-data DIR, for {why}"
    if path is None or case.data is None:
        return None
    needs = f"case {case.name} needs its data set in {path} (--sixdim-data {settings.data})"
    try:
        if not path.is_dir():
            return f"{needs}, which is {'no directory' if path.exists() else 'not there'}"
        missing = [name for name in case.data.must_contain if not (path / name).exists()]
    except OSError as error:  # a directory that this user may not enter
        return f"{needs}, which can't be read: {error.strerror}"
    return f"{needs}, which lacks {', '.join(missing)}" if missing else None


def data_argument(case: Case, settings: Settings) -> str:
    """What the placeholder {data} stands for: the absolute directory, "generated", or nothing."""
    if generated(case, settings):
        return GENERATED
    path = data_path(case, settings)
    return "" if path is None else str(path)
