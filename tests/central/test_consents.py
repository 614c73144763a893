"""What a patient agreed to, proven: receipts that nobody can change, paper that says it plainly, a code that scans."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import subprocess
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import cv2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from central.__main__ import main
from central.cases.bases import SHIPPED as SHIPPED_BASES
from central.cases.bases import BadBasis, BasisRefused, basis_from, basis_of, load_bases
from central.consents.compact import PREFIX, Signed, base45, from_base45, from_text, to_text
from central.consents.copy_pdf import Copy, copy_pdf
from central.consents.fonts import letters
from central.consents.iso import ForgedReceipt, Withdrawal, check_receipt, duration, receipt_json
from central.consents.notices import SHIPPED, TEXTS, BadNotice, load_notice, read_notice
from central.consents.terms import NoticeRefused
from central.consents.words import WORDS
from central.errors import BadSettings
from central.retention.rules import load_rules
from shared.errors import BadRelease, ReleaseRefused
from shared.releases import ConsentReceipt, document_bytes, sign
from shared.wire import pack
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office
from tests.central.test_cases import refusal
from tests.consents import BASIS, a_consent, terms

KEY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def signed(receipt: ConsentReceipt | None = None) -> Signed:
    receipt = receipt or a_consent(CASE, NOW)
    return Signed(document_bytes(receipt), sign(receipt, "witness", KEY))


def exported(back: Withdrawal | None = None) -> dict[str, Any]:
    return receipt_json(signed(), terms().notice, terms().bases[BASIS], back)


def raw(document: object) -> bytes:
    return json.dumps(document).encode()


# the machine-readable receipt


def test_a_receipt_has_every_mandatory_field_of_the_standard() -> None:
    """ISO/IEC TS 27560:2023: header, processing, parties and events, each with what it must hold."""
    found = exported()
    assert {"schema_version", "record_id", "pii_principal_id"} <= set(found["record_header"])
    assert {"schema_version", "receipt_id"} == set(found["receipt_metadata"])
    assert found["record_header"]["pii_principal_id"] == CASE, "a pseudonym, never a name"
    (processing,) = found["pii_processing"]
    assert {"privacy_notice", "language", "purposes"} <= set(processing)
    for purpose in processing["purposes"]:
        wanted = "purpose lawful_basis pii_information pii_controllers storage_locations retention_period jurisdiction"
        assert set(f"{wanted} recipient_third_parties withdrawal_method".split()) <= set(purpose)
        assert all(purpose[name] for name in wanted.split())
        assert purpose["pii_information"][0]["pii_type"]
        assert "{" not in purpose["retention_period"], "the periods are filled in"
    for party in found["party_identification"]:
        assert all(party[f"party_{name}"] for name in ("id", "name", "address", "contact", "type"))
    given_event, refused_event = found["events"]
    assert (given_event["event_state"], given_event["scopes"]) == ("consent_given", ["face"])
    assert (refused_event["event_state"], refused_event["scopes"]) == ("consent_refused", ["appearance"])
    for event in found["events"]:
        assert all(event[f"event_{name}"] for name in ("time", "type", "state"))
        assert event["validity_duration"]
        assert event["entity_id"] == CASE
    assert [purpose["consent_given"] for purpose in processing["purposes"]] == [True, False]


def test_a_receipt_verifies_offline_with_the_witness_key_only() -> None:
    """The JSON carries the signed bytes; another key, and a receipt signed in another role, are refused."""
    receipt, back = check_receipt(raw(exported()), KEY.public_key())
    assert (receipt, back) == (a_consent(CASE, NOW), None)
    with pytest.raises(ForgedReceipt, match="does not verify"):
        check_receipt(raw(exported()), Ed25519PrivateKey.generate().public_key())
    opener = Signed(document_bytes(a_consent(CASE, NOW)), sign(a_consent(CASE, NOW), "opener", KEY))
    forged = receipt_json(opener, terms().notice, terms().bases[BASIS])
    with pytest.raises(ForgedReceipt, match="does not verify"):
        check_receipt(raw(forged), KEY.public_key())


def test_a_receipt_that_says_more_than_was_signed_is_refused() -> None:
    """Whatever leaf of the JSON is changed, added or left out, the signed bytes give it away."""

    def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, below in items:
            yield from leaves(below, (*path, key))
        if not items and path:
            yield path

    def at(document: Any, path: tuple[Any, ...]) -> Any:
        for step in path:
            document = document[step]
        return document

    original = exported()
    changed = 0
    for path in leaves(original):
        broken = copy.deepcopy(original)
        at(broken, path[:-1])[path[-1]] = "something else"
        with pytest.raises((ForgedReceipt, BadRelease)):
            check_receipt(raw(broken), KEY.public_key())
        changed += 1
    assert changed > 80
    with pytest.raises(ForgedReceipt, match="note"):
        check_receipt(raw(original | {"note": "also agreed to everything else"}), KEY.public_key())
    for name in original:
        with pytest.raises((ForgedReceipt, BadRelease)):
            check_receipt(raw({key: value for key, value in original.items() if key != name}), KEY.public_key())


def test_a_withdrawal_stands_in_the_receipt_as_the_centres_word() -> None:
    """It is not signed by the witness, and says so; the consent's own events stay as they were."""
    back = Withdrawal(("face",), NOW, "privacy-officer")
    document = exported(back)
    assert document["events"][-1]["event_state"] == "consent_withdrawn"
    assert document["events"][-1]["signed"] is False
    assert check_receipt(raw(document), KEY.public_key()) == (a_consent(CASE, NOW), back)


