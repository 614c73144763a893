"""The map's words, English and Korean."""

from __future__ import annotations

from typing import Final, Literal

Language = Literal["en", "ko"]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "from_to": ("{start} to {end}", "{start} ~ {end}"),
    "zone": ("local time, {zone}", "현지 시각, {zone}"),
    "never_seen": ("Not seen by any camera in this window", "이 기간에 어떤 카메라에도 보이지 않음"),
    "never_hint": ("That is no evidence of having been elsewhere.", "다른 곳에 있었다는 증거는 아닙니다."),
    "timeline": ("Timeline", "시간순"),
    "legend": ("Legend", "범례"),
    "camera": ("camera", "카메라"),
    "indoor_camera": ("indoors", "실내 카메라"),
    "walked": ("way between sightings", "목격 사이의 이동"),
    "rode": ("too fast for walking", "도보보다 빠른 이동"),
    "gap": ("not seen in between", "중간에 보이지 않음"),
    "stay": ("stay, with minutes", "머묾 (분)"),
    "truth": ("what really happened", "실제 경로"),
    "contacts": ("contacts' pseudonyms ({preset})", "접촉자 가명 수 ({preset})"),
    "out": ("out of order for a while", "한동안 고장"),
    "mask": ("Mask of the patient", "환자의 마스크"),
    "worn": ("worn", "착용"),
    "incorrect": ("worn wrongly", "잘못 착용"),
    "absent": ("none", "미착용"),
    "unknown": ("not known", "알 수 없음"),
    "unsure": ("hollow: less than 80 % sure", "빈 표시: 확신 80 % 미만"),
    "minutes": ("{n} min", "{n}분"),
    "hours": ("{h} h {n:02} min", "{h}시간 {n}분"),
    "unseen": ("{length} unseen", "{length} 보이지 않음"),
    "more": ("and {n} more, see the table", "외 {n}건, 표 참조"),
    "note": (
        "Positions are those of cameras; ways are straight lines between them. A missing sighting is no evidence.",
        "위치는 카메라의 위치이며 선은 직선입니다. 보이지 않은 것은 증거가 아닙니다.",
    ),
    "north": ("N", "북"),
}


def words(name: str, language: Language, **values: object) -> str:
    """A phrase in the language, filled in."""
    return _WORDS[name][language == "ko"].format(**values)


def length(minutes: float, language: Language) -> str:
    """A span of time, in hours where it is long."""
    whole = round(minutes)
    if whole < 180:
        return words("minutes", language, n=whole)
    return words("hours", language, h=whole // 60, n=whole % 60)
