"""The pages' words, English and Korean. A word that is missing fails a test, not a tracer."""

from __future__ import annotations

from typing import Final

from central.reports.map_words import Language

WORDS: Final[dict[str, tuple[str, str]]] = {
    # frame
    "tagline": ("routes of consenting patients", "동의한 환자의 동선"),
    "sign_in": ("Sign in", "로그인"),
    "sign_out": ("Sign out", "로그아웃"),
    "signed_in_as": ("Signed in as", "로그인:"),
    "language": ("Language", "언어"),
    "skip": ("Skip to the content", "본문으로 건너뛰기"),
    "audited": (
        "Every page that shows a case is noted in the audit log.",
        "사례를 보여 주는 모든 화면은 감사 기록에 남습니다.",
    ),
    "back": ("Back to the cases", "사례 목록으로"),
    "next_step": ("What to do", "할 일"),
    # sign in
    "token": ("Your token", "토큰"),
    "token_hint": (
        "The line that an administrator gave you. It is sent once and never kept in this browser.",
        "관리자에게서 받은 한 줄입니다. 한 번만 전송되며 브라우저에 저장되지 않습니다.",
    ),
    "token_wrong": (
        "This token is not valid. Ask an administrator for a new one.",
        "유효하지 않은 토큰입니다. 관리자에게 새 토큰을 요청하세요.",
    ),
    # list
    "cases": ("Cases", "사례"),
    "no_cases": ("There are no cases to show.", "보여 줄 사례가 없습니다."),
    "how_to_open": (
        "A case is opened and signed on your own machine: cairn-central case open",
        "사례는 본인의 컴퓨터에서 열고 서명합니다: cairn-central case open",
    ),
    "case": ("Case", "사례"),
    "state": ("State", "상태"),
    "opened": ("Opened", "개시"),
    "opened_by": ("by {who}", "{who}"),
    "expires": ("Ends by itself", "자동 종료"),
    "consent": ("Consent", "동의"),
    "registered": ("Registered", "등록"),
    "yes": ("yes", "예"),
    "no": ("not yet", "아직 아님"),
    "newer": ("Newer", "다음"),
    "older": ("Older", "이전"),
    # states
    "state_open": ("open", "승인 전"),
    "state_approved": ("approved", "승인됨"),
    "state_withdrawn": ("withdrawn", "동의 철회"),
    "state_closed": ("closed", "종결"),
    # case
    "purpose": ("Legal basis", "법적 근거"),
    "window": ("Window", "조사 기간"),
    "cells": ("Cells searched", "조사 구역"),
    "consent_of": ("{scopes}, noted by {who}, until {until}", "{scopes} · 확인 {who} · {until}까지"),
    "consent_missing": ("not taken down yet", "아직 기록되지 않음"),
    "scope_face": ("face", "얼굴"),
    "scope_appearance": ("clothes and shape", "옷차림과 체형"),
    "approval": ("Approval", "승인"),
    "approved_by": ("{who}, {when}", "{who}, {when}"),
    "approval_missing": ("waits for another person's signature", "다른 사람의 서명을 기다림"),
    "template": ("Patient registered", "환자 등록"),
    "ended": ("Ended", "종료"),
    "ended_note": (
        "This case has ended. Nothing of it can be searched, and a withdrawn case keeps no route.",
        "종료된 사례입니다. 더 이상 검색할 수 없으며, 철회된 사례의 동선은 지워집니다.",
    ),
    "untold": ("Not told yet, and tried again: {who}", "아직 통보되지 않아 다시 시도 중: {who}"),
    "tracer_only": (
        "What was found is shown to the tracer who opened the case, and to nobody else.",
        "조사 결과는 사례를 연 역학조사관에게만 보입니다.",
    ),
    # search
    "search": ("Search", "검색"),
    "search_now": ("Search for the route", "동선 검색"),
    "search_again": ("Search again", "다시 검색"),
    "search_waits": ("A search needs an approved case.", "검색하려면 승인된 사례가 필요합니다."),
    "never_searched": ("Not searched yet.", "아직 검색하지 않았습니다."),
    "job_waiting": ("waits for its turn", "차례를 기다림"),
    "job_running": ("is searching", "검색 중"),
    "job_done": ("done", "완료"),
    "job_failed": ("failed", "실패"),
    "job_stopped": ("stopped", "중단됨"),
    "job_interrupted": ("interrupted", "끊김"),
    "batches": ("{done} of {all} batches", "묶음 {all}개 중 {done}개"),
    "batches_failed": ("{n} batches could not be opened", "열지 못한 묶음 {n}개"),
    "reloads": ("This page reloads by itself.", "이 화면은 저절로 새로 고쳐집니다."),
    "show_case": ("Show the case", "사례 보기"),
    "found_at": ("found {when}", "{when} 검색"),
    # route
    "route": ("Route", "동선"),
    "map_alt": ("Map of the route; the table below tells the same.", "동선 지도. 아래 표와 같은 내용입니다."),
    "visits": ("Sightings", "목격"),
    "no_visits": (
        "The patient was not seen by any camera in this window. That is no evidence of having been elsewhere.",
        "이 기간에 어떤 카메라에도 보이지 않았습니다. 다른 곳에 있었다는 증거는 아닙니다.",
    ),
    "time": ("Time", "시각"),
    "camera": ("Camera", "카메라"),
    "mask": ("Mask", "마스크"),
    "sure": ("Sure", "확신"),
    "way": ("Way from the last", "이전 지점에서"),
    "indoors": ("indoors", "실내"),
    "mode_walk": ("on foot", "도보"),
    "mode_ride": ("ride", "탈것"),
    "not_seen": ("not seen", "보이지 않음"),
    "stays": ("Stays", "머문 곳"),
    "no_stays": ("No stay of five minutes or more was seen.", "5분 이상 머문 것이 보이지 않았습니다."),
    "gaps": ("Gaps", "공백"),
    "no_gaps": ("No gap of fifteen minutes or more.", "15분 이상의 공백이 없습니다."),
    "gap_note": (
        "A gap is time without evidence, not evidence of absence.",
        "공백은 증거가 없는 시간일 뿐, 없었다는 증거가 아닙니다.",
    ),
    "from": ("From", "부터"),
    "until": ("Until", "까지"),
    "length": ("Length", "길이"),
    "masks": ("The patient's mask", "환자의 마스크"),
    "masks_note": ("Sightings by mask state.", "마스크 상태별 목격 수."),
    "mask_worn": ("worn", "착용"),
    "mask_incorrect": ("worn wrongly", "잘못 착용"),
    "mask_absent": ("none", "미착용"),
    "mask_unknown": ("not known", "알 수 없음"),
    # contacts
    "contacts": ("Contacts", "접촉자"),
    "contacts_note": (
        "People near the patient, by dated rules side by side. They have pseudonyms; nobody here knows who they are.",
        "환자 가까이에 있던 사람을 날짜가 정해진 기준별로 보여 줍니다. 가명이며, 누구인지는 여기서 알 수 없습니다.",
    ),
    "no_contacts": ("Nobody is a contact by any of the rules.", "어떤 기준으로도 접촉자가 없습니다."),
    "pseudonym": ("Pseudonym", "가명"),
    "nearest": ("Nearest", "최근접"),
    "other_mask": ("Their mask", "상대의 마스크"),
    "where": ("Where", "장소"),
    "minutes_by": ("Minutes by {preset}", "{preset} 기준 (분)"),
    "uncertain": ("distance uncertain", "거리 불확실"),
    "unknown_masks": ("{n} min with masks not seen", "마스크 미확인 {n}분"),
    "no_contact": ("no contact", "해당 없음"),
}


def word(name: str, language: Language, **values: object) -> str:
    """A phrase in the language, filled in. KeyError for one that does not exist."""
    return WORDS[name][language == "ko"].format(**values)
