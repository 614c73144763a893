"""A tracer's word about sightings: who may say it, about what, and that the next search heeds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlmodel import Session, select

from central.cases.client import CaseClient
from central.routes.tables import FoundRoute, SightingWord
from central.routes.words import sighting_name
from central.settings import CentreSettings
from shared.errors import BadInput
from shared.sightings import parse_sighting_id, sighting_id
from tests.central.authority_fixtures import CASE, NODE, NOW
from tests.central.centre_fixtures import FoundOffice, Office
from tests.central.test_cases import refusal
from tests.central.test_pages import FOUND, form_key, signed_in, text_of

WORDS = f"/cases/{CASE}/words"
SEEN = f"{NODE}/1/0"  # the patient's own sighting of Office.fill
GARBAGE = ("x", "node-1/1", "node-1/1/x", "node-1/1/0/2", "Node/1/0", "../1/0", "node-1/-1/0", "n" * 200 + "/1/0")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with FoundOffice(tmp_path).open() as opened:
        yield opened


@pytest.fixture
def unsearched(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def visits(kim: CaseClient) -> list[str]:
    return [visit["candidate"]["sighting"] for visit in kim.ask("GET", f"/cases/{CASE}/route")["route"]["visits"]]


def unheeded(kim: CaseClient) -> int:
    return int(kim.ask("GET", f"/cases/{CASE}/route")["unheeded"])


def say(client: CaseClient, word: str, sighting: str = SEEN) -> Any:
    return client.ask("PUT", f"{WORDS}/{sighting}", {"word": word})


def acts(office: Office) -> list[tuple[str, str, str]]:
    """Who said what of which sighting, by its mark, as the audit log has it."""
    told = ("confirmed sighting", "rejected sighting", "word taken back")
    return [(entry.account, entry.action, entry.detail) for entry in office.audit() if entry.action in told]


def test_a_word_is_kept_and_shown_with_the_route(office: Office) -> None:
    """Who said it and when, of which camera and time; the log names the sighting by its mark only."""
    kim = office.found()
    assert visits(kim) == [SEEN]
    told = say(kim, "confirmed")
    assert (told["sighting"], told["word"], told["camera"], told["by"]) == (SEEN, "confirmed", "door", "kim")
    assert kim.ask("GET", WORDS) == kim.ask("GET", f"/cases/{CASE}/route")["words"] == [told]
    assert acts(office) == [("kim", "confirmed sighting", f"sighting {told['mark']}")]
    assert all(SEEN not in entry.detail for entry in office.audit())


def test_the_next_search_heeds_a_word(office: Office) -> None:
    """A rejected visit is gone from the next route, and comes back when the word is taken back."""
    kim = office.found()
    say(kim, "rejected")
    assert (visits(kim), unheeded(kim)) == ([SEEN], 1)
    office.searched(kim)
    assert (visits(kim), unheeded(kim)) == ([], 0)
    say(kim, "confirmed")  # of what no route shows any more: whoever said something may say otherwise
    office.searched(kim)
    assert visits(kim) == [SEEN]
    say(kim, "rejected")
    office.searched(kim)
    kim.ask("DELETE", f"{WORDS}/{SEEN}")
    assert (visits(kim), unheeded(kim)) == ([], 1)
    office.searched(kim)
    assert (visits(kim), unheeded(kim)) == ([SEEN], 0)


def test_of_two_words_the_later_counts_and_both_are_on_record(office: Office) -> None:
    """Confirmed and then rejected: one word stands, two are in the log, under one mark."""
    kim = office.found()
    say(kim, "confirmed")
    say(kim, "rejected")
    (kept,) = kim.ask("GET", WORDS)
    assert kept["word"] == "rejected"
    mark = f"sighting {kept['mark']}"
    assert acts(office) == [("kim", "confirmed sighting", mark), ("kim", "rejected sighting", mark)]


def test_the_same_word_again_changes_nothing(office: Office) -> None:
    """Not who said it first, not when, and it is no second entry of the log."""
    kim = office.found()
    kim.ask("PUT", f"/cases/{CASE}/grants/tam", {"until": "2026-11-25T00:00:00Z"})
    first = say(kim, "confirmed")
    assert say(kim, "confirmed") == say(office.as_("tam"), "confirmed") == first
    assert len(acts(office)) == 1


def test_a_word_can_be_taken_back_once(office: Office) -> None:
    """It is gone from the table; that it was there stays in the log; again is refused."""
    kim = office.found()
    say(kim, "confirmed")
    kim.ask("DELETE", f"{WORDS}/{SEEN}")
    assert kim.ask("GET", WORDS) == []
    assert [what for _, what, _ in acts(office)] == ["confirmed sighting", "word taken back"]
    assert refusal(lambda: kim.ask("DELETE", f"{WORDS}/{SEEN}")) == (404, "NotFound")


def test_only_what_the_route_showed_can_be_spoken_of(unsearched: Office) -> None:
    """A stranger's sighting and one that never was are refused alike, before and after a search."""
    unsearched.fill()
    kim = unsearched.approved()
    assert refusal(lambda: say(kim, "confirmed")) == (404, "NotFound")
    unsearched.searched(kim)
    answers = {refusal(lambda name=name: say(kim, "confirmed", name)) for name in (f"{NODE}/1/3", "nowhere/9/99")}  # type: ignore[misc]
    assert answers == {(404, "NotFound")}
    assert kim.ask("GET", WORDS) == []


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_no_sighting(unsearched: Office, name: str) -> None:
    """Whatever stands in the address, the answer is a named refusal and nothing is kept."""
    kim = unsearched.approved()
    assert refusal(lambda: say(kim, "confirmed", name))[0] in (404, 422)
    assert refusal(lambda: kim.ask("DELETE", f"{WORDS}/{name}"))[0] in (404, 422)


