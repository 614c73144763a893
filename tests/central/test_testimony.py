"""A timeline kept by hand: for who refuses every camera, and beside the route for who does not."""

from __future__ import annotations

import argparse
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.__main__ import main
from central.authority.released import Recipient
from central.cases.options import moment
from central.testimony.service import _SOMEBODY, MAX_VISITS
from shared.errors import ReleaseRefused
from shared.releases import check_scope
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office
from tests.central.test_cases import refusal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PATH = f"/cases/{CASE}/testimony"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def manual(office: Office) -> Any:
    """A case of a patient who refuses every camera search; the tracer's client."""
    kim = office.as_("kim")
    kim.open(office.scope(cells=(), consents=()), office.keys["kim"])
    return kim


def visit(**changes: Any) -> dict[str, Any]:
    plain = {"place": "bakery", "start": (NOW - 3 * HOUR).isoformat(), "end": (NOW - 2 * HOUR).isoformat()}
    return plain | changes


# the camera-free case


def test_a_patient_who_refuses_both_gets_a_case_without_cameras(office: Office) -> None:
    """It is shown as what it is; the refusal of both is taken down, signed and handed out like a consent."""
    kim = manual(office)
    assert (kim.show(CASE)["state"], kim.show(CASE)["manual"]) == ("manual", True)
    answer = office.receipt(scopes=(), refused=("face", "appearance"))
    assert kim.consent(answer, office.keys["kim"])["consent"]["refused"] == ["face", "appearance"]
    (event,) = kim.ask("GET", f"/cases/{CASE}/consent.json")["events"]
    assert (event["event_state"], event["scopes"]) == ("consent_refused", ["face", "appearance"])
    assert kim.fetch(f"/cases/{CASE}/consent.pdf").startswith(b"%PDF")
    assert [line["state"] for line in kim.ask("GET", "/cases")] == ["manual"]