def test_a_receipt_and_its_notice_belong_together() -> None:
    """With another notice or another law than the signed one there is no export."""
    other = read_notice(json.loads(raw(terms().notice.document)) | {"version": "2027-01-01"})
    with pytest.raises(ForgedReceipt, match="another notice"):
        receipt_json(signed(), other, terms().bases[BASIS])
    with pytest.raises(ForgedReceipt, match="another notice"):
        receipt_json(signed(), terms().notice, terms().bases["consent-only"])


GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "a list": b"[1, 2]",
    "a broken map": b"{",
    "an empty map": b"{}",
    "no base64": raw({"signed": {"document": "***", "signature": ""}}),
    "numbers": raw({"signed": {"document": 1, "signature": 2}}),
    "deep": b'{"signed":' * 5000,
    "too long": b"{" + b" " * 300_000 + b"}",
    "an empty code": PREFIX.encode(),
    "letters outside the alphabet": (PREFIX + "abc").encode(),
    "a bomb": (PREFIX + base45(zlib.compress(bytes(10_000_000)))).encode(),
    "a code of other things": (PREFIX + base45(zlib.compress(pack([b"x", b"y"])))).encode(),
    "a code of numbers": (PREFIX + base45(zlib.compress(pack([1, 2])))).encode(),
    "half a code": to_text(signed())[:300].encode(),
    "a code with something behind it": (
        PREFIX + base45(zlib.compress(pack([signed().document, signed().signature])) + b"more")
    ).encode(),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_no_receipt(name: str) -> None:
    """Refused by name, quickly, whatever it is."""
    with pytest.raises(BadRelease) as refused:
        check_receipt(GARBAGE[name], KEY.public_key())
    assert refused.value.hint


@given(st.binary(max_size=300))
def test_base45_gives_back_what_went_in(raw: bytes) -> None:
    """For any bytes, in the characters that a QR code packs best."""
    assert from_base45(base45(raw)) == raw


def test_base45_is_that_of_the_standard() -> None:
    """The examples of RFC 9285, and its refusals: no single character left over, no group that is too large."""
    assert base45(b"AB") == "BB8"
    assert base45(b"Hello!!") == "%69 VD92EX0"
    assert base45(b"base-45") == "UJCLQE7W581"
    assert from_base45("QED8WEX0") == b"ietf!"
    for wrong in ("GGW", "A", "::", "a"):
        with pytest.raises(ValueError, match=r"."):
            from_base45(wrong)