@pytest.mark.parametrize("body", [{}, {"word": "perhaps"}, {"word": None}, {"word": "confirmed", "why": "x"}, []])
def test_a_word_is_one_of_two(office: Office, body: Any) -> None:
    """Nothing else can be said, and no free text goes along."""
    kim = office.found()
    assert refusal(lambda: kim.ask("PUT", f"{WORDS}/{SEEN}", body)) == (422, "BadRequest")
    assert kim.ask("GET", WORDS) == []


@given(st.from_regex(r"[a-z0-9-]{1,9}/[0-9]{1,9}/[0-9]{1,9}", fullmatch=True))
def test_a_sighting_has_one_name(text: str) -> None:
    """However an address writes it, it is taken for the same sighting, or refused."""
    try:
        assert sighting_name(text) == sighting_id(*parse_sighting_id(text))
    except BadInput:
        assert text[0] == "-"


@pytest.mark.parametrize("who", ["lee", "oda", "tec", "adm", "tam"])
def test_only_who_works_on_the_case_speaks(office: Office, who: str) -> None:
    """No other role and no colleague says, reads or takes back a word."""
    kim = office.found()
    say(kim, "confirmed")
    other, refused = office.as_(who), {(403, "NotAllowed"), (404, "NotFound")}
    assert refusal(lambda: say(other, "rejected")) in refused
    assert refusal(lambda: other.ask("GET", WORDS)) in refused
    assert refusal(lambda: other.ask("GET", f"/cases/{CASE}/questions")) in refused
    assert refusal(lambda: other.ask("DELETE", f"{WORDS}/{SEEN}")) in refused
    assert [one["word"] for one in kim.ask("GET", WORDS)] == ["confirmed"]


@pytest.mark.parametrize("ended", ["close", "withdraw"])
def test_an_ended_case_takes_no_word(office: Office, ended: str) -> None:
    """After a closing they can be read, after a withdrawal nothing is left of them."""
    kim = office.found()
    say(kim, "confirmed")
    kim.ask("POST", f"/cases/{CASE}/{ended}")
    assert refusal(lambda: say(kim, "rejected")) == (409, "CaseEnded")
    assert refusal(lambda: kim.ask("DELETE", f"{WORDS}/{SEEN}")) == (409, "CaseEnded")
    if ended == "close":
        assert [one["word"] for one in kim.ask("GET", WORDS)] == ["confirmed"]
        return
    assert refusal(lambda: kim.ask("GET", WORDS)) == (409, "CaseEnded")
    assert refusal(lambda: kim.ask("GET", f"/cases/{CASE}/questions")) == (409, "CaseEnded")
    with Session(office.engine) as session:
        assert session.exec(select(SightingWord)).all() == []
    assert SEEN.encode() not in b"".join(path.read_bytes() for path in office.folder.glob("centre.sqlite*"))


