"""Which calibration the centre reads distances by, and for which models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from central.__main__ import main
from central.app import make_centre
from central.errors import BadSettings
from central.routes.likelihood import CALIBRATIONS, calibration_for, calibration_of
from central.settings import CentreSettings
from edge.vision import MODELS
from shared.calibration.files import calibration_to_map, read_calibration
from shared.epochs import Modality
from shared.errors import BadCalibration, CalibrationMissing
from tests.central.centre_fixtures import Office

PACKAGED = sorted(CALIBRATIONS.glob("*.json"))


def _settings(**changes: Any) -> CentreSettings:
    plain: dict[str, Any] = {
        "database": SecretStr("postgresql://nobody@127.0.0.1:9/none"),
        "authorities": {"city": "https://127.0.0.1:9"},
        "probes": "https://127.0.0.1:9",
    }
    return CentreSettings(**plain | changes)


def _own(folder: Path, name: str = "bucheon-2026-12", **changes: Any) -> Path:
    value = json.loads(PACKAGED[-1].read_text()) | {"name": name, "measured": "2026-12-01"} | changes
    path = folder / f"{name}.json"
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.stem)
def test_every_packaged_calibration_reads_and_writes_back(path: Path) -> None:
    """The files beside the code are complete, named as they are called, say whom they measured, and read back."""
    calibration = read_calibration(path)
    assert calibration_to_map(calibration) == json.loads(path.read_text())
    assert calibration.name == path.stem
    assert set(calibration.origins) == set(Modality)


def test_there_is_a_calibration_of_the_models_on_the_boxes() -> None:
    """What the edge says its models are has a calibration at the centre."""
    assert calibration_for({Modality(name): model for name, model in MODELS.items()}).models == MODELS


def test_another_model_is_refused_by_name(tmp_path: Path) -> None:
    """Neither the packaged ones, nor the city's own file, nor its folder stand in for a model that was not measured."""
    models = {"face": "someones-net-3"}
    for place in (None, _own(tmp_path), tmp_path):
        with pytest.raises(CalibrationMissing, match="someones-net-3"):
            calibration_of(_settings(models=models, calibration=place))


def test_the_city_s_own_calibration_is_used(tmp_path: Path) -> None:
    """A file is taken as it is; of a folder the newest that fits the models."""
    own = _own(tmp_path)
    _own(tmp_path, "bucheon-2026-10", measured="2026-10-01")
    assert calibration_of(_settings(calibration=own)).name == "bucheon-2026-12"
    assert calibration_of(_settings(calibration=tmp_path, models=MODELS)).name == "bucheon-2026-12"
    assert calibration_of(_settings()).name == read_calibration(PACKAGED[-1]).name


def test_a_centre_does_not_start_without_a_sound_calibration(tmp_path: Path) -> None:
    """A missing or spoilt file, an empty folder and an unknown modality are refused at the start, not at a search."""
    spoilt, empty = _own(tmp_path, "spoilt", version=9), tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadCalibration, match="version 9"):
        make_centre(_settings(calibration=spoilt, database=SecretStr(f"sqlite:///{tmp_path}/centre.db")))
    with pytest.raises(BadCalibration, match=r"there is no calibration none\.json"):
        calibration_of(_settings(calibration=tmp_path / "none.json"))
    with pytest.raises(CalibrationMissing, match="no calibration fits any model"):
        calibration_of(_settings(calibration=empty))
    with pytest.raises(BadSettings, match="no modality 'gait'"):
        calibration_of(_settings(models={"gait": "x"}))


def test_a_calibration_is_shown_with_what_it_is_worth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command tells name, day, models, how far a search looks, and how many of the patient's codes are accepted."""
    main(["calibration", "show", str(_own(tmp_path)), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["measured"]) == ("bucheon-2026-12", "2026-12-01")
    face, clothes = sorted(told["modalities"], key=lambda part: -part["bits"])
    assert (face["model"], face["bits"], clothes["bits"]) == (MODELS["face"], 1024, 512)
    assert 300 < face["radius"] < 420
    for worse, better in face["accepted"].values():
        assert 0.2 < worse < better < 1
    main(["calibration", "show", str(PACKAGED[-1])])
    assert PACKAGED[-1].stem in capsys.readouterr().out


def test_everybody_at_the_centre_can_ask_which_calibration_is_in_use(tmp_path: Path) -> None:
    """The API tells a technician and a tracer the same; who shows no token is told nothing."""
    with Office(tmp_path).open() as office:
        answers = [
            office.http.get("/calibration", headers={"Authorization": f"Bearer {office.tokens[name]}"})
            for name in ("tec", "kim")
        ]
        assert office.http.get("/calibration").status_code == 401
    assert [answer.json()["name"] for answer in answers] == ["for tests", "for tests"]
    assert answers[0].json()["modalities"][0]["radius"] > 0


def test_a_spoilt_calibration_is_refused_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, what is wrong, and what to do."""
    path = tmp_path / "bad.json"
    path.write_text("{")
    with pytest.raises(SystemExit, match="2"):
        main(["calibration", "show", str(path)])
    assert "bad.json is no JSON" in capsys.readouterr().err
