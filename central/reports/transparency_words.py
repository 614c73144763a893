"""The transparency report's words, English and Korean, and the report as a page."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from central.reports.map_words import Language
from central.reports.paper import Phrases, paper
from central.reports.transparency import Transparency

PHRASES: Final[Phrases] = {
    "title": ("Transparency report", "투명성 보고서"),
    "lead": (
        "What was done with Cairn, which rebuilds the routes of consenting patients from cameras. "
        "Counted from its audit log; no patient and no member of staff is named.",
        "동의한 환자의 동선을 카메라로 재구성하는 Cairn의 사용 내역입니다. "
        "감사 기록에서 집계하였으며 환자와 직원은 나타나지 않습니다.",
    ),
    "period": ("{first} to {last}, whole days in UTC", "{first} ~ {last} (UTC 기준, 온전한 날)"),
    "small": (
        "Counts from 1 to 4 are shown as <5, and a total beside one of them as a lower bound.",
        "1~4건은 <5로 표시하고, 그런 건수가 있는 표의 합계는 하한으로 표시합니다.",
    ),
    "withheld": ("withheld", "가림"),
    "cases": ("Cases", "사례"),
    "case_opened": ("opened by a tracer", "역학조사관이 개시"),
    "case_consent": ("consent of a patient taken down", "환자 동의 기록"),
    "case_registered": ("patient registered", "환자 등록"),
    "case_approved": ("approved by a second person", "다른 사람이 승인"),
    "case_closed": ("closed, work done", "업무 완료로 종결"),
    "case_withdrawn": ("withdrawn, consent taken back", "동의 철회"),
    "case_expired": ("ended by themselves", "기한 만료로 종료"),
    "case_erased": ("erased", "삭제"),
    "searches": ("Searches", "검색"),
    "asked": ("searches asked for", "검색 요청"),
    "cell_hours": ("hours of camera groups searched", "검색한 카메라 묶음의 시간 수"),
    "batches": ("sealed batches opened", "열어 본 봉인 묶음"),
    "releases": ("Keys released, by authority", "기관별 키 공개"),
    "releases_note": (
        "Each authority checks consent and both signatures by itself before it releases its part of the keys.",
        "각 기관은 동의와 두 서명을 스스로 확인한 뒤에만 자기 몫의 키를 공개합니다.",
    ),
    "refusals": ("Refused", "거부"),
    "refusals_note": (
        "Every attempt that the system turned down. Refusals are what limits look like when they work.",
        "시스템이 거부한 모든 시도입니다. 거부는 제한이 작동하고 있다는 표시입니다.",
    ),
    "reads": ("Looked at by tracers and approvers", "조사관과 승인자의 열람"),
    "read_case": ("the case itself", "사례"),
    "read_route": ("a route", "동선"),
    "read_route map": ("the map of a route", "동선 지도"),
    "read_consent": ("a receipt of consent", "동의서"),
    "read_testimony": ("what a patient told", "환자의 진술"),
    "read_questions": ("what to ask a patient about a route", "환자에게 물어볼 것"),
    "read_words": ("what was said of sightings", "목격에 관한 답"),
    "read_testimony comparison": ("a testimony beside its route", "진술과 동선의 비교"),
    "read_contacts": ("people possibly exposed", "접촉자"),
    "read_subject report": ("a patient's own report", "환자 본인의 보고서"),
    "read_mask statistics": (
        "masks by place and hour, small counts hidden",
        "장소·시간별 마스크 통계 (적은 수는 감춤)",
    ),
    "read_places": ("a draft of places for the public", "공개할 장소의 초안"),
    "read_export": ("a route and its contacts, saved as a file", "동선과 접촉자를 파일로 저장"),
    "destroyed": ("Destroyed", "파기"),
    "destroyed_note": (
        "When a day's secret is destroyed at one authority, no copy of that day's batches can be opened any more, "
        "backups included. Each line is signed by its authority. That no hidden copy of a secret exists cannot be "
        "proven.",
        "한 기관이라도 그날의 비밀을 파기하면 백업을 포함해 그날의 묶음은 더 이상 열 수 없습니다. "
        "각 줄은 해당 기관이 서명하였습니다. 숨겨진 사본이 없음은 증명할 수 없습니다.",
    ),
    "no_days": ("No day's secret was destroyed in this period.", "이 기간에 파기된 날이 없습니다."),
    "day": ("Day", "날짜"),
    "authority": ("Authority", "기관"),
    "signature": ("Signature", "서명"),
    "batches_dropped": ("Sealed batches dropped from the store: {n}", "저장소에서 삭제한 봉인 묶음: {n}"),
    "canaries": ("Canaries", "카나리아 점검"),
    "canaries_note": (
        "A sealed batch of each day that the privacy officer tries to open: of destroyed days it must fail.",
        "매일의 봉인 묶음을 개인정보 담당자가 열어 보는 점검입니다. 파기된 날은 반드시 실패해야 합니다.",
    ),
    "canary_shut": ("destroyed days: did not open, as it must be", "파기된 날: 열리지 않음 (정상)"),
    "canary_live": ("days within retention: opened, so the trial works", "보관 중인 날: 열림 (점검이 작동함)"),
    "canary_alarm": ("not as it must be: an alarm", "비정상: 경보"),
    "boxes": ("Boxes", "단말"),
    "revoked": ("Boxes revoked: {n}", "폐기된 단말: {n}"),
    "log": ("The audit log at the end of the period", "기간 말의 감사 기록"),
    "log_note": (
        "Whoever holds a later signed checkpoint can check that it grew from this one. {n} entries of this period were "
        "erased with their cases; they are counted, and what they said is gone.",
        "이후의 서명된 체크포인트를 가진 사람은 기록이 여기에서 이어졌는지 확인할 수 있습니다. "
        "이 기간의 기록 {n}건은 사례와 함께 내용이 삭제되었으나 건수에는 포함됩니다.",
    ),
    "entries": ("Entries", "기록 수"),
    "root": ("Root of the tree", "트리 루트"),
    "checkpoint": ("The newest signed checkpoint", "가장 최근에 서명된 체크포인트"),
    "key_of": ("Key of {name}: {key}", "{name}의 키: {key}"),
}


def transparency_page(report: Transparency, language: Language, zone: ZoneInfo) -> str:
    """The report as one HTML file."""
    return paper("transparency.html", PHRASES, language, zone, report=report)
