"""Rules for contacts are dated data: shipped ones, and a city's own, which are read strictly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from central.app import make_centre
from central.contacts.presets import (
    SHIPPED,
    BadPreset,
    UnknownPreset,
    load_preset,
    load_presets,
    preset_names,
    preset_of,
    preset_to_map,
)
from central.settings import CentreSettings

KDCA, CDC, WHO = "kdca-2022-01", "cdc-2020-10", "who-2021"
OURS: dict[str, Any] = {
    "name": "ours-2026-11",
    "dated": "2026-11-26",
    "source": "The city's health office, an example: within 1.2 m for 10 minutes in 48 hours.",
    "distance_m": 1.2,
    "farthest_counts": True,
    "minutes": 10,
    "within_hours": 48,
    "masks_protect": False,
    "unmeasured_counts": True,
}


def written(folder: Path, file: str = "ours-2026-11", **changes: Any) -> Path:
    """A folder with one preset of the city's own; a field that is changed to `...` is left out."""
    value = {field: given for field, given in (OURS | changes).items() if given is not ...}
    folder.joinpath(f"{file}.json").write_text(json.dumps(value))
    return folder


def test_the_presets_are_dated_data() -> None:
    """The three presets load from files that say of when they are and where they come from."""
    assert set(preset_names()) == {KDCA, CDC, WHO}
    for name in preset_names():
        preset = load_preset(name)
        assert preset.name == name
        assert preset.dated.startswith(("2020", "2021", "2022"))
        assert len(preset.source) > 40


def test_an_unknown_preset_is_refused_with_those_that_exist() -> None:
    """The refusal names the presets, and no path is followed."""
    for ask in (load_preset, lambda name: preset_of(load_presets(), name)):
        with pytest.raises(UnknownPreset) as refusal:
            ask("../presets/who-2021")
        assert KDCA in refusal.value.hint


def test_a_citys_own_rule_stands_beside_the_shipped_ones(tmp_path: Path) -> None:
    """A file in the city's folder is one more rule, and is told as it was written."""
    presets = load_presets(written(tmp_path))
    assert set(presets) == {KDCA, CDC, WHO, "ours-2026-11"}
    assert preset_to_map(preset_of(presets, "ours-2026-11")) == OURS
    assert load_presets() == {name: preset for name, preset in presets.items() if name != "ours-2026-11"}


def test_a_rule_that_says_nothing_of_unmeasured_distances_does_not_count_them(tmp_path: Path) -> None:
    """The one field that may be left out."""
    assert not load_presets(written(tmp_path, unmeasured_counts=...))["ours-2026-11"].unmeasured_counts


@pytest.mark.parametrize(("spoil", "told"), [
    ({"minutes": 0}, "minutes is not minutes above 0"),
    ({"minutes": True}, "minutes is not minutes above 0"),
    ({"minutes": float("nan")}, "minutes is not minutes above 0"),
    ({"distance_m": "far"}, "distance_m is not metres"),
    ({"distance_m": 101}, "distance_m is not metres"),
    ({"within_hours": -1}, "within_hours is not hours"),
    ({"within_hours": ...}, "lacks within_hours"),
    ({"masks_protect": "yes"}, "masks_protect is not true or false"),
    ({"farthest_counts": 1}, "farthest_counts is not true or false"),
    ({"dated": "last year"}, "dated is not a date"),
    ({"dated": 2022}, "dated is not a date"),
    ({"dated": "2022-13"}, "dated is not a date"),
    ({"source": ""}, "source is not a sentence"),
    ({"source": ...}, "lacks source"),
    ({"name": "No Name"}, "name is not a name"),
    ({"name": "another"}, "name is not 'ours-2026-11'"),
    ({"distnace_m": 2}, "has an unknown field 'distnace_m'"),
])  # fmt: skip
def test_a_spoilt_preset_is_refused_by_file_and_field(spoil: dict[str, Any], told: str, tmp_path: Path) -> None:
    """The refusal says which file, which field and what it should be, and the hint where a good one lies."""
    with pytest.raises(BadPreset) as refusal:
        load_presets(written(tmp_path, **spoil))
    assert "ours-2026-11.json" in refusal.value.message
    assert told in refusal.value.message
    assert str(SHIPPED) in refusal.value.hint


@pytest.mark.parametrize("content", ["{", "[]", '"rule"', "null", "[" * 50_000, "\xff"])
def test_what_is_no_preset_at_all_is_refused(content: str, tmp_path: Path) -> None:
    """Torn, of another kind, or deeper than anybody writes: BadPreset."""
    tmp_path.joinpath("torn.json").write_text(content, encoding="latin-1")
    with pytest.raises(BadPreset):
        load_presets(tmp_path)


def test_no_rule_takes_the_name_of_a_shipped_one(tmp_path: Path) -> None:
    """What is called kdca-2022-01 is that rule and no other."""
    with pytest.raises(BadPreset, match="takes the name"):
        load_presets(written(tmp_path, KDCA, name=KDCA))


def test_a_folder_without_a_rule_is_refused(tmp_path: Path) -> None:
    """Whoever names a folder meant a rule to be in it."""
    with pytest.raises(BadPreset, match="there is no preset in"):
        load_presets(tmp_path)


def test_a_centre_does_not_start_on_a_spoilt_rule(tmp_path: Path) -> None:
    """The city's folder of rules is read at the start: a mistake in it is found there and not in a case."""
    (tmp_path / "rules").mkdir()
    settings = CentreSettings(
        database=SecretStr(f"sqlite:///{tmp_path}/centre.db"), authorities={"city": "https://127.0.0.1:9"},
        probes="https://127.0.0.1:9", presets=written(tmp_path / "rules", minutes=0),
    )  # fmt: skip
    with pytest.raises(BadPreset, match="minutes is not minutes above 0"):
        make_centre(settings)