def test_nothing_of_a_manual_case_is_ever_searched(office: Office) -> None:
    """No consent to a search, no template, no approval, no search: each refused by the same name."""
    kim, key = manual(office), office.keys["kim"]
    assert refusal(lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs")) == (409, "CameraFree")
    assert refusal(lambda: kim.register(CASE, office.sealed_template())) == (409, "CameraFree")
    assert refusal(lambda: kim.consent(office.receipt(), key)) == (409, "CameraFree")
    body = {"approved_at": NOW.isoformat(), "approver_signature": ""}
    assert refusal(lambda: office.as_("lee").ask("POST", f"/cases/{CASE}/approve", body)) == (409, "CameraFree")
    assert list((office.folder / "templates").glob("*")) == []


def test_every_authority_refuses_a_scope_without_cells(office: Office) -> None:
    """Even signed by two people: a manual case has nothing that keys could be released for."""
    scope = office.scope(cells=(), consents=())
    with pytest.raises(ReleaseRefused):
        check_scope(scope, NOW)
    for authority in office.world.authorities:
        with pytest.raises(ReleaseRefused):
            authority.release(office.world.release(scope), Recipient.SEARCH, office.world.probes.public)


def test_a_manual_case_is_bounded_like_any_other(office: Office) -> None:
    """A basis, a window within two weeks, an end within two weeks, the opener's own signature; half of one is none."""
    kim, key = office.as_("kim"), office.keys["kim"]
    free: dict[str, Any] = {"cells": (), "consents": ()}
    wrong = ({"purpose": "curiosity"}, {"start": NOW - 20 * DAY}, {"expires": NOW + 100 * DAY}, {"end": NOW + DAY})
    for changes in wrong:
        scope = office.scope(**(free | changes))
        assert refusal(lambda scope=scope: kim.open(scope, key))[0] == 403, changes  # type: ignore[misc]
    assert refusal(lambda: kim.open(office.scope(cells=()), key)) == (403, "ReleaseRefused")
    assert refusal(lambda: kim.open(office.scope(consents=()), key)) == (403, "ReleaseRefused")
    assert refusal(lambda: kim.open(office.scope(**free), office.keys["tam"])) == (403, "ReleaseRefused")


def test_a_manual_case_is_withdrawn_and_closed_like_any_other(office: Office) -> None:
    """Its timeline goes with a withdrawal and stays, to be read, after a closing."""
    kim = manual(office)
    kim.ask("POST", PATH, visit())
    assert kim.ask("POST", f"/cases/{CASE}/close")["state"] == "closed"
    assert len(kim.ask("GET", PATH)) == 1
    assert refusal(lambda: kim.ask("POST", PATH, visit())) == (409, "CaseEnded")
    assert kim.ask("POST", f"/cases/{CASE}/withdraw")["state"] == "withdrawn"
    assert refusal(lambda: kim.ask("GET", PATH)) == (409, "CaseEnded")


# the timeline


def test_a_timeline_is_told_changed_and_read_in_order(office: Office) -> None:
    """With the patient's own clock beside UTC; what was said before a change is gone, that it changed is on record."""
    kim = manual(office)
    late = kim.ask("POST", PATH, visit(place="pharmacy", start=(NOW - HOUR).isoformat(), end=NOW.isoformat()))
    early = kim.ask("POST", PATH, visit(camera="door", latitude=37.5, longitude=126.76, note="bought bread"))
    assert [one["place"] for one in kim.ask("GET", PATH)] == ["bakery", "pharmacy"]
    assert early["local_start"] == "2026-11-24T15:30:00+09:00"
    assert early["start"] == "2026-11-24T06:30:00Z"
    kim.ask("PUT", f"{PATH}/{early['id']}", visit(place="butcher", zone="America/New_York"))
    (first, _) = kim.ask("GET", PATH)
    assert (first["place"], first["camera"], first["note"]) == ("butcher", None, "")
    assert first["local_start"].endswith("-05:00")
    assert first["changed_at"]
    kim.ask("DELETE", f"{PATH}/{late['id']}")
    assert [one["place"] for one in kim.ask("GET", PATH)] == ["butcher"]
    told = [(entry.action, entry.detail) for entry in office.audit() if entry.action.startswith("testimony")]
    assert told == [
        ("testimony added", f"visit {late['id']}"),
        ("testimony added", f"visit {early['id']}"),
        ("testimony changed", f"visit {early['id']}"),
        ("testimony removed", f"visit {late['id']}"),
    ]
    assert not any("bakery" in json.dumps(entry.model_dump(), default=str) for entry in office.audit())
    files = b"".join(path.read_bytes() for path in office.folder.glob("centre.sqlite*"))
    for gone in (b"bakery", b"pharmacy", b"bought bread"):
        assert gone not in files


def test_a_case_with_cameras_has_a_timeline_too(office: Office) -> None:
    """Told before or after the search, to be compared with the route."""
    kim = office.approved()
    kim.ask("POST", PATH, visit(camera="door"))
    assert kim.ask("GET", PATH)[0]["camera"] == "door"


def test_a_timeline_is_its_tracers_alone(office: Office) -> None:
    """Another tracer learns nothing of it; approver, officer and technician have no business there."""
    kim = manual(office)
    entered = kim.ask("POST", PATH, visit())["id"]
    tam = office.as_("tam")
    for act in (
        lambda: tam.ask("GET", PATH),
        lambda: tam.ask("POST", PATH, visit()),
        lambda: tam.ask("PUT", f"{PATH}/{entered}", visit()),
        lambda: tam.ask("DELETE", f"{PATH}/{entered}"),
    ):
        assert refusal(act) == (404, "NotFound")
    for who in ("lee", "oda", "tec", "adm"):
        assert refusal(lambda who=who: office.as_(who).ask("GET", PATH)) == (403, "NotAllowed")  # type: ignore[misc]
    assert office.http.get(PATH).status_code == 401


def test_a_visit_of_another_case_cannot_be_reached_through_ones_own(office: Office) -> None:
    """Nor one that was removed, nor one that never was."""
    kim = manual(office)
    tam = office.as_("tam")
    tam.open(office.scope("case-tam", "tam", cells=(), consents=()), office.keys["tam"])
    theirs = tam.ask("POST", "/cases/case-tam/testimony", visit())["id"]
    own = kim.ask("POST", PATH, visit())["id"]
    kim.ask("DELETE", f"{PATH}/{own}")
    for number in (theirs, own, "0" * 32):
        assert refusal(lambda number=number: kim.ask("DELETE", f"{PATH}/{number}")) == (404, "NotFound")  # type: ignore[misc]
        assert refusal(lambda number=number: kim.ask("PUT", f"{PATH}/{number}", visit())) == (404, "NotFound")  # type: ignore[misc]
    assert len(tam.ask("GET", "/cases/case-tam/testimony")) == 1


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a time without a zone": ({"start": "2026-11-24T06:00:00"}, "BadRequest"),
    "no time": ({"end": "yesterday"}, "BadRequest"),
    "the end before the begin": ({"end": (NOW - 4 * HOUR).isoformat()}, "BadInput"),
    "the future": ({"end": (NOW + HOUR).isoformat()}, "BadInput"),
    "a hundred years ago": ({"start": "1926-11-24T06:00:00Z", "end": "1926-11-24T07:00:00Z"}, "BadInput"),
    "before the window": (
        {"start": (NOW - 3 * DAY).isoformat(), "end": (NOW - 3 * DAY + HOUR).isoformat()}, "BadInput",
    ),
    "from long ago to now": ({"start": "1990-11-24T06:00:00Z"}, "BadInput"),
    "a slip in the year": ({"start": "0026-11-24T06:00:00Z"}, "BadInput"),
    "before the calendar": ({"start": "0001-01-01T00:00:00+09:00"}, "BadInput"),
    "after the calendar": ({"end": "9999-12-31T23:00:00-09:00"}, "BadInput"),
    "no place": ({"place": ""}, "BadRequest"),
    "a blank place": ({"place": "   "}, "BadInput"),
    "a place of a thousand letters": ({"place": "x" * 1000}, "BadRequest"),
    "a note like a book": ({"note": "x" * 501}, "BadRequest"),
    "a zone that does not exist": ({"zone": "Mars/Olympus"}, "BadInput"),
    "a zone that is a path": ({"zone": "../../etc/passwd"}, "BadInput"),
    "an empty zone": ({"zone": ""}, "BadInput"),
    "half a place on the map": ({"latitude": 37.5}, "BadInput"),
    "a place off the earth": ({"latitude": 91, "longitude": 0}, "BadInput"),
    "far east of east": ({"latitude": 0, "longitude": 181}, "BadInput"),
    "a camera that does not exist": ({"camera": "nowhere"}, "BadInput"),
    "a telephone number": ({"note": "met 010-1234-5678 there"}, "NamesSomebody"),
    "a resident number": ({"place": "with 900101-1234567"}, "NamesSomebody"),
    "an e-mail address": ({"note": "hong@health.example came"}, "NamesSomebody"),
    "a field that nobody knows": ({"patient": "Hong"}, "BadRequest"),
    "a list": ({"place": ["bakery"]}, "BadRequest"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_visit_that_makes_no_sense_is_refused(office: Office, name: str) -> None:
    """By name, before anything is written, on entering and on changing alike."""
    kim = manual(office)
    entered = kim.ask("POST", PATH, visit())["id"]
    changes, error = WRONG[name]
    assert refusal(lambda: kim.ask("POST", PATH, visit(**changes))) == (422, error)
    assert refusal(lambda: kim.ask("PUT", f"{PATH}/{entered}", visit(**changes))) == (422, error)
    (kept,) = kim.ask("GET", PATH)
    assert (kept["place"], kept["changed_at"]) == ("bakery", None)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[]", b'{"latitude": NaN}', b"x" * (1024 * 1024 + 1)])
def test_garbage_is_no_visit(office: Office, raw: bytes) -> None:
    """Whatever is sent, the answer is a refusal with its hint."""
    kim = manual(office)
    answer = kim.http.post(PATH, content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (413, 422)
    assert answer.json()["hint"]
    assert kim.ask("GET", PATH) == []


def test_not_a_number_is_no_place(office: Office) -> None:
    """A coordinate that compares with nothing is refused as well."""
    kim = manual(office)
    body = json.dumps(visit(latitude=float("nan"), longitude=float("nan")))
    answer = kim.http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_timeline_ends_somewhere(office: Office) -> None:
    """Five hundred visits in two weeks are enough; the next is refused by name."""
    from sqlmodel import Session

    from central.testimony.tables import ToldVisit

    kim = manual(office)
    with Session(office.engine) as session:
        session.add_all(
            ToldVisit(id=f"v{n}", case=CASE, place="x", start=NOW, end=NOW, zone="UTC", told_to="kim", told_at=NOW)
            for n in range(MAX_VISITS)
        )
        session.commit()
    assert refusal(lambda: kim.ask("POST", PATH, visit())) == (413, "TooMuch")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001  (naive on purpose)
def test_no_command_takes_a_time_without_its_zone(naive: datetime) -> None:
    """Every moment needs its zone, because guessing one moves a patient by hours."""
    with pytest.raises(argparse.ArgumentTypeError, match="zone"):
        moment(naive.isoformat())
    assert moment(naive.replace(tzinfo=UTC).isoformat()).tzinfo is not None


PLACES = ("Market Road 12, 3rd floor", "bus 88 to line 1", "room 010", "시장로 12번지 2층", "on 2026-11-23")


@pytest.mark.parametrize("place", PLACES)
def test_ordinary_places_point_to_nobody(place: str) -> None:
    """House numbers, bus lines and dates are no telephone numbers."""
    assert not _SOMEBODY.search(place)


# as it is typed


def typed(office: Office, capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> Any:
    token = folder / "kim.token"
    token.write_text(office.tokens["kim"])
    main([*words, "--api", office.url, "--token-file", str(token), "--json"])
    return json.loads(capsys.readouterr().out)


def test_a_manual_case_and_its_timeline_by_commands(
    office: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Opened --manual, told, changed, listed, removed; cells and scopes beside --manual are refused."""
    key = tmp_path / "kim.key"
    key.write_bytes(office.keys["kim"].private_bytes_raw())
    key.chmod(0o600)
    window = ["--from", (NOW - DAY).isoformat(), "--until", NOW.isoformat(), "--expires", (NOW + DAY).isoformat()]
    opening = ["case", "open", CASE, "--purpose", "kr-idcpa-76-2", *window, "--key", str(key), "--manual"]
    with pytest.raises(SystemExit):
        typed(office, capsys, tmp_path, *opening, "--cell", "cell-1")
    assert "no cells and no scopes" in capsys.readouterr().err
    assert typed(office, capsys, tmp_path, *opening)["state"] == "manual"
    times = ["--from", "2026-11-24T15:00+09:00", "--until", "2026-11-24T15:20+09:00"]
    place = ["--place", "bakery", "--at", "37.5", "126.76", *times]
    entered = typed(office, capsys, tmp_path, "testimony", "add", CASE, *place)
    changed = ["testimony", "change", CASE, entered["id"], "--place", "butcher", *times]
    assert typed(office, capsys, tmp_path, *changed)["place"] == "butcher"
    assert [row["place"] for row in typed(office, capsys, tmp_path, "testimony", "list", CASE)] == ["butcher"]
    assert typed(office, capsys, tmp_path, "testimony", "remove", CASE, entered["id"])["removed"] == entered["id"]
    assert typed(office, capsys, tmp_path, "testimony", "list", CASE) == []
    assert typed(office, capsys, tmp_path, "case", "withdraw", CASE)["state"] == "withdrawn"


def test_ctrl_c_at_the_question_signs_nothing(office: Office, tmp_path: Path) -> None:
    """The approver reads what there is to sign, presses Ctrl-C, and the case is as it was; then y signs it."""
    office.opened()
    (tmp_path / "lee.token").write_text(office.tokens["lee"])
    (tmp_path / "lee.key").write_bytes(office.keys["lee"].private_bytes_raw())
    (tmp_path / "lee.key").chmod(0o600)
    words = [sys.executable, "-m", "central", "case", "approve", CASE, "--api", office.url]
    words += ["--token-file", str(tmp_path / "lee.token"), "--key", str(tmp_path / "lee.key")]

    def asked(answer: bytes | None) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(words, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(theirs)
        assert process.stderr is not None
        said = b""
        while b"Sign?" not in said and (line := process.stderr.readline()):
            said += line
        if answer is None:
            process.send_signal(signal.SIGINT)
        else:
            os.write(ours, answer)
        out, error = process.communicate(timeout=60)
        os.close(ours)
        return process.returncode, (said + error + out).decode()

    kim = office.as_("kim")
    code, said = asked(None)
    assert (code, kim.show(CASE)["state"]) == (130, "open")
    assert "Traceback" not in said
    for wanted in ("Article 76-2", "cells: 1 of 1", "agreed to the face and refused shape and clothing"):
        assert wanted in said
    code, said = asked(b"n\n")
    assert (code, kim.show(CASE)["state"]) == (2, "open")
    assert "not signed" in said
    assert refusal(lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs")) == (409, "WrongState")
