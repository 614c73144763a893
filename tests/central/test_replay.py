"""A city of 40 cameras through the whole real path in one process, held against its truth."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from central.__main__ import main
from central.contacts.presets import preset_names
from central.replay.approval import template_of
from central.replay.picture import only
from central.replay.play import NO_FACE, Played, play
from central.replay.read import read_scenario
from central.replay.scenario import Scenario
from central.replay.score import contact_rows, score
from central.routes.likelihood import calibration_for
from central.testimony.comparison import Verdict
from shared.calibration.curves import Calibration
from shared.calibration.files import calibration_to_map, read_calibration
from shared.codes import quantise
from shared.epochs import Modality
from shared.errors import BadInput, ReleaseRefused
from shared.sightings import parse_sighting_id
from tests.city.city import make_city
from tests.city.faces import registered
from tests.city.plan import CityPlan
from tests.city.write import write_scenario

TINY = CityPlan(cameras=12, people=60, patients=2, seed=1, look_alikes=0)
PLAN = CityPlan(cameras=40, people=250, patients=4, seed=2, look_alikes=1, indoor_share=0.3)


@dataclass(frozen=True)
class Replayed:
    folder: Path
    scenario: Scenario
    calibration: Calibration
    played: Played
    words: list[str]

    @property
    def result(self) -> dict[str, Any]:
        return score(self.scenario, self.played)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(make_city(TINY), tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    folder = write_scenario(make_city(PLAN), tmp_path_factory.mktemp("city"))
    scenario, words = read_scenario(folder), list[str]()
    calibration = calibration_for({Modality.FACE: PLAN.face_model})
    return Replayed(folder, scenario, calibration, play(scenario, calibration, words.append), words)


def test_what_is_reported_is_right_and_most_faces_are_found(replayed: Replayed) -> None:
    """Half masked, with a look-alike each: what is reported is the patient's, and of faces most are found.

    Keys are new in each run, so codes and with them the figures vary a little; the bounds leave room for that. What is
    seen without a face is not searched for yet, hence the low share of all sightings.
    """
    totals = replayed.result["totals"]
    assert totals["sightings_true"] > 60
    assert totals["precision"] >= 0.8
    assert totals["recall"] >= 0.3
    found = [entry["recall_of_faces"] for entry in replayed.result["patients"]]
    assert sum(found) / len(found) >= 0.55


def test_in_a_small_scenario_all_references_but_the_first_are_masked(replayed: Replayed) -> None:
    """With few faces to compare, the second reference counts as masked, as registration makes it; one alone is bare."""
    for patient in replayed.scenario.patients:
        bare, masked = quantise(registered(replayed.scenario.references[list(patient.faces)]))
        face = template_of(replayed.scenario, patient).face
        assert face is not None
        assert (face.bare == bare).all()
        assert (face.masked == masked).all()
        alone = template_of(replayed.scenario, replace(patient, faces=patient.faces[:1])).face
        assert alone is not None
        assert (alone.rows == bare).all()


def test_a_masked_reference_is_told_from_a_second_bare_one(tmp_path: Path) -> None:
    """With many faces to compare, masked references are recognised, and a second bare one is not taken for masked."""
    plan = CityPlan(cameras=150, people=2000, patients=8, seed=3)
    scenario = read_scenario(write_scenario(make_city(plan), tmp_path))
    for patient in scenario.patients:
        bare, masked = patient.faces
        told = template_of(scenario, replace(patient, faces=(bare, masked, bare))).face
        assert told is not None
        assert (told.rows == quantise(registered(scenario.references[[bare, masked]]))).all()


def test_routes_stand_in_true_order(replayed: Replayed) -> None:
    """No visit comes before one that truly came earlier, and every time is the truth's to a millisecond."""
    assert replayed.result["totals"]["order_errors"] == 0
    seen = replayed.scenario.sightings
    for answer in replayed.played.answers:
        assert answer.route is not None
        for visit in answer.route.visits:
            row = parse_sighting_id(visit.candidate.sighting)[2]
            assert visit.start.timestamp() == pytest.approx(seen.start[row], abs=0.002)
            assert visit.place == replayed.scenario.cameras[seen.camera[row]]
            assert visit.candidate.mask == seen.mask[row]