@given(st.integers(min_value=0, max_value=40 * 86_400))
def test_durations_are_those_of_iso_8601(seconds: int) -> None:
    """Days and seconds, read back to the second."""
    days, _, rest = duration(timedelta(seconds=seconds)).removeprefix("P").partition("DT")
    assert int(days.removesuffix("D")) * 86_400 + int(rest.removesuffix("S") or 0) == seconds


# paper, and the code on it


def rendered(pdf: bytes, folder: Path, dots: int) -> list[Any]:
    """Its pages as pictures, as a printer would see them."""
    folder.mkdir(exist_ok=True)
    (folder / "copy.pdf").write_bytes(pdf)
    words = ["pdftoppm", "-r", str(dots), "-gray", str(folder / "copy.pdf"), str(folder / "page")]
    subprocess.run(words, check=True, capture_output=True)
    return [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.glob("page*"))]


def text_of(pdf: bytes, folder: Path) -> str:
    (folder / "copy.pdf").write_bytes(pdf)
    words = ["pdftotext", "-enc", "UTF-8", str(folder / "copy.pdf"), "-"]
    return subprocess.run(words, check=True, capture_output=True).stdout.decode()


def paper(language: str, back: Withdrawal | None = None, receipt: ConsentReceipt | None = None) -> bytes:
    return copy_pdf(Copy(signed(receipt), terms().notice, terms().bases[BASIS], SEOUL, back), language)


def scanned(pages: list[Any]) -> str:
    """What a phone reads from one of the pages."""
    return "".join(cv2.QRCodeDetectorAruco().detectAndDecode(page)[0] for page in pages)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_code_on_the_paper_is_the_receipt(language: str, tmp_path: Path) -> None:
    """Printed and scanned at the sharpness of an office printer, it verifies with the witness's key."""
    text = scanned(rendered(paper(language), tmp_path, 150))
    receipt, _ = check_receipt(text.encode(), KEY.public_key())
    assert receipt == a_consent(CASE, NOW)


def test_the_code_of_a_long_signature_still_scans(tmp_path: Path) -> None:
    """A passkey's proof is several times as long as a key file's."""
    long = Signed(signed().document, bytes(range(256)) + bytes(range(100)))
    pdf = copy_pdf(Copy(long, terms().notice, terms().bases[BASIS], SEOUL), "en")
    assert from_text(scanned(rendered(pdf, tmp_path, 200))) == long


def test_the_paper_says_everything_in_the_patients_words(tmp_path: Path) -> None:
    """What was agreed to and refused, until when, who sees it, how to take it back, what remains; no placeholders."""
    text = " ".join(text_of(paper("en"), tmp_path).split())
    for wanted in ("You said yes", "You said no", "2026-12-04 18:30", "Tell your tracer or the privacy officer"):
        assert wanted in text
    notice, basis = terms().notice, terms().bases[BASIS]
    for part in TEXTS:
        assert notice.text(part, "en", basis)[:40] in text, part
    assert basis.texts["en"][:50] in text
    assert not set("{}<>") & set(text)
    korean = "".join(text_of(paper("ko"), tmp_path).split())
    for wanted in ("동의함", "동의하지않음", "2026-12-0418:30", "예시시보건소", "언제든지"):
        assert wanted in korean


def test_the_paper_shows_what_was_taken_back(tmp_path: Path) -> None:
    """After a withdrawal of one scope, and for a patient who refused both."""
    both = a_consent(CASE, NOW, ("face", "appearance"), refused=())
    text = " ".join(text_of(paper("en", Withdrawal(("appearance",), NOW, "tracer"), both), tmp_path).split())
    assert text.count("You said yes") == 1
    assert text.count("You took it back") == 1
    assert "Taken back on 2026-11-24 18:30" in text
    neither = a_consent(CASE, NOW, (), refused=("face", "appearance"))
    text = text_of(paper("en", None, neither), tmp_path)
    assert text.count("You said no") == 2
    assert "Your answer" in text
    assert "ends by itself" not in text


