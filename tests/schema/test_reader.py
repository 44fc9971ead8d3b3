"""Files that are no YAML that we accept, whatever their keys mean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.errors import SchemaError
from pytest_sixdim.schema.reader import read_document
from pytest_sixdim.schema.scalars import scalar


def problems(path: Path) -> str:
    with pytest.raises(SchemaError) as error:
        load_case(path, ["cpu"])
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: the file is empty"),
        ("# only a comment\n", "1: the file is empty"),
        ("---\n", "1: the file is empty"),
        ("- sixdim\n", "1: must be a mapping of keys to values, not a list"),
        ("sixdim\n", "1: must be a mapping of keys to values, not text"),
        ("sixdim: 1\nmetric:\n\tname: top1\n", "3: a tab; YAML is indented with spaces"),
        (
            "sixdim: 1\nmetric: {name: top1\n",
            "3: not valid YAML: did not find expected ',' or '}' (while parsing a flow mapping that begins in line 2)",
        ),
        ("sixdim: 1\nmetric: {unit: %}\n", "2: not valid YAML: found character that cannot start any token"),
        ("sixdim: 1\nname: a\x01\n", "2: not valid YAML: a control character or another that YAML does not allow"),
        (b"sixdim: 1\nname: \xff\n", "2: not UTF-8: byte 0xff"),
        ("sixdim: 1\n? [a]\n: 1\n", "2: a key must be plain text"),
        ("sixdim: 1\n!!str name: a\n", "2: a key must be plain text"),
        ("sixdim: 1\ndata: " + "[" * 30, "2: nested more than 16 levels deep"),
        (b"#" + b"x" * 1_000_000, "1: larger than 1 MB"),
    ],
)
def test_unusable_file_is_one_line_with_its_place(workbench, text: str | bytes, expected: str) -> None:
    assert workbench.refused(text) == [f"tiny.case.yaml:{expected}"]


def test_file_of_exactly_1_mb_is_read(workbench, case_text: str) -> None:
    text = case_text.encode()
    assert workbench.case(text + b"#" + b"x" * (1_000_000 - len(text) - 1)).name == "tiny"


def test_missing_file_cannot_be_read(tmp_path: Path) -> None:
    assert problems(tmp_path / "a.case.yaml") == "a.case.yaml:1: cannot be read: No such file or directory"


def test_broken_link_cannot_be_read(tmp_path: Path) -> None:
    link = tmp_path / "a.case.yaml"
    link.symlink_to(tmp_path / "gone")
    assert problems(link) == "a.case.yaml:1: cannot be read: No such file or directory"


def test_directory_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.case.yaml").mkdir()
    assert problems(tmp_path / "a.case.yaml") == "a.case.yaml:1: cannot be read: a directory"


def test_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.case.yaml")
    assert problems(tmp_path / "a.case.yaml") == "a.case.yaml:1: cannot be read: not a regular file"


def test_file_without_permission_cannot_be_read(workbench, case_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbench.write(case_text)  # taking the permission away would not stop root

    def denied(path: Path, flags: int) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", denied)
        said = problems(path)
    assert said == "tiny.case.yaml:1: cannot be read: Permission denied"


def test_second_document_is_refused(workbench, case_text: str) -> None:
    assert workbench.refused(case_text + "---\nsixdim: 1\n") == [
        "tiny.case.yaml:7: a second YAML document; a file holds one"
    ]


def test_duplicate_key_names_both_lines(workbench, case_text: str) -> None:
    assert workbench.refused(case_text + "name: [other, {name: x}]\n") == [
        "tiny.case.yaml:7: key 'name' is already given in line 2"
    ]


def test_anchor_alias_and_tag_are_refused_each_in_its_line(workbench, case_text: str) -> None:
    extra = "title: &t Tiny\ntask: *t\nflops_per_sample: !!float 5\n"
    assert workbench.refused(case_text + extra) == [
        "tiny.case.yaml:7: anchor &t: write the value out wherever it is needed",
        "tiny.case.yaml:8: alias *t: write the value out",
        "tiny.case.yaml:9: tag 'tag:yaml.org,2002:float': tags are not allowed",
    ]


def test_python_tag_runs_nothing(workbench, case_text: str, tmp_path: Path) -> None:
    text = case_text + f"title: !!python/object/apply:os.mkdir [{tmp_path / 'made'}]\n"
    assert workbench.refused(text) == [
        "tiny.case.yaml:7: tag 'tag:yaml.org,2002:python/object/apply:os.mkdir': tags are not allowed"
    ]
    assert not (tmp_path / "made").exists()


def test_key_without_value_is_refused_once(workbench, case_text: str) -> None:
    assert workbench.refused(case_text + "quick: {batch_size: }\ntitle: ~\n") == [
        "tiny.case.yaml:7: quick.batch_size: has no value",
        "tiny.case.yaml:8: title: has no value",
    ]


def test_byte_order_mark_is_passed_over(workbench, case_text: str) -> None:
    assert workbench.case(b"\xef\xbb\xbf" + case_text.encode()).name == "tiny"


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "2024-12-01", "1:30", "0x1F", "1_000", "1e", "-", "."])
def test_words_that_older_yaml_converts_stay_text(word: str) -> None:
    assert scalar(word) == word


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("1E5", 1e5), ("010", 10), ("-.5", -0.5), ("12.", 12.0), ("+3", 3), ("True", True), ("~", None)],
)
def test_numbers_and_booleans_are_read(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_number_of_many_digits_is_text() -> None:
    assert scalar("9" * 5000) == "9" * 5000


def test_every_value_has_its_line_and_numbers_their_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a:\n  - 12.0\n  -\n    b: x\n")
    document = read_document(path)
    assert document.data == {"a": [12.0, {"b": "x"}]}
    assert document.lines == {(): 1, ("a",): 1, ("a", 0): 2, ("a", 1): 4, ("a", 1, "b"): 4}
    assert document.texts == {("a", 0): "12.0"}


def test_what_an_error_repeats_of_a_file_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[2J.case.yaml"
    path.write_text('"\\e]0;owned\\a": 1\n"\\u202E": 1\n')
    said = problems(path)
    assert all(line.isprintable() and line.startswith("␛[2J.case.yaml:") for line in said.splitlines())


def test_more_values_than_anybody_follows_are_refused(workbench) -> None:
    text = "sixdim: 1\nname: [" + "1," * 60_000 + "]\n"
    assert workbench.refused(text) == ["tiny.case.yaml:2: more than 50000 values"]


def test_of_many_problems_the_first_are_told_and_the_number_of_the_others(workbench, case_text: str) -> None:
    refused = workbench.refused(case_text + "".join(f"zzz{n}: 1\n" for n in range(200)))
    assert len(refused) == 51
    assert refused[0].startswith("tiny.case.yaml:7: unknown key 'zzz0'")
    assert refused[-1] == "tiny.case.yaml:57: 150 more problems from here on"
