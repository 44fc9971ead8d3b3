"""What is wrong with a profile's options is said with the option and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_sixdim.samplers import make_sampler

QUERY: dict[str, Any] = {"command": ["acme-smi"], "format": "csv", "fields": {"index": "index", "power": "power"}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fromat": "csv"}, "alternatives[0]: unknown option 'fromat'; did you mean 'format'? known: "),
        ({"format": "xml"}, "alternatives[0]: unknown format 'xml'; known: blocks, csv, json, table, words"),
        ({"command": []}, "alternatives[0]: command: must be a list of arguments, or a list of such lists"),
        ({"command": "acme-smi -q"}, "alternatives[0]: command: must be a list of arguments, or a list of such lists"),
        ({"fields": {"index": "i", "pwoer": "p"}}, "unknown field 'pwoer'; did you mean 'power'? known: "),
        ({"fields": {"power": "p"}}, "alternatives[0]: fields: index, uuid or pci must be given"),
        (
            {"fields": {"index": "i", "power": {"label": "p", "unit": "MiB"}}},
            "fields.power: unknown unit 'MiB'; known: ",
        ),
        ({"fields": {"index": "i", "power": {"lable": "p"}}}, "fields.power: unknown option 'lable'; did you mean"),
        ({"fields": {"index": "i", "power": []}}, "fields.power: label must be given"),
        ({"first": "("}, "alternatives[0]: first: missing ), unterminated subpattern"),
        ({"common": {"driver": "Driver"}}, "alternatives[0]: common.driver: must have one group"),
        ({"format": "words"}, "alternatives[0]: count must be given with format words"),
        ({"method": {"pwoer": "average"}}, "alternatives[0]: unknown channel 'pwoer'; did you mean 'power'?"),
        ({"scope": "server"}, "alternatives[0]: scope: must be card, module or package"),
        ({"utilization": "last"}, "alternatives[0]: utilization: must be first or second"),
        ({"separator": "tab"}, "alternatives[0]: separator: must be comma or space"),
        ({"board": {"power": "middle", "chips": 2}}, "board: power: must be one of first, last, repeated"),
        ({"board": {"power": "last"}}, "board: give either chips (a number) or by: board (the field)"),
        ({"board": {"power": "last", "chip": 2}}, "board: unknown option 'chip'; did you mean 'chips'?"),
        ({"identify": {"command": ["x"]}}, "alternatives[0]: identify: format must be given"),
    ],
)
def test_mistake_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        make_sampler("command", {"alternatives": [{**QUERY, **change}]})
    assert message in str(error.value)


@pytest.mark.parametrize("missing", ["command", "format", "fields"])
def test_what_every_query_needs(missing: str) -> None:
    with pytest.raises(ValueError, match=rf"^alternatives\[0\]: {missing} must be given$"):
        make_sampler("command", {"alternatives": [{name: QUERY[name] for name in QUERY if name != missing}]})


def test_no_query_and_no_time() -> None:
    with pytest.raises(ValueError, match="must have a query"):
        make_sampler("command", {"alternatives": []})
    with pytest.raises(ValueError, match="must be more than 0 s"):
        make_sampler("command", {"alternatives": [QUERY], "timeout": 0})