def test_the_same_receipt_gives_the_same_paper(tmp_path: Path) -> None:
    """To the byte; and nothing of a page runs into its margins."""
    assert paper("en") == paper("en")
    for page in rendered(paper("ko"), tmp_path, 50):
        edge = int(50 * 12 / 25.4)
        assert page[:edge].min() == 255
        assert page[:, :edge].min() == 255
        assert page[:, -edge:].min() == 255


def test_markup_in_a_notice_stays_text(tmp_path: Path) -> None:
    """A city's words are printed as they were written."""
    document = json.loads(raw(terms().notice.document))
    document["texts"]["en"]["purpose"] = "a < b & <font size=90>c</font>"
    notice = read_notice(document)
    receipt = a_consent(CASE, NOW, notice_digest=notice.digest(terms().bases[BASIS]))
    pdf = copy_pdf(Copy(signed(receipt), notice, terms().bases[BASIS], SEOUL), "en")
    assert "a < b & <font size=90>c</font>" in text_of(pdf, tmp_path)


def test_korean_letters_are_put_into_the_file_where_there_are_any(tmp_path: Path) -> None:
    """A machine without them, or with damaged ones, names a face that readers bring along."""
    assert letters("ko", (tmp_path,)).plain == "HYSMyeongJo-Medium"
    for name in ("NanumGothic.ttf", "NanumGothicBold.ttf"):
        (tmp_path / name).write_bytes(b"no font")
    assert not letters("ko", (tmp_path,)).embedded
    here = letters("ko")
    assert here.embedded == here.plain.startswith("Nanum")


def test_every_word_of_the_copy_is_in_both_languages() -> None:
    """None is missing, and both fill in the same values."""
    for english, korean in WORDS.values():
        assert english
        assert korean
        assert english != korean
        assert english.count("{") == korean.count("{")


# notices and legal bases are data


def notice_without(path: str) -> Any:
    document = json.loads(raw(terms().notice.document))
    *above, last = path.split(".")
    for step in above:
        document = document[int(step) if step.isdigit() else step]
    del document[int(last) if last.isdigit() else last]
    return document


MISSING = ("version", "texts.ko", "texts.en.withdraw", "parties.0", "parties.0.party_contact")


@pytest.mark.parametrize("missing", MISSING)
def test_a_notice_that_leaves_something_out_is_none(missing: str) -> None:
    """A patient must be told all of it, in both languages, and by whom."""
    with pytest.raises(BadNotice):
        read_notice(notice_without(missing))


