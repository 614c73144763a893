"""`python -m tests.city` as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from central.replay.read import read_scenario
from tests.city.__main__ import main
from tests.city.photos import DATA


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


def test_a_large_size_is_streamed_and_may_be_made_smaller(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A district with fewer cameras and people is a scenario with outages of nodes, and progress names hours, processor
    time and memory."""
    asked = ["--size", "district", "--cameras", "60", "--people", "700", "--register", "none", "--node-outages", "0.1"]
    assert main([*asked, "--patients", "2", "--seed", "3", str(tmp_path)]) == 0
    scenario = read_scenario(tmp_path)
    assert (len(scenario.cameras), len(scenario.patients)) == (60, 2)
    assert len(scenario.outages) > 10
    told = capsys.readouterr().err
    assert "day 1, hour 9" in told
    assert "s CPU" in told
    assert "MB" in told


def test_too_few_patients_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where hardly anybody passes a camera, there are fewer patients than were asked for, and it says so."""
    asked = ["--size", "district", "--cameras", "4", "--people", "10", "--register", "none", "--patients", "3"]
    assert main([*asked, str(tmp_path)]) == 0
    found = len(read_scenario(tmp_path).patients)
    assert found < 3
    assert f"only {found} people" in capsys.readouterr().err


def test_a_city_that_does_not_fit_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is too small ends with 2, the sizes, and what to do."""
    monkeypatch.setattr("tests.city.write_stream.bytes_of", lambda _: 10**18)
    assert main(["--size", "city", str(tmp_path / "city")]) == 2
    told = capsys.readouterr().err
    assert "GB are needed" in told
    assert "make room" in told


def test_a_register_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of camera sites that does not exist is named as wrong, rather than quietly replaced by the fit."""
    with pytest.raises(SystemExit):
        main(["--size", "district", "--register", str(tmp_path / "none.csv"), str(tmp_path)])
    assert "columns lat and lon" in capsys.readouterr().err


@pytest.mark.parametrize(
    "spoilt", ["name,x\na,1\n", "lat,lon\n37,here\n", "lat,lon\n37,127\n", "lat,lon\n" + "91,0\n" * 40]
)
def test_a_spoilt_register_is_refused(spoilt: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other columns, words for numbers, too few sites and places off the earth end with 2 and words."""
    (tmp_path / "sites.csv").write_text(spoilt)
    assert main(["--size", "district", "--register", str(tmp_path / "sites.csv"), str(tmp_path / "city")]) == 2
    assert "--register none" in capsys.readouterr().err


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """--help shows how a city is written and replayed, and what sizes there are."""
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert "cairn-central replay" in told
    assert "10,820 cameras" in told


ALBUM = ["--size", "album", "--cameras", "12", "--people", "80", "--patients", "2"]


def test_an_album_without_photos_is_simulated_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are no photos of people the faces are simulated, in what is told and in the folder."""
    monkeypatch.setenv(DATA, str(tmp_path))
    assert main([*ALBUM, str(tmp_path / "city")]) == 0
    assert "faces are simulated" in capsys.readouterr().err
    assert json.loads((tmp_path / "city" / "scenario.json").read_text())["made_of"]["faces"].startswith("simulated")


def test_real_faces_without_photos_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for real ones gets no others, and learns where photos may lie; so for a folder without people."""
    monkeypatch.setenv(DATA, str(tmp_path))
    assert main([*ALBUM, "--faces", "real", str(tmp_path / "city")]) == 2
    assert "--photos DIR" in capsys.readouterr().err
    assert main([*ALBUM, "--photos", str(tmp_path / "none"), str(tmp_path / "city")]) == 2
    assert "a folder with photos for each person" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--faces", "real"], ["--photos", "x"], ["--held-out", "0.5"]])
def test_only_an_album_has_photos(option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options of an album are refused for other sizes rather than overlooked."""
    with pytest.raises(SystemExit) as end:
        main([*option, str(tmp_path)])
    assert end.value.code == 2
    assert "--size album" in capsys.readouterr().err
