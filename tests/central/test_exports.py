"""A case as files: read back by the rules of those who import them, kept from spreadsheets' formulas, and noted."""

from __future__ import annotations

import csv
import io
import json
import resource
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.contacts.presets import load_preset
from central.exports.files import Table, shown
from central.exports.formats import Format, export
from central.exports.geojson import geojson
from central.exports.go_data import certainty, duration, frequency, go_data
from central.exports.material import Material, OfCase
from central.exports.plain_csv import plain_csv
from central.exports.sormas import Dates, proximity, sormas
from central.routes.reconstruct import route_to_map
from central.routes.route import Route
from central.saving import FileExists, save
from shared.errors import BadInput
from shared.face_mask import FaceMask
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
from tests.central.found_route import a_day, a_route, ask, at, keep, meeting, visit
from tests.central.import_rules import go_data_records, rows_of, sormas_records
from tests.central.test_pages import signed_in, text_of

GOLDEN = Path(__file__).parent / "golden_exports"
SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def material(route: Route | None = None, preset: str = "kdca-2022-01", zone: ZoneInfo = SEOUL) -> Material:
    of = OfCase("case-17", "kr-idcpa-76-2", at(8) + timedelta(days=1))
    found, made = at(9) + timedelta(days=1), at(9, 30) + timedelta(days=1)
    return Material.of_route(of, found, made, zone, route_to_map(route or a_day()), load_preset(preset))


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as whole:
        return {name: whole.read(name) for name in whole.namelist()}


def files(kind: Format, made: Material | None = None) -> dict[str, bytes]:
    done = export(made or material(), kind)
    return {done.name: done.content} if kind is Format.GEOJSON else unpacked(done.content)


# what others import


@pytest.mark.parametrize("kind", list(Format))
def test_exported_files_stay_as_they_are(kind: Format) -> None:
    """Files that other systems read do not change by accident: they are compared with golden ones, byte by byte."""
    for name, content in files(kind).items():
        assert content == (GOLDEN / f"{kind}-{name}").read_bytes(), f"{kind}-{name} changed: see make_golden_exports"


def test_go_data_takes_the_case_and_then_its_contacts() -> None:
    """By its importer's own rules: labels, required fields, words and days; each contact refers to the case."""
    made = files(Format.GO_DATA)
    (case,) = go_data_records(made["1-cases.csv"], "case")
    contacts = go_data_records(made["2-contacts.csv"], "contact")
    assert case["classification"] == "Confirmed"
    assert case["isDateOfReportingApproximate"] == "TRUE"
    assert [one["firstName"] for one in contacts] == ["KQ7MXA2B", "ZP4T9CDE"]
    assert {one["relationship.persons[].id"] for one in contacts} == {case["visualId"]} == {"case-17"}
    assert {one["relationship.contactDate"] for one in contacts} == {"2026-11-23"}
    assert "nearest 0.8 m" in contacts[0]["relationship.comment"]


@pytest.mark.parametrize("dates", list(Dates))
def test_sormas_takes_the_contacts_of_a_case(dates: Dates) -> None:
    """Two header rows, fields and constants that it has, days in the format of the user's language."""
    (table,) = sormas(material(), dates)
    first, second = sormas_records(table.content(), dates.form)
    assert (first["person.firstName"], first["person.lastName"]) == ("KQ7MXA2B", "case-17")
    assert {first["person.sex"], second["person.sex"]} == {"UNKNOWN"}
    assert (first["contactProximity"], second["contactProximity"]) == ("CLOSE_CONTACT", "SAME_ROOM")
    assert first["lastContactDate"] == {"m": "11/23/2026", "d": "23/11/2026"}[dates.value[0]].replace(
        "/", "." if dates is Dates.DOTS else "/"
    )
    assert "firstContactDate" not in first


def test_sormas_is_told_nothing_that_is_not_true() -> None:
    """Outdoors beyond one metre no word of its list fits, so the cell stays empty; several days are marked as such."""
    far = a_route(
        visit("crossing", at(10), 30, meeting("AAAA2222", at(10), 20, 1.6)),
        visit("crossing", at(34), 30, meeting("AAAA2222", at(34), 20, 1.6)),
    )
    (contact,) = material(far).contacts
    assert proximity(contact) == ""
    (table,) = sormas(material(far), Dates.MONTH_FIRST)
    (record,) = sormas_records(table.content())
    assert "contactProximity" not in record
    assert (record["multiDayContact"], record["firstContactDate"]) == ("TRUE", "11/23/2026")