def test_a_notice_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Missing, garbage, or of another form: refused with the way to a good one."""
    (tmp_path / "garbage.json").write_bytes(b"\xff")
    (tmp_path / "list.json").write_text("[]")
    for name in ("nothing", "garbage", "list"):
        with pytest.raises(BadNotice):
            load_notice(tmp_path / f"{name}.json")
    long = json.loads(SHIPPED.read_bytes())
    long["texts"]["en"]["purpose"] = "x" * 3000
    with pytest.raises(BadNotice):
        read_notice(long)


WRONG_BASIS: dict[str, dict[str, Any]] = {
    "no name": {"basis": "Some Law"},
    "another name than its file": {"basis": "other"},
    "no date": {"valid_from": "soon"},
    "no scope that exists": {"scopes": ["gait"]},
    "kept for ever": {"evidence_days": 10**6},
    "kept for true": {"case_days": True},
    "no Korean": {"texts": {"en": "a law"}},
    "an empty text": {"texts": {"en": "a law", "ko": " "}},
}


@pytest.mark.parametrize("name", WRONG_BASIS)
def test_a_legal_basis_of_another_form_is_refused(name: str, tmp_path: Path) -> None:
    """Refused when the centre starts, by the name of its file."""
    plain = json.loads((SHIPPED_BASES / "consent-only.json").read_bytes())
    (tmp_path / "consent-only.json").write_text(json.dumps(plain | WRONG_BASIS[name]))
    with pytest.raises(BadBasis, match="consent-only"):
        load_bases(tmp_path)


def test_bases_are_in_force_between_their_days(tmp_path: Path) -> None:
    """On the first and on the last day, not before and not after; an empty folder is no list."""
    with pytest.raises(BadBasis):
        load_bases(tmp_path)
    plain = json.loads((SHIPPED_BASES / "consent-only.json").read_bytes())
    dated = plain | {"basis": "act", "valid_from": "2026-11-01", "valid_until": "2026-11-30"}
    (tmp_path / "act.json").write_text(json.dumps(dated))
    bases = load_bases(tmp_path)
    day = NOW.date()
    for ok in (day.replace(day=1), day, day.replace(day=30)):
        assert basis_of(bases, "act", ok).name == "act"
    for wrong in (day.replace(month=10, day=31), day.replace(month=12, day=1)):
        with pytest.raises(BasisRefused, match="not in force"):
            basis_of(bases, "act", wrong)
    with pytest.raises(BasisRefused, match="not on the list"):
        basis_of(bases, "other", day)


def test_nothing_is_kept_longer_than_patients_are_told() -> None:
    """The shipped rules of retention keep the shipped notice's word; longer ones do not start."""
    rules = load_rules()
    terms().must_hold(rules)
    with pytest.raises(BadSettings, match="longer"):
        terms().must_hold(dataclasses.replace(rules, routes=timedelta(days=15)))
    with pytest.raises(BadSettings, match="longer"):
        terms().must_hold(dataclasses.replace(rules, cases_by_basis={BASIS: timedelta(days=61)}))


WRONG_CONSENT: dict[str, dict[str, Any]] = {
    "another notice": {"notice": "advertising"},
    "an old version": {"notice_version": "2025-01-01"},
    "other words": {"notice_digest": bytes(32)},
    "another controller": {"controller": "Somebody Ltd"},
    "another country": {"jurisdiction": "FR"},
    "a language without a notice": {"language": "fr"},
}


@pytest.mark.parametrize("name", WRONG_CONSENT)
def test_a_consent_on_another_notice_is_refused(name: str) -> None:
    """The patient must have been shown the words in use, by the controller, under the law of the place."""
    with pytest.raises(NoticeRefused) as refused:
        terms().check(a_consent(CASE, NOW, **WRONG_CONSENT[name]))
    assert refused.value.hint
    assert isinstance(refused.value, ReleaseRefused)


# through the centre


def test_a_tracer_reads_prints_and_hands_over_the_receipt(office: Office, tmp_path: Path) -> None:
    """JSON, PDF and QR code of one's own case, each reading in the audit log; a stranger learns nothing."""
    kim = office.approved()
    public = office.keys["kim"].public_key()
    document = kim.ask("GET", f"/cases/{CASE}/consent.json")
    receipt, back = check_receipt(raw(document), public)
    assert (receipt.case, receipt.scopes, back) == (CASE, ("face",), None)
    pages = rendered(kim.fetch(f"/cases/{CASE}/consent.pdf", {"language": "ko"}), tmp_path, 150)
    assert check_receipt(scanned(pages).encode(), public)[0] == receipt
    svg = kim.fetch(f"/cases/{CASE}/consent.svg")
    assert svg.startswith(b"<svg")
    assert b"http" not in svg.replace(b"http://www.w3.org/2000/svg", b"")
    told = [(entry.account, entry.action) for entry in office.audit()][-3:]
    assert told == [("kim", "read consent"), ("kim", "read consent paper"), ("kim", "read consent")]
    for path in ("consent.json", "consent.pdf", "consent.svg"):
        assert refusal(lambda path=path: office.as_("tam").ask("GET", f"/cases/{CASE}/{path}")) == (404, "NotFound")  # type: ignore[misc]
        assert refusal(lambda path=path: office.as_("oda").ask("GET", f"/cases/{CASE}/{path}")) == (403, "NotAllowed")  # type: ignore[misc]
        assert refusal(lambda path=path: office.as_("lee").ask("GET", f"/cases/{CASE}/{path}")) == (403, "NotAllowed")  # type: ignore[misc]
    assert refusal(lambda: kim.ask("GET", f"/cases/{CASE}/consent.pdf", params={"language": "fr"}))[0] == 422


