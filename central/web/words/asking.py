"""What the pages say when they ask the patient about sightings, and when they hold the testimony against the route."""

from __future__ import annotations

from typing import Final

ASKING: Final[dict[str, tuple[str, str]]] = {
    "ask": ("Ask the patient", "환자에게 물어보기"),
    "ask_note": (
        "Was the patient here then? These answers would settle most of the route. They count from the next search on.",
        "환자가 그때 여기에 있었습니까? 이 답으로 동선이 가장 분명해집니다. 다음 검색부터 반영됩니다.",
    ),
    "here_then": ("{camera}, {when} to {until}", "{camera}, {when} ~ {until}"),
    "sure_so_far": ("{n} % sure so far", "현재 확신 {n} %"),
    "the_patient": ("The patient?", "환자 본인?"),
    "confirm": ("Yes", "예"),
    "reject": ("No", "아니요"),
    "confirm_this": ("Yes, this was the patient: {camera}, {when}", "예, 환자가 맞습니다: {camera}, {when}"),
    "reject_this": ("No, this was not the patient: {camera}, {when}", "아니요, 환자가 아닙니다: {camera}, {when}"),
    "take_back": ("Take back", "취소"),
    "take_back_this": ("Take back the answer about {camera}, {when}", "답 취소: {camera}, {when}"),
    "word_confirmed": ("confirmed", "확인됨"),
    "word_rejected": ("not the patient", "환자 아님"),
    "unheeded": (
        "Answers since this route was found: {n}. Search again to have them counted.",
        "이 동선을 찾은 뒤 바뀐 답 {n}건. 다시 검색하면 반영됩니다.",
    ),
    "said": ("Answers so far", "지금까지의 답"),
    "said_by": ("{who}, {when}", "{who}, {when}"),
    "else": ("What else may have been", "다른 가능성"),
    "else_note": (
        "Less likely than the route above, but possible: sightings that stand or fall together.",
        "위 동선보다 가능성은 낮지만 있을 수 있는 경우입니다. 함께 맞거나 함께 틀리는 목격입니다.",
    ),
    "else_without": ("was not the patient", "환자가 아니었음"),
    "else_instead": ("was the patient", "환자였음"),
    "likely": ("How likely", "가능성"),
}