def test_doubt_goes_with_the_contact() -> None:
    """Low certainty where the distance could be over the limit, medium where a mask was not seen, else high."""
    near = meeting("AAAA2222", at(10), 20, 0.8)
    edge = replace(near, min_distance_m=1.95, distance_error_m=0.5)
    levels = []
    for one in (near, replace(near, mask=FaceMask.UNKNOWN), edge):
        (contact,) = material(a_route(visit("cafe", at(10), 30, one, mask=FaceMask.WORN))).contacts
        levels.append(certainty(contact))
    assert levels[0] == "3 - High"
    assert levels[2] == "1 - Low"
    assert levels[1] != "3 - High"


def test_people_who_may_be_contacts_are_in_the_table_and_in_no_import() -> None:
    """Ten minutes as measured, up to forty if distances are wrong: the tracer sees it, no other system does."""
    near = replace(meeting("BBBB3333", at(10), 40, 1.9), distance_error_m=0.3, near_s=(0, 0, 0, 600, 2400))
    made = material(
        a_route(visit("cafe", at(10), 45, near), visit("cafe", at(12), 30, meeting("AAAA2222", at(12), 20, 0.8)))
    )
    assert [one.pseudonym for one in made.contacts] == ["AAAA2222"]
    header, *rows = rows_of(plain_csv(made)[1].content())
    told = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert (told["AAAA2222"]["counts"], told["BBBB3333"]["counts"]) == ("TRUE", "FALSE")
    assert told["BBBB3333"]["in_doubt_by"] == "distance"
    assert float(told["BBBB3333"]["most_minutes"]) >= 15 > float(told["BBBB3333"]["counted_minutes"])
    for kind in (Format.GO_DATA, Format.SORMAS, Format.GEOJSON):
        assert not any(b"BBBB3333" in content for content in files(kind, made).values())


def test_durations_and_frequencies_have_go_datas_words() -> None:
    """Their edges lie where the words say."""
    (contact, _) = material().contacts
    assert [duration(replace(contact, minutes=n)) for n in (0.5, 59, 61, 1441)] == [
        "Very short (seconds)", "Short (minutes)", "Medium (hours)", "Long (days)",
    ]  # fmt: skip
    (one,) = contact.exposures
    assert [frequency(replace(contact, exposures=(one,) * n)) for n in (1, 5, 6, 20, 21)] == [
        "1-5 Times", "1-5 Times", "6-10 Times", "11-20 Times", "Over 21 times",
    ]  # fmt: skip


def test_a_patient_who_met_nobody_makes_files_with_headers_only() -> None:
    """And one who was never seen is an answer: a file with one gap."""
    empty = material(a_route())
    assert go_data_records(go_data(empty)[1].content(), "contact") == []
    assert sormas_records(sormas(empty, Dates.DOTS)[0].content()) == []
    route = rows_of(plain_csv(empty)[0].content())
    assert [row[0] for row in route[1:]] == ["gap"]
    assert json.loads(geojson(empty, "").content)["features"][0]["geometry"] is None


def test_the_note_says_what_is_a_pseudonym() -> None:
    """Every archive has a note in English and Korean that names the zone, the rule and what the names are."""
    for kind in (Format.GO_DATA, Format.SORMAS, Format.CSV):
        note = files(kind)["README.txt"].decode()
        for word in ("PSEUDONYMS", "KQ7MXA2B", "가명", "Asia/Seoul", "kdca-2022-01", "case-17"):
            assert word in note, (kind, word)
        assert "{" not in note


# the tables


def test_tables_give_each_time_locally_and_in_utc() -> None:
    """The local one has its offset, the zone is named, and both are one moment."""
    header, *rows = rows_of(files(Format.CSV)["route.csv"])
    first = dict(zip(header, rows[1], strict=True))
    assert (first["kind"], first["start_local"]) == ("visit", "2026-11-23T09:50:00+09:00")
    assert (first["zone"], first["start_utc"]) == ("Asia/Seoul", "2026-11-23T00:50:00+00:00")
    kinds = [row[0] for row in rows]
    assert kinds[0] == "gap"
    assert {"visit", "way", "gap", "stay"} == set(kinds)
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)


def test_an_hour_that_a_clock_change_repeats_stays_two_hours() -> None:
    """The offset tells 01:30 before a change of the clocks from 01:30 after it."""
    autumn = at(9) + timedelta(days=-29)  # 25 October 2026, 00:00 UTC: Berlin turns back at 01:00 UTC
    made = material(zone=ZoneInfo("Europe/Berlin"))
    assert made.local(autumn + timedelta(minutes=30)) == "2026-10-25T02:30:00+02:00"
    assert made.local(autumn + timedelta(minutes=90)) == "2026-10-25T02:30:00+01:00"


