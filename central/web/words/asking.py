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
    "set_aside": (
        "Not on the route: it cannot be true together with the rest, or is no longer found.",
        "동선에 없음: 다른 목격과 함께 성립할 수 없거나 더 이상 찾을 수 없습니다.",
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
    "comparison": ("What was told, and what was seen", "진술과 목격 비교"),
    "comparison_note": (
        "Only being seen elsewhere contradicts a stay: that no camera saw the patient is no evidence of absence.",
        "다른 곳에서 목격된 경우에만 진술과 어긋납니다. 카메라에 보이지 않은 것은 없었다는 증거가 아닙니다.",
    ),
    "verdict": ("Cameras say", "카메라 확인"),
    "verdict_confirmed": ("confirmed", "일치"),
    "verdict_contradicted": ("contradicted", "불일치"),
    "verdict_not_seen": ("not seen", "보이지 않음"),
    "verdict_not_covered": ("not covered", "확인 불가"),
    "rests_on": ("Because", "근거"),
    "coverage": ("Cameras in reach", "근처 카메라"),
    "covered": (
        "{cameras} within 100 m; of {hours} camera-group hours {searched} searched, {sent} with data",
        "100 m 이내 {cameras}대 · 카메라 묶음 {hours}시간 중 검색 {searched}, 수신 {sent}",
    ),
    "seen_there": ("seen there: {camera}, {when}", "그곳에서 목격: {camera}, {when}"),
    "seen_elsewhere": ("seen {far} away: {camera}, {when}", "{far} 떨어진 곳에서 목격: {camera}, {when}"),
    "and_more": ("and {n} more", "외 {n}건"),
    "why_no_place": ("The place is not on the map.", "지도에 표시되지 않은 장소입니다."),
    "why_outside": ("It is outside the case's window.", "조사 기간 밖입니다."),
    "why_no_camera": ("No camera is within 100 m.", "100 m 이내에 카메라가 없습니다."),
    "why_not_searched": ("The cameras there were not searched.", "그곳의 카메라는 검색하지 않았습니다."),
    "why_not_sent": ("The cameras there sent nothing.", "그곳의 카메라에서 받은 자료가 없습니다."),
    "why_not_seen": (
        "The cameras there worked and did not see the patient.",
        "그곳의 카메라는 작동했으나 환자가 보이지 않았습니다.",
    ),
    "missed": ("Seen, and not told", "목격되었으나 진술에 없음"),
    "missed_note": (
        "Sightings at times of which the patient told nothing. Ask about them.",
        "환자가 말하지 않은 시각의 목격입니다. 환자에게 확인하세요.",
    ),
    "none_missed": ("Every sighting lies within a time that was told.", "모든 목격이 진술한 시간 안에 있습니다."),
    "where_on_map": ("On the map, if known", "지도에서의 위치 (알 경우)"),
    "where_hint": (
        "A camera's name, or degrees north and east such as 37.5036, 126.7660. Only a place on the map can be compared "
        "with the route.",
        "카메라 이름, 또는 위도와 경도를 37.5036, 126.7660처럼 쓰세요. 지도에 위치가 있어야 동선과 비교할 수 있습니다.",
    ),
    "compare": ("Compare with the route", "동선과 비교"),
}