# questions


def asked(office: Office, count: int = 2) -> None:
    """As if the last search had found some sightings doubtful."""
    with Session(office.engine) as session:
        row = session.get_one(FoundRoute, CASE)
        document = json.loads(row.route)
        place = document["visits"][0]["place"]
        seen = {"camera": "door", "place": place, "start": NOW.isoformat(), "end": NOW.isoformat(), "mask": "worn"}
        document["questions"] = [
            {"sighting": f"{NODE}/1/{n}", **seen, "confidence": 0.4, "value": 1.0 / n} for n in range(1, count + 1)
        ]
        instead = {"sighting": f"{NODE}/1/7", **seen, "camera": "exit", "confidence": 0.2}
        without = {"sighting": SEEN, **seen, "confidence": 0.8}
        document["alternatives"] = [{"probability": 0.2, "without": [without], "instead": [instead]}]
        row.route = json.dumps(document)
        session.add(row)
        session.commit()


def test_an_alternative_is_shown_and_can_be_spoken_of(office: Office) -> None:
    """What else may have been stands beside the route; what it puts in a visit's place may be confirmed."""
    kim = office.found()
    asked(office)
    (other,) = kim.ask("GET", f"/cases/{CASE}/route")["alternatives"]
    assert (other["probability"], other["without"][0]["sighting"]) == (0.2, SEEN)
    assert other["instead"][0]["camera"] == "exit"
    assert say(kim, "confirmed", other["instead"][0]["sighting"])["camera"] == "exit"


def test_a_question_is_shown_until_it_is_answered(office: Office) -> None:
    """By place, time, mask and what it would settle; after a word about it no more, until that is taken back."""
    kim = office.found()
    asked(office)
    (first, second) = kim.ask("GET", f"/cases/{CASE}/questions")
    assert (first["camera"], first["mask"], first["confidence"], first["value"]) == ("door", "worn", 0.4, 1.0)
    assert kim.ask("GET", f"/cases/{CASE}/route")["questions"] == [first, second]
    say(kim, "rejected", first["sighting"])
    assert kim.ask("GET", f"/cases/{CASE}/questions") == [second]
    kim.ask("DELETE", f"{WORDS}/{first['sighting']}")
    assert kim.ask("GET", f"/cases/{CASE}/questions") == [first, second]
    assert [entry.action for entry in office.audit()].count("read questions") == 3


def test_a_route_keeps_no_candidates(office: Office) -> None:
    """Nothing of strangers' sightings stays but the few that are asked about, and a sure route asks about none."""
    kim = office.found()
    with Session(office.engine) as session:
        document = json.loads(session.get_one(FoundRoute, CASE).route)
    assert (document["questions"], len(document["visits"])) == ([], 1)
    assert kim.ask("GET", f"/cases/{CASE}/questions") == []


def test_a_route_of_an_older_version_has_no_questions(office: Office) -> None:
    """What was stored before questions were kept is still shown."""
    kim = office.found()
    with Session(office.engine) as session:
        row = session.get_one(FoundRoute, CASE)
        old = json.loads(row.route)
        del old["questions"], old["alternatives"]
        row.route = json.dumps(old)
        session.add(row)
        session.commit()
    shown = kim.ask("GET", f"/cases/{CASE}/route")
    assert (shown["questions"], shown["alternatives"], len(shown["route"]["visits"])) == ([], [], 1)


# as it is typed


