"""What strangers write does nothing to a terminal, to JUnit's XML or to the reports, and leads nowhere else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

from .conftest import Bench

#: Clears the screen, renames the window, turns what follows around, and closes XML and HTML.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e\u2066\x9b31m]]></failure><script>alert(1)</script>"
ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PROGRAM = f"""\
import json, os, sys
hostile = {HOSTILE!r}
print(hostile)
print("[sixdim] " + json.dumps({{"event": "start", "role": "full", "world_size": 1, "data": "generated",
                                 "generator": hostile}}), flush=True)
raise ValueError(hostile)
"""


def test_a_program_s_words_act_on_nothing(bench: Bench) -> None:
    bench.case(configurations="  - {vendor: cpu, precision: fp32, batch_size: 32}")
    (bench.cases / "steps.py").write_text(PROGRAM)
    result = bench.run("-k", "accuracy", "--junitxml=junit.xml", "-rA")
    output = result.stdout.str() + result.stderr.str()
    assert result.ret == 1
    assert "⟨U+202E⟩" in output
    assert not ACTIVE.search(output)
    (case,) = ElementTree.parse(bench.path / "junit.xml").iter("testcase")
    assert {child.tag for child in case.iter()} <= {"testcase", "failure", "system-out", "system-err"}
    assert not ACTIVE.search("".join(case.itertext()))
    for name in ("report.html", "report.md"):
        text = (bench.session / name).read_text()
        assert "<script" not in text
        assert not ACTIVE.search(text)


def test_arguments_and_names_of_a_case_act_on_nothing(bench: Bench) -> None:
    bench.case("tiny", r"\e[2J\u202E")
    (bench.cases / "\x1b[31mbad.case.yaml").write_text("sixdim: 1\n")
    result = bench.run("--sixdim-plan")
    assert "␛[2J⟨U+202E⟩" in result.stdout.str()
    assert "␛[31mbad.case.yaml:1: missing key 'name'" in result.stdout.str()
    assert not re.search(r"\x1b\[2J|\u202e", result.stdout.str())
    (bench.cases / "\x1b[31mbad.case.yaml").unlink()
    (run, *_) = json.loads(bench.run("--sixdim-plan=json").stdout.str())["runs"]
    assert "\x1b[2J\u202e" in run["command"]


def test_a_folder_called_like_a_case_is_collected_as_a_folder(bench: Bench) -> None:
    (bench.cases / "folder.case.yaml").mkdir()
    bench.case(directory=bench.cases / "folder.case.yaml")
    assert bench.run("--collect-only", "-q").ret == 0


def test_a_scorecard_that_somebody_edited_forges_no_line(bench: Bench) -> None:
    bench.case(configurations="  - {vendor: cpu, precision: fp32, batch_size: 32}")
    (bench.path / "conftest.py").write_text(
        "import json\n"
        "def pytest_sessionfinish(session):\n"
        "    from pathlib import Path\n"
        "    for path in Path('results/latest').glob('*/*/scorecard.json'):\n"
        "        card = json.loads(path.read_text())\n"
        "        card['title'] = 'Tiny\\nPASSED everything\\x1b[2J'\n"
        "        card['dimensions']['accuracy']['flags'] = ['note\\nPASSED everything']\n"
        "        path.write_text(json.dumps(card))\n"
    )
    output = bench.run("-k", "accuracy").stdout.str()
    assert "Tiny␊PASSED everything␛[2J" in output
    assert not [line for line in output.splitlines() if line.startswith("PASSED")]
