"""The subject report's words, English and Korean, and the report as a page."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from central.cases.bases import Bases
from central.reports.map_words import Language
from central.reports.paper import Phrases, paper
from central.reports.subject import SubjectReport

PHRASES: Final[Phrases] = {
    "title": ("What was done under your case", "내 사례에 대하여 한 일"),
    "lead": (
        "This report lists everything that the audit log holds about case {case}: who signed, what was searched, who "
        "looked at what was found, and what is still kept. People of the centre appear by their role.",
        "사례 {case}에 대해 감사 기록에 남은 모든 것입니다. 누가 서명했고, 무엇을 검색했으며, 누가 결과를 보았고, "
        "무엇이 아직 보관되어 있는지 보여 줍니다. 담당자는 역할로만 표시합니다.",
    ),
    "state": ("State", "상태"),
    "state_open": ("open, not approved", "승인 전"),
    "state_approved": ("approved", "승인됨"),
    "state_closed": ("closed", "종결"),
    "state_expired": ("ended by itself", "기한 만료로 종료"),
    "state_withdrawn": ("consent withdrawn", "동의 철회"),
    "state_erased": ("erased; only the log is left", "삭제됨 (감사 기록만 남음)"),
    "purpose": ("Legal basis", "법적 근거"),
    "window": ("Window searched", "조사 기간"),
    "cells": ("Groups of cameras", "카메라 묶음"),
    "expires": ("No search after", "검색 가능 기한"),
    "consent": ("Your consent", "본인의 동의"),
    "no_consent": (
        "The consent is not kept, or was never taken down.",
        "동의가 보관되어 있지 않거나 기록된 적이 없습니다.",
    ),
    "receipt": ("Receipt", "동의서 번호"),
    "scopes": ("What for", "동의 범위"),
    "scope_face": ("face", "얼굴"),
    "scope_appearance": ("clothes and shape", "옷차림과 체형"),
    "given": ("Given", "동의한 때"),
    "consent_until": ("Holds until", "동의 만료"),
    "signatures": ("Signatures", "서명"),
    "sign_opened": ("opened the case", "사례를 열고 서명"),
    "sign_consent": ("took your consent down", "동의를 기록하고 서명"),
    "sign_approved": ("approved the case, as a second person", "두 번째 사람으로서 승인"),
    "role_tracer": ("tracer", "역학조사관"),
    "role_witness": ("tracer, as witness", "역학조사관 (입회)"),
    "role_approver": ("approver", "승인자"),
    "role_privacy-officer": ("privacy officer", "개인정보 담당자"),
    "role_technician": ("technician", "기술 담당자"),
    "role_administrator": ("administrator", "관리자"),
    "role_system": ("the system", "시스템"),
    "searches": ("Searches", "검색"),
    "searches_note": (
        "For each search, every authority checked your consent and both signatures, and released its part of the keys "
        "for these hours only. What cameras saw of other people was not shown to anybody.",
        "검색할 때마다 각 기관이 동의와 두 서명을 확인하고 해당 시간의 키 일부만 공개했습니다. "
        "다른 사람에 대한 카메라 기록은 누구에게도 보이지 않았습니다.",
    ),
    "by_authorities": ("Keys released by", "키를 공개한 기관"),
    "cell_hours": ("Camera-group hours", "카메라 묶음·시간"),
    "batches": ("Sealed batches", "봉인 묶음"),
    "unfinished": ("A search that ended without a result", "결과 없이 끝난 검색"),
    "reads": ("Looked at", "열람"),
    "reads_note": (
        "Every time that somebody was shown something of your case.",
        "누군가 이 사례의 내용을 본 모든 기록입니다.",
    ),
    "read_case": ("the case and its documents", "사례와 서류"),
    "read_route": ("your route", "동선"),
    "read_route map": ("the map of your route", "동선 지도"),
    "read_consent": ("the receipt of your consent", "동의서"),
    "read_testimony": ("what you told", "본인의 진술"),
    "read_questions": ("what to ask you about your route", "동선에 관해 물어볼 것"),
    "read_words": ("what you said of sightings", "목격에 관한 본인의 답"),
    "read_testimony comparison": ("what you told beside your route", "진술과 동선의 비교"),
    "read_contacts": ("people who were near you, by pseudonyms", "가까이 있던 사람 (가명)"),
    "read_subject report": ("this report", "이 보고서"),
    "read_places": (
        "a draft of places for the public, without anything about you",
        "본인 정보 없이 공개할 장소의 초안",
    ),
    "read_export": ("route and contacts, saved as a file", "동선과 접촉자를 파일로 저장"),
    "others": ("What else was done", "그 밖의 일"),
    "act_registered": ("your template was registered", "대조 자료 등록"),
    "act_shared": ("the case was shared with another tracer", "다른 역학조사관과 공유"),
    "act_unshared": ("another tracer's access was ended", "다른 역학조사관의 접근 종료"),
    "act_key warning": ("a warning about the approver's key", "승인자 키 경고"),
    "act_testimony added": ("what you told was taken down", "진술 기록"),
    "act_testimony changed": ("what you told was corrected", "진술 정정"),
    "act_testimony removed": ("what you told was removed", "진술 삭제"),
    "act_confirmed sighting": ("a sighting was confirmed as you", "본인이 맞다고 확인한 목격"),
    "act_rejected sighting": ("a sighting was ruled out as you", "본인이 아니라고 한 목격"),
    "act_word taken back": ("an answer about a sighting was taken back", "목격에 관한 답 취소"),
    "refusals": ("Refused", "거부된 시도"),
    "refusals_note": (
        "What somebody tried under your case and was not allowed to.",
        "이 사례에 대해 시도했으나 허용되지 않은 일입니다.",
    ),
    "ending": ("End of the case", "사례의 종료"),
    "not_ended": ("The case has not ended.", "아직 종료되지 않았습니다."),
    "end_closed": ("closed", "종결"),
    "end_withdrawn": (
        "consent withdrawn: searches stopped, route and template erased",
        "동의 철회: 검색 중단, 동선과 대조 자료 삭제",
    ),
    "end_expired": ("ended by itself", "기한 만료로 종료"),
    "end_erased": ("everything kept of the case was erased", "보관하던 모든 자료 삭제"),
    "end_erased route": ("the route was erased, its time was over", "보관 기한이 지나 동선 삭제"),
    "end_told probes": ("the probe service was told and erased your template", "조회 서비스에 통보, 대조 자료 삭제"),
    "told_authority": (
        "authority {name} was told and releases nothing any more",
        "{name} 기관에 통보, 더 이상 키를 공개하지 않음",
    ),
    "held": ("Still kept", "아직 보관 중"),
    "held_log": ("the entries of the audit log in this report", "이 보고서에 있는 감사 기록"),
    "held_route": ("your route, and people near you by pseudonyms", "동선과 가까이 있던 사람 (가명)"),
    "held_receipt": ("the receipt of your consent, as evidence", "증빙으로서의 동의서"),
    "held_documents": ("the signed documents: scope, consent, approval", "서명된 서류: 범위, 동의, 승인"),
    "held_template": ("your template, sealed", "봉인된 대조 자료"),
    "held_batches": (
        "sealed sightings of everybody in these hours; unreadable without a new release",
        "해당 시간의 봉인된 목격 기록 (새로운 공개 없이는 읽을 수 없음)",
    ),
    "until_when": ("Until", "보관 기한"),
    "by_law": ("counted from the end of the case", "사례 종료 시부터 계산"),
    "gone": ("Not kept", "보관하지 않음"),
    "gone_route": ("a route", "동선"),
    "gone_template": ("a template of your face or clothes", "얼굴·옷차림 대조 자료"),
    "gone_documents": ("the signed documents", "서명된 서류"),
    "pictures": ("pictures: none ever reached the centre", "사진: 센터로 전송된 적 없음"),
    "rights": (
        "You may withdraw your consent at any time: tell your tracer or the privacy officer. Searching then stops at "
        "once, and route and template are erased.",
        "동의는 언제든지 철회할 수 있습니다. 담당 역학조사관이나 개인정보 담당자에게 알려 주세요. "
        "검색은 즉시 중단되고 동선과 대조 자료는 삭제됩니다.",
    ),
}


def subject_page(report: SubjectReport, language: Language, zone: ZoneInfo, bases: Bases) -> str:
    """The report as one HTML file; `bases` give the words of the law that the case names."""
    basis = bases.get(report.about.purpose) if report.about else None
    words = basis.texts[language] if basis else report.about.purpose if report.about else ""
    return paper("subject.html", PHRASES, language, zone, report=report, basis=words)