def test_words_and_questions_by_commands(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    """Ask, confirm, reject, list, forget; a name that is none is refused with 2 before anything is sent."""
    office.found()
    asked(office, 1)

    def typed(*words: str) -> str:
        office.typed("route", *words)
        return capsys.readouterr().out

    (question,) = json.loads(typed("questions", CASE, "--json"))
    table = typed("questions", CASE)
    assert all(word in table for word in ("face mask", "worn", "door", question["sighting"]))
    assert json.loads(typed("confirm", CASE, question["sighting"], "--json"))["word"] == "confirmed"
    assert json.loads(typed("reject", CASE, SEEN, "--json"))["word"] == "rejected"
    assert typed("questions", CASE).strip() == "(none)"
    assert "rejected" in typed("visits", CASE)
    assert {row["word"] for row in json.loads(typed("words", CASE, "--json"))} == {"confirmed", "rejected"}
    typed("forget", CASE, SEEN)
    assert [row["word"] for row in json.loads(typed("words", CASE, "--json"))] == ["confirmed"]
    others = typed("alternatives", CASE)
    assert all(told in others for told in ("not the patient", "seen instead", "exit", "0.20"))
    assert len(json.loads(typed("alternatives", CASE, "--json"))) == 1
    for name in ("x", "../../close"):
        with pytest.raises(SystemExit) as refused:
            typed("confirm", CASE, name)
        assert refused.value.code == 2
        assert "node/boot/number" in capsys.readouterr().err


# on the pages


@pytest.fixture
def browser(office: Office) -> Iterator[httpx.Client]:
    with office.browser() as client:
        yield client


def answer(browser: httpx.Client, word: str, sighting: str = SEEN) -> httpx.Response:
    """A button beside a sighting, as the browser sends its form."""
    fields = {"form_key": form_key(browser.get(FOUND)), "sighting": sighting, "word": word}
    return browser.post(f"{FOUND}/words", data=fields)


def test_a_sighting_is_confirmed_rejected_and_taken_back_on_the_page(office: Office, browser: httpx.Client) -> None:
    """Beside the visit stand both answers, then what was said; the page tells that it counts in the next search."""
    office.found()
    signed_in(office, browser)
    shown = browser.get(FOUND)
    assert 'aria-label="Yes, this was the patient: door, 11-24' in shown.text
    assert "Search again to have them counted" not in text_of(shown)
    page = answer(browser, "rejected")
    assert page.url.path == FOUND
    for told in ("not the patient", "Answers since this route was found: 1", "Answers so far", "Take back"):
        assert told in text_of(page), told
    assert "환자 아님" in text_of(browser.get(FOUND, params={"language": "ko"}))
    assert "지금까지의 답" not in text_of(answer(browser, "forget"))


def test_a_question_is_asked_on_the_page_until_it_is_answered(office: Office, browser: httpx.Client) -> None:
    """By camera, time, mask and how sure it is so far, in both languages."""
    office.found()
    asked(office, 1)
    signed_in(office, browser)
    shown = text_of(browser.get(FOUND))
    assert "Ask the patient" in shown
    assert "Mask: worn 40 % sure so far" in shown
    assert "What else may have been" in shown
    assert "was not the patient" in shown
    assert "환자에게 물어보기" in text_of(browser.get(FOUND, params={"language": "ko"}))
    browser.get(FOUND, params={"language": "en"})
    assert "Ask the patient" not in text_of(answer(browser, "rejected", f"{NODE}/1/1"))


@pytest.mark.parametrize(("word", "sighting"), [("", SEEN), ("perhaps", SEEN), ("confirmed", "x"), ("confirmed", "")])
def test_an_absurd_answer_changes_nothing(office: Office, browser: httpx.Client, word: str, sighting: str) -> None:
    """Neither another word nor another thing than a sighting is taken."""
    kim = office.found()
    signed_in(office, browser)
    assert answer(browser, word, sighting).status_code == 422
    assert kim.ask("GET", WORDS) == []


def test_an_ended_case_shows_answers_and_no_buttons(office: Office, browser: httpx.Client) -> None:
    """What was said stays to be read after a closing; nothing can be said any more."""
    kim = office.found()
    asked(office, 1)
    say(kim, "confirmed")
    signed_in(office, browser)
    key = form_key(browser.get(FOUND))
    kim.ask("POST", f"/cases/{CASE}/close")
    shown = browser.get(FOUND)
    assert "confirmed" in text_of(shown)
    assert f"{FOUND}/words" not in shown.text
    assert "Ask the patient" not in text_of(shown)
    late = browser.post(f"{FOUND}/words", data={"form_key": key, "sighting": SEEN, "word": "rejected"})
    assert late.status_code == 409


@pytest.mark.parametrize("count", [-1, 11])
def test_a_patient_is_asked_about_ten_sightings_at_most(count: int) -> None:
    """More is no setting: whoever is ill is not questioned for an hour."""
    about: dict[str, Any] = {"database": "sqlite://", "authorities": {"a": "http://x"}, "probes": "http://x"}
    with pytest.raises(ValidationError, match="questions"):
        CentreSettings(**about, questions=count)
    assert CentreSettings(**about).questions == 3