def test_time_without_evidence_is_a_gap(replayed: Replayed) -> None:
    """A route that does not span its window says where it knows nothing."""
    for entry, answer in zip(replayed.result["patients"], replayed.played.answers, strict=True):
        assert answer.route is not None
        assert entry["gaps"] == len(answer.route.gaps) > 0


def test_who_was_near_comes_from_the_scenarios_encounters(replayed: Replayed) -> None:
    """Each meeting on a route is an encounter of the scenario, with its times, distance and the other's mask."""
    met, seen = replayed.scenario.encounters, replayed.scenario.sightings
    pairs = {frozenset(pair) for pair in zip(met.a.tolist(), met.b.tolist(), strict=True)}
    checked = 0
    for answer in replayed.played.answers:
        for candidate in answer.candidates:
            row = parse_sighting_id(candidate.sighting)[2]
            own = {k for k in range(len(met)) if row in (met.a[k], met.b[k])}
            assert len(candidate.partners) == len(own)
            for partner in candidate.partners:
                assert frozenset({row, partner.number}) in pairs
                assert partner.mask == seen.mask[partner.number]
                checked += 1
    assert checked > 50


def test_contacts_are_judged_by_every_preset(replayed: Replayed) -> None:
    """Each patient has a verdict by each preset, and what is reported points at sightings of the scenario."""
    assert set(replayed.result["totals"]["contacts"]) == set(preset_names())
    for answer in replayed.played.answers:
        for contacts in answer.contacts.values():
            assert all(rows for rows in contact_rows(answer.route, answer.candidates, contacts))


def test_whom_somebody_met_is_read_from_the_face_that_was_taken_for_the_patient(replayed: Replayed) -> None:
    """Clothes of the same sighting, found in a second round, may have met fewer; whether they stand before or after."""
    checked = 0
    for answer in replayed.played.answers:
        taken = {visit.candidate.sighting for visit in answer.route.visits} if answer.route else set()
        faces = [one for one in answer.candidates if one.modality is Modality.FACE and one.sighting in taken]
        worn = [replace(one, modality=Modality.APPEARANCE, partners=()) for one in faces]
        for contacts in answer.contacts.values():
            rows = contact_rows(answer.route, answer.candidates, contacts)
            others = [one for one in answer.candidates if one.modality is Modality.FACE or one.sighting not in taken]
            assert contact_rows(answer.route, [*others, *worn], contacts) == rows
            assert contact_rows(answer.route, [*worn, *others], contacts) == rows
            checked += len(rows)
    assert checked


def test_every_stage_is_timed_and_told(replayed: Replayed) -> None:
    """Seconds of every stage are given for the city and each patient, and progress names each hour and patient."""
    seconds = replayed.result["totals"]["seconds"]
    stages = {"grants", "encode", "seal", "ingest", "case", "probes", "search", "route", "contacts"}
    assert set(seconds) == stages
    assert all(took >= 0 for took in seconds.values())
    assert sum("UTC" in words for words in replayed.words) >= 15
    assert replayed.played.batches > 50


def test_no_batch_failed(replayed: Replayed) -> None:
    """Everything that was sealed was stored, opened and searched."""
    assert [entry["batches_failed"] for entry in replayed.result["patients"]] == [0] * PLAN.patients


def test_the_result_is_plain_json(replayed: Replayed) -> None:
    """The result survives JSON unchanged and has one entry a patient with all that the format names."""
    result = replayed.result
    assert json.loads(json.dumps(result)) == result
    wanted = {"patient_id", "sightings_reported", "precision", "recall", "f1", "order_errors", "gaps", "contacts"}
    for entry in result["patients"]:
        assert wanted | {"testimony", "seconds"} <= set(entry)
        assert entry["candidates"] >= entry["sightings_reported"]
        assert entry["recall_of_candidates"] >= entry["recall"], "a route holds only what the search found"
        for judged in entry["contacts"].values():
            assert {"precision", "recall", "f1"} <= set(judged)