@given(st.text(max_size=40))
def test_no_cell_is_run_as_a_formula(text: str) -> None:
    """Whatever words are in a cell, none begins like a formula, and the file is read back to the same rows."""
    content = Table("t.csv", ("a", "b"), [(text, 1.5)]).content()
    (_, (cell, number)) = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert cell in (text, f"'{text}")
    assert number == "1.5"


def test_numbers_below_zero_stay_numbers() -> None:
    """A western longitude is no formula."""
    assert [shown(cell) for cell in (-3.7, "-3.7", "=1+1", None, True)] == ["-3.7", "'-3.7", "'=1+1", "", "TRUE"]


# the map


def valid(geometry: dict[str, Any] | None) -> None:
    """RFC 7946, section 3.1: longitude, latitude; a line has two or more positions."""
    if geometry is None:
        return
    assert geometry.keys() == {"type", "coordinates"}
    positions = [geometry["coordinates"]] if geometry["type"] == "Point" else geometry["coordinates"]
    assert geometry["type"] in ("Point", "LineString")
    assert geometry["type"] == "Point" or len(positions) >= 2
    for position in positions:
        assert len(position) == 2
        assert -180 <= position[0] <= 180
        assert -90 <= position[1] <= 90


def test_the_map_is_valid_geojson() -> None:
    """Every member that RFC 7946 asks for is there, none that it forbids, longitude comes first, the box holds all."""
    whole = json.loads(files(Format.GEOJSON)["case-17.geojson"])
    assert whole["type"] == "FeatureCollection"
    assert "crs" not in whole
    west, south, east, north = whole["bbox"]
    for feature in whole["features"]:
        assert feature.keys() == {"type", "geometry", "properties"}
        assert feature["type"] == "Feature"
        valid(feature["geometry"])
        if feature["geometry"] and feature["geometry"]["type"] == "Point":
            longitude, latitude = feature["geometry"]["coordinates"]
            assert west <= longitude <= east
            assert south <= latitude <= north


def test_the_map_marks_gaps_and_never_draws_a_line_to_itself() -> None:
    """Ways and gaps between two places are lines; gaps at the window's ends have no place."""
    whole = json.loads(files(Format.GEOJSON)["case-17.geojson"])
    kinds: dict[str, list[Any]] = {}
    for feature in whole["features"]:
        kinds.setdefault(feature["properties"]["kind"], []).append(feature)
    assert (len(kinds["visit"]), len(kinds["exposure"]), len(kinds["stay"])) == (6, 2, 2)
    assert all(one["geometry"]["type"] == "LineString" for one in kinds["way"])
    gaps = [one["geometry"] for one in kinds["gap"]]
    assert [one and one["type"] for one in gaps] == [None, "LineString", None]
    assert all(one["properties"]["not_seen"] for one in kinds["gap"])
    again = a_route(visit("cafe", at(9)), visit("cafe", at(15)))
    lines = [f["geometry"] for f in json.loads(geojson(material(again), "").content)["features"]]
    assert not any(line and line["type"] == "LineString" for line in lines)


# who, and what is noted


@pytest.mark.parametrize("kind", list(Format))
def test_an_export_is_noted_before_it_leaves(office: Office, kind: Format) -> None:
    """Saved, never shown; the log has who, which format and which rule, and the patient's report counts it."""
    office.approved()
    keep(office)
    answer = ask(office, "kim", f"/cases/{CASE}/export", format=kind.value)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{CASE}')
    assert answer.headers["cache-control"] == "no-store"
    last = office.audit()[-1]
    assert (last.account, last.action, last.case, last.detail) == (
        "kim", "read export", CASE, f"{kind.value} kdca-2022-01",
    )  # fmt: skip
    report = office.as_("kim").ask("GET", f"/cases/{CASE}/report")
    assert "export" in json.dumps(report["reads"])


def test_only_who_works_on_the_case_exports_it(office: Office) -> None:
    """Another tracer and the approver get no file, and nothing is noted as read; a stranger is not answered."""
    office.approved()
    keep(office)
    for who, status in (("tam", 404), ("lee", 403), ("oda", 403), ("adm", 403)):
        assert ask(office, who, f"/cases/{CASE}/export", format="csv").status_code == status, who
    assert office.http.get(f"/cases/{CASE}/export?format=csv").status_code == 401
    assert "read export" not in [one.action for one in office.audit()]


