"""The words of contacts on a case's page: minutes with their error, and why somebody may or may not be one."""

from __future__ import annotations

from typing import Final

CONTACTS: Final = {
    "contacts": ("Contacts", "접촉자"),
    "contacts_note": (
        "People near the patient, by dated rules side by side. They have pseudonyms; nobody here knows who they are.",
        "환자 가까이에 있던 사람을 날짜가 정해진 기준별로 보여 줍니다. 가명이며, 누구인지는 여기서 알 수 없습니다.",
    ),
    "contacts_range": (
        "Minutes are as measured; in brackets the least and the most that they may be in truth (one standard error of "
        "the distance; masks that were not seen).",
        "분은 측정값이며, 괄호 안은 실제로 가능한 최소와 최대입니다 (거리의 표준오차 1배, 확인되지 않은 마스크).",
    ),
    "contacts_hours": (
        "A pseudonym is good for one hour of one group of cameras: nobody can be followed further, and minutes of two "
        "pseudonyms are never added up. Those who took over each other's place are shown as perhaps one person.",
        "가명은 한 카메라 묶음의 한 시간 동안만 유효합니다. 그 이상은 추적할 수 없으며, 서로 다른 가명의 시간은 더하지 "
        "않습니다. 같은 자리를 이어받은 사람은 같은 사람일 수 있다고 표시합니다.",
    ),
    "no_contacts": ("Nobody is a contact by any of the rules.", "어떤 기준으로도 접촉자가 없습니다."),
    "pseudonym": ("Pseudonym", "가명"),
    "nearest": ("Nearest", "최근접"),
    "not_measured": ("not measured", "측정 안 됨"),
    "patients_mask": ("Patient's mask", "환자의 마스크"),
    "other_mask": ("Their mask", "상대의 마스크"),
    "where": ("Where", "장소"),
    "minutes_by": ("Minutes by {preset}", "{preset} 기준 (분)"),
    "minutes_range": ("{least}–{most} min", "{least}–{most}분"),
    "minutes_indoors": ("{n} min indoors", "실내 {n}분"),
    "near_limit": ("near the limit", "기준 경계"),
    "because_distance": ("distance uncertain", "거리 불확실"),
    "because_mask": ("masks not seen", "마스크 미확인"),
    "because_no_distance": ("distance not measured", "거리 측정 안 됨"),
    "because_another_name": ("perhaps one person under two names", "두 가명이 같은 사람일 수 있음"),
    "perhaps_same": ("perhaps also {names}", "{names}와 같은 사람일 수 있음"),
    "unknown_masks": ("{n} min with masks not seen", "마스크 미확인 {n}분"),
    "presence": ("patient there: {n} %", "환자가 있었을 확률 {n} %"),
    "no_contact": ("no contact", "해당 없음"),
    "rule_of": ("{rule}, of {dated}: {source}", "{rule} ({dated}): {source}"),
}