def test_testimonies_are_held_against_route_and_truth(replayed: Replayed) -> None:
    """Every statement has a verdict with what backs it; a false one is never confirmed, a true one never contradicted
    by all that really happened."""
    rows = [row for entry in replayed.result["patients"] for row in entry["testimony"]]
    assert len(rows) == sum(len(patient.testimony) for patient in replayed.scenario.patients) > 0
    true = Counter(row["true_verdict"] for row in rows)
    assert true["confirmed"] >= PLAN.patients
    totals = replayed.result["totals"]["testimony"]
    assert totals["stays"] == len(rows) == sum(totals[one.value] for one in Verdict)
    assert totals["wrong"] == 0
    assert all(row["sent"] <= row["searched"] <= row["hours"] for row in rows)


def test_without_consent_to_the_face_search_there_is_none(replayed: Replayed, tiny: Path) -> None:
    """A patient who gave only the appearance scope, or none, gets no camera search, and the result says why."""
    known = read_scenario(tiny)
    consents = (("appearance",), ())
    patients = tuple(replace(one, consent=given) for one, given in zip(known.patients, consents, strict=True))
    scenario = replace(known, patients=patients)
    result = score(scenario, play(scenario, replayed.calibration, quietly))
    assert [entry["note"] for entry in result["patients"]] == [NO_FACE, NO_FACE]
    assert [entry["sightings_reported"] for entry in result["patients"]] == [0, 0]


def test_a_scenarios_own_clothes_are_handed_on(tiny: Path) -> None:
    """With the calibration that lies in the folder, clothes whose model nobody shipped are searched for too."""
    scenario = read_scenario(tiny)
    answers = play(scenario, read_calibration(tiny / "calibration.json"), quietly).answers
    found = {candidate.modality for answer in answers for candidate in answer.candidates}
    assert found == {Modality.FACE, Modality.APPEARANCE}


def test_patients_who_are_asked_make_their_routes_no_worse(tiny: Path, replayed: Replayed) -> None:
    """Each is asked what the page would ask, answers truly, and is searched again; the result tells how it went on."""
    scenario = read_scenario(tiny)
    played = play(scenario, replayed.calibration, quietly, ask=4)
    rounds = score(scenario, played)["totals"]["by_questions"]
    assert rounds[0]["asked"] == 0
    assert 0 < rounds[-1]["asked"] <= 4
    assert rounds[-1]["f1"] >= rounds[0]["f1"]
    assert score(scenario, played)["totals"]["f1"] == rounds[-1]["f1"]


def test_a_window_narrows_what_is_reported(replayed: Replayed, tiny: Path) -> None:
    """A patient's window of three hours gives no visit outside of it."""
    known = read_scenario(tiny)
    middle = known.start + timedelta(hours=5)
    window = (middle, middle + timedelta(hours=3))
    scenario = replace(known, patients=tuple(replace(one, window=window) for one in known.patients))
    answers = play(scenario, replayed.calibration, quietly).answers
    visits = [visit for answer in answers if answer.route for visit in answer.route.visits]
    assert visits
    assert all(visit.start < window[1] and visit.end >= window[0] for visit in visits)


def test_a_node_whose_clock_is_three_minutes_off_is_played_through(replayed: Replayed, tiny: Path) -> None:
    """One cell's times are all three minutes late: nothing fails, and what is reported keeps the order that boxes said;
    a sighting that nobody could have walked to in time is left out rather than believed."""
    known = read_scenario(tiny)
    seen, met = known.sightings, known.encounters
    cell = known.cameras[int(np.bincount(seen.camera).argmax())].cell
    late = 180.0 * np.array([place.cell == cell for place in known.cameras])[seen.camera]
    late[seen.end + late > known.end.timestamp()] = 0.0
    scenario = replace(
        known,
        sightings=replace(seen, start=seen.start + late, end=seen.end + late),
        encounters=replace(met, start=met.start + late[met.a], end=met.end + late[met.a]),
    )
    result = score(scenario, play(scenario, replayed.calibration, quietly))
    assert result["totals"]["order_errors"] == 0
    assert [entry["batches_failed"] for entry in result["patients"]] == [0, 0]
    assert result["totals"]["precision"] >= 0.8


def test_a_window_of_more_than_a_fortnight_is_refused(replayed: Replayed, tiny: Path) -> None:
    """The replay asks the real authorities' rules, so a window of 15 days is a ReleaseRefused."""
    known = read_scenario(tiny)
    end = known.start + timedelta(days=15)
    patient = replace(known.patients[0], window=(known.start, end))
    with pytest.raises(ReleaseRefused, match="14 days"):
        play(replace(known, end=end, patients=(patient,)), replayed.calibration, quietly)