def test_before_anybody_was_asked_there_is_no_receipt(office: Office) -> None:
    """An open case without an answer has none to show."""
    kim = office.as_("kim")
    kim.open(office.scope(), office.keys["kim"])
    assert refusal(lambda: kim.ask("GET", f"/cases/{CASE}/consent.json")) == (404, "NotFound")


def test_the_receipt_outlives_the_withdrawal_and_says_so(office: Office) -> None:
    """What evidences the consent stays readable, with the withdrawal in it, when everything else is gone."""
    kim = office.approved()
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    document = kim.ask("GET", f"/cases/{CASE}/consent.json")
    receipt, back = check_receipt(raw(document), office.keys["kim"].public_key())
    assert receipt.scopes == ("face",)
    assert back is not None
    assert (back.scopes, back.by) == (("face",), "tracer")


def test_another_answer_replaces_the_first_and_no_number_is_used_twice(office: Office) -> None:
    """While nothing is approved a mistake can be put right; the same receipt, or its number, counts once."""
    kim, key = office.as_("kim"), office.keys["kim"]
    kim.open(office.scope(), key)
    kim.open(office.scope("case-2"), key)
    kim.consent(office.receipt(), key)
    assert refusal(lambda: kim.consent(office.receipt(), key)) == (409, "WrongState")
    same_number = office.receipt("case-2", receipt=f"receipt-{CASE}")
    assert refusal(lambda: kim.consent(same_number, key)) == (409, "WrongState")
    both = office.receipt(receipt="second", scopes=("face", "appearance"), refused=())
    assert kim.consent(both, key)["consent"]["scopes"] == ["face", "appearance"]
    assert kim.ask("GET", f"/cases/{CASE}/consent.json")["record_header"]["record_id"] == "second"


def test_what_was_told_is_what_the_centre_tells(office: Office) -> None:
    """The terms come with the digest that a receipt holds; without a token there are none."""
    told = office.as_("lee").ask("GET", "/terms")
    assert {basis["basis"] for basis in told["legal_bases"]} == {BASIS, "consent-only"} == set(told["digests"])
    for basis in told["legal_bases"]:
        assert read_notice(told["notice"]).digest(basis_from(basis)).hex() == told["digests"][basis["basis"]]
    assert office.http.get("/terms").status_code == 401
    assert refusal(lambda: office.as_("tec").ask("GET", "/terms")) == (403, "NotAllowed")


WRONG_BODY: dict[str, dict[str, Any]] = {
    "a naive time": {"given_at": "2026-11-24T09:00:00"},
    "a hundred years": {"expires": "2126-11-24T09:00:00Z"},
    "no base64": {"notice_digest": "***"},
    "half a digest": {"notice_digest": base64.b64encode(bytes(31)).decode()},
    "a name in place of a number": {"receipt": "Hong Gil-dong"},
    "a controller of a thousand letters": {"controller": "x" * 1000},
    "a field that nobody knows": {"patient": "Hong Gil-dong"},
    "many scopes": {"scopes": ["face"] * 9},
    "text for a list": {"refused": "appearance"},
}


