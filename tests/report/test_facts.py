"""What a report says of the session and its machine."""

from __future__ import annotations

from pathlib import Path

from pytest_sixdim.report.facts import facts

SESSION = Path("20260301T000000Z-abc")


def test_the_machine_has_the_identity_by_which_two_results_are_compared() -> None:
    machine = {"driver": "550.1", "runtime": "12.4", "identity": {"hash": "0123456789abcdef", "parts": {}}}
    said = dict(facts(SESSION, {"machine": machine})["Machine"])
    assert (said["driver"], said["runtime"], said["identity"]) == ("550.1", "12.4", "0123456789abcdef")


def test_settings_that_decide_a_verdict_are_shown() -> None:
    said = dict(
        facts(SESSION, {"settings": {"contention": "error", "confirm": False, "adapter": "ditorch"}})["Settings"]
    )
    assert (said["other users"], said["run again near a limit"], said["adapter"]) == ("error", "no", "ditorch")
    assert said["data"] == "none given"


def test_what_a_session_does_not_say_is_a_dash() -> None:
    assert dict(facts(SESSION, {})["Machine"])["identity"] == "–"