def test_a_scenario_of_two_days_needs_two_grants(replayed: Replayed, tmp_path: Path) -> None:
    """Grants reach 24 hours ahead, so boxes fetch again each day; sightings of both days are found."""
    scenario = read_scenario(write_scenario(make_city(replace(TINY, days=2, patients=1)), tmp_path))
    (answer,) = play(scenario, replayed.calibration, quietly).answers
    assert answer.failed == 0
    days = {candidate.start.date() for candidate in answer.candidates}
    assert max(days) - min(days) >= timedelta(days=1)


def test_the_command_writes_the_result_and_prints_a_table(
    replayed: Replayed, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`cairn-central replay DIR --json FILE` prints a row a patient and one for all, and writes the whole result."""
    calibration, out = tmp_path / "calibration.json", tmp_path / "new" / "result.json"
    calibration.write_text(json.dumps(calibration_to_map(replayed.calibration)))
    drawn = tmp_path / "maps" / "route.svg"
    asked = ["replay", str(tiny), "--json", str(out), "--calibration", str(calibration)]
    main([*asked, "--map", str(drawn), "--map-of", "patient-2", "--map-language", "ko"])
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table] == ["patient", "patient-1", "patient-2", "all"]
    written = json.loads(out.read_text())
    assert [entry["patient_id"] for entry in written["patients"]] == ["patient-1", "patient-2"]
    assert f"{written['totals']['precision']:.3f}" in table[-1]
    assert written["warnings"] == []
    picture = drawn.read_text()
    assert drawn.stat().st_mode & 0o777 == 0o600, "it names contacts"
    assert "patient-2" in picture
    assert "실제 경로" in picture, "the true way is drawn beside the route"


def test_only_some_patients_may_be_searched_for(tiny: Path) -> None:
    """--only keeps the named patients, in the scenario's order, and the rest of the scenario as it is."""
    scenario = read_scenario(tiny)
    kept = only(scenario, ["patient-2"])
    assert [patient.patient for patient in kept.patients] == ["patient-2"]
    assert kept.sightings is scenario.sightings
    with pytest.raises(BadInput, match="no patient 'patient-9'"):
        only(scenario, ["patient-2", "patient-9"])


def test_a_map_of_nobody_is_refused_before_anything_is_played(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no patient has ends at once, and the hint lists those that there are."""
    with pytest.raises(SystemExit) as end:
        main(["replay", str(tiny), "--map", "route.svg", "--map-of", "patient-7"])
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert "no patient 'patient-7'" in told
    assert "patient-1, patient-2" in told
    assert "sightings sent" not in told


def test_files_that_cannot_be_written_are_refused_before_anything_is_played(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder, a device, a patient for a map that is not asked for: at once, and not after minutes."""
    for wrong in (["--json", str(tmp_path)], ["--map", "/dev/null"], ["--map-of", "patient-1"], ["--ask", "-1"]):
        with pytest.raises(SystemExit, match="2"):
            main(["replay", str(tiny), *wrong])
        told = capsys.readouterr().err
        assert ("--map FILE" if "--map-of" in wrong else wrong[1]) in told
        assert "sightings sent" not in told


def test_a_scenario_without_patients_says_what_to_leave_out(tiny: Path) -> None:
    """Whichever of the two options asked for a patient."""
    with pytest.raises(BadInput, match="has no patient") as refused:
        only(replace(read_scenario(tiny), patients=()), ["patient-1"])
    assert "--only" in (refused.value.hint or "")


def test_the_command_refuses_a_folder_that_is_no_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without scenario.json ends with exit code 2, the file's name and a remedy on stderr."""
    with pytest.raises(SystemExit) as end:
        main(["replay", str(tmp_path)])
    assert end.value.code == 2
    assert "scenario.json" in capsys.readouterr().err


def test_a_replay_that_is_interrupted_leaves_no_file(
    replayed: Replayed, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary folder with keys and batches is gone, also when a replay ends half-way."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def interrupt(words: str) -> None:
        if words.startswith("patient"):
            assert list(tmp_path.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(read_scenario(tiny), replayed.calibration, interrupt)
    assert list(tmp_path.iterdir()) == []


def quietly(_: str) -> None:
    """Progress that nobody reads."""