@pytest.mark.parametrize("name", WRONG_BODY)
def test_a_malformed_consent_is_refused_by_the_endpoint(office: Office, name: str) -> None:
    """By name and without repeating what was sent; the case stays as it was."""
    kim, key = office.as_("kim"), office.keys["kim"]
    kim.open(office.scope(), key)
    receipt = office.receipt()
    body = {
        **{field: value for field, value in dataclasses.asdict(receipt).items() if field != "case"},
        "given_at": receipt.given_at.isoformat(),
        "expires": receipt.expires.isoformat(),
        "notice_digest": base64.b64encode(receipt.notice_digest).decode(),
        "witness_signature": base64.b64encode(sign(receipt, "witness", key)).decode(),
    }
    status, error = refusal(lambda: kim.ask("POST", f"/cases/{CASE}/consent", body | WRONG_BODY[name]))
    assert (status, error) in {(422, "BadRequest"), (403, "ReleaseRefused")}
    assert kim.show(CASE)["consent"] is None
    assert kim.ask("POST", f"/cases/{CASE}/consent", body)["consent"]["receipt"] == receipt.receipt


# as it is typed


def typed(office: Office, capsys: pytest.CaptureFixture[str], *words: str, who: str = "kim") -> Any:
    office.typed(*words, "--json", by=who)
    return json.loads(capsys.readouterr().out)


def test_a_patient_is_asked_and_gets_a_copy_by_commands(
    office: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each scope needs its answer; the copy, the code and the file verify with the public key, offline."""
    kim = office.as_("kim")
    kim.open(office.scope(), office.keys["kim"])
    key = tmp_path / "kim.key"
    key.write_bytes(office.keys["kim"].private_bytes_raw())
    key.chmod(0o600)
    (tmp_path / "kim.key.pub").write_bytes(office.keys["kim"].public_key().public_bytes_raw())
    given = (NOW - timedelta(minutes=5)).isoformat()
    ask = ["case", "consent", CASE, "--key", str(key), "--given", given, "--language", "ko"]
    ask += ["--expires", (NOW + timedelta(days=9)).isoformat()]
    with pytest.raises(SystemExit) as ended:
        typed(office, capsys, *ask, "--scope", "face")
    assert ended.value.code == 2
    assert "each need one answer" in capsys.readouterr().err
    assert typed(office, capsys, *ask, "--scope", "face", "--refuse", "appearance")["consented"] is True
    document = typed(office, capsys, "consent", "show", CASE)
    (tmp_path / "receipt.json").write_text(json.dumps(document))
    typed(office, capsys, "consent", "pdf", CASE, "--out", str(tmp_path / "copy.pdf"))
    typed(office, capsys, "consent", "qr", CASE, "--out", str(tmp_path / "receipt.svg"))
    assert (tmp_path / "copy.pdf").read_bytes().startswith(b"%PDF")
    code = scanned(rendered((tmp_path / "copy.pdf").read_bytes(), tmp_path / "pages", 150))
    (tmp_path / "code.txt").write_text(code + "\n")
    for name in ("receipt.json", "code.txt"):
        main(["consent", "verify", str(tmp_path / name), "--key", str(tmp_path / "kim.key.pub"), "--json"])
        found = json.loads(capsys.readouterr().out)
        assert (found["signature"], found["given"], found["refused"]) == ("good", ["face"], ["appearance"])
    assert typed(office, capsys, "consent", "notice")["version"] == terms().notice.version


def test_verifying_says_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Another's key, no key, no file, a changed word: exit code 2 and the next step, never a trace."""
    (tmp_path / "r.json").write_bytes(raw(exported()))
    (tmp_path / "changed.json").write_bytes(raw(exported()).replace(b"case-1", b"case-2"))
    (tmp_path / "good.pub").write_bytes(KEY.public_key().public_bytes_raw())
    (tmp_path / "other.pub").write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    (tmp_path / "empty.pub").write_bytes(b"")
    for file, key, said in (
        ("r.json", "other.pub", "does not verify"),
        ("r.json", "empty.pub", "neither a raw public key"),
        ("r.json", "nothing.pub", "cannot read the key"),
        ("nothing.json", "good.pub", "cannot read"),
        ("changed.json", "good.pub", "something else than what was signed"),
        ("good.pub", "good.pub", "no consent receipt"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["consent", "verify", str(tmp_path / file), "--key", str(tmp_path / key)])
        assert ended.value.code == 2
        error = capsys.readouterr().err
        assert said in error, (file, key)
        assert "Traceback" not in error