def test_nothing_is_exported_of_what_may_not_be_read(office: Office) -> None:
    """Before a search there is no route; after a withdrawal none any more, however the file is asked for."""
    kim = office.approved()
    assert ask(office, "kim", f"/cases/{CASE}/export", format="csv").status_code == 404
    keep(office)
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    keep(office)  # even if something of it were left
    answer = ask(office, "kim", f"/cases/{CASE}/export", format="csv")
    assert (answer.status_code, answer.json()["error"]) == (409, "CaseEnded")


def test_formats_and_rules_that_do_not_exist_are_named(office: Office) -> None:
    """A word of the caller's choosing never reaches the log."""
    office.approved()
    keep(office)
    for params in ({"format": "=cmd"}, {"format": "csv", "preset": "../x"}, {"format": "sormas", "dates": "y"}):
        answer = ask(office, "kim", f"/cases/{CASE}/export", **params)
        assert answer.status_code == 422, params
    assert not any("cmd" in one.detail for one in office.audit())


# by command and on the pages


def test_the_command_saves_a_file_for_its_owner_only(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mode 0600, the place is printed, nothing else is left beside it."""
    office.approved()
    keep(office)
    folder = tmp_path / "out"
    folder.mkdir()
    office.typed("export", CASE, "--format", "godata", "--out", str(folder / "a.zip"), "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(folder / "a.zip")
    assert [path.name for path in folder.iterdir()] == ["a.zip"]
    assert (folder / "a.zip").stat().st_mode & 0o777 == 0o600
    assert set(unpacked((folder / "a.zip").read_bytes())) == {"1-cases.csv", "2-contacts.csv", "README.txt"}


def test_the_command_replaces_nothing_without_being_told(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused before anything is asked of the centre; with --force the new file has the place, whole."""
    office.approved()
    keep(office)
    out = tmp_path / "a.geojson"
    out.write_text("mine")
    before = len(office.audit())
    for wrong in (out, tmp_path, tmp_path / "no" / "a.zip"):
        with pytest.raises(SystemExit, match="2"):
            office.typed("export", CASE, "--format", "geojson", "--out", str(wrong))
    assert "--force" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert len(office.audit()) == before
    office.typed("export", CASE, "--format", "geojson", "--out", str(out), "--force")
    assert json.loads(out.read_text())["type"] == "FeatureCollection"
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_refused_command_leaves_no_file(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The centre's own reason is told, and nothing is written."""
    office.approved()
    with pytest.raises(SystemExit, match="2"):
        office.typed("export", CASE, "--format", "csv", "--out", str(tmp_path / "a.zip"))
    assert "NotFound" in capsys.readouterr().err
    assert not list(tmp_path.glob("*a.zip*"))


def test_somebody_quicker_is_not_overwritten(tmp_path: Path) -> None:
    """A file that appears between the question and the writing stays as it is, and no half-written one is left."""
    path = tmp_path / "a.zip"
    path.write_text("theirs")
    with pytest.raises(FileExists):
        save(path, b"ours", force=False)
    with pytest.raises(BadInput):
        save(tmp_path / "no" / "a.zip", b"ours", force=True)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.zip", "theirs")]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """What cannot be written whole is not written at all, and an earlier file stays."""
    path = tmp_path / "a.zip"
    path.write_text("earlier")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(BadInput, match="cannot write"):
            save(path, b"x" * 5000, force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.zip", "earlier")]


def test_the_page_offers_the_file_in_both_languages(office: Office) -> None:
    """The choice says what leaves and that it is noted; the file is the API's own; looking at the choice notes none."""
    office.approved()
    keep(office)
    with office.browser() as browser:
        signed_in(office, browser)
        assert f"/pages/cases/{CASE}/export" in browser.get(f"/pages/cases/{CASE}").text
        page = browser.get(f"/pages/cases/{CASE}/export")
        assert "audit log" in text_of(page)
        assert "가명" in text_of(browser.get(f"/pages/cases/{CASE}/export", params={"language": "ko"}))
        assert "read export" not in [one.action for one in office.audit()]
        asked = {"format": "csv", "preset": "kdca-2022-01", "dates": "m/d/yyyy"}
        file = browser.get(f"/pages/cases/{CASE}/export/file", params=asked)
        assert "route.csv" in unpacked(file.content)
        assert file.headers["content-disposition"].startswith("attachment")
    assert office.audit()[-1].action == "read export"
