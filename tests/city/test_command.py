"""`python -m tests.city` as people type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.replay.read import read_scenario
from tests.city.__main__ import main


def test_the_command_writes_a_scenario(tmp_path: Path) -> None:
    """The folder is made, holds as many cameras and patients as were asked for, and reads back."""
    folder = tmp_path / "new" / "city"
    assert (
        main(["--cameras", "12", "--people", "80", "--patients", "2", "--masks", "0", "--seed", "5", str(folder)]) == 0
    )
    scenario = read_scenario(folder)
    assert (len(scenario.cameras), len(scenario.patients)) == (12, 2)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where the folder should be ends with 2 and words, not with a trace."""
    (tmp_path / "taken").write_text("")
    assert main(["--cameras", "4", "--people", "12", "--patients", "1", str(tmp_path / "taken")]) == 2
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--cameras", "0"], ["--masks", "1.5"], ["--people", "many"]])
def test_numbers_that_make_no_city_are_refused(wrong: list[str], tmp_path: Path) -> None:
    """Counts below one and shares beyond 0..1 end with exit code 2."""
    with pytest.raises(SystemExit) as end:
        main([*wrong, str(tmp_path)])
    assert end.value.code == 2


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """--help shows how a city is written and replayed."""
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "cairn-central replay" in capsys.readouterr().out
