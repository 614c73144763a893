"""Reports as one HTML file each: nothing is fetched, nothing runs, it prints on A4 and reads aloud in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from central.reports.map_words import Language
from shared.clock import as_utc

HERE: Final = Path(__file__).parent / "templates"

Phrases = Mapping[str, tuple[str, str]]
Say = Callable[..., str]

COMMON: Final[Phrases] = {
    "made": ("Made {when}", "작성 {when}"),
    "zone": ("Times are local, {zone}.", "시각은 현지 시각({zone})입니다."),
    "when": ("When", "시각"),
    "who": ("Who", "누가"),
    "what": ("What", "내용"),
    "count": ("Count", "건수"),
    "total": ("Total", "합계"),
    "none": ("None.", "없음."),
    "until": ("until", "까지"),
    # refusals, by the names that the log has; another one is shown by its name
    "NotAllowed": ("not allowed for this role", "역할에 허용되지 않음"),
    "NotFound": ("no such case, or not theirs", "없거나 본인의 것이 아닌 사례"),
    "WrongState": ("not at this stage of a case", "사례의 현재 단계에서 할 수 없음"),
    "CaseEnded": ("the case had ended", "종료된 사례"),
    "WrongCaller": ("a service asked what is not its own", "권한 없는 서비스의 요청"),
    "ReleaseRefused": ("signature, consent, scope or time not right", "서명·동의·범위·기간이 맞지 않음"),
    "PurposeLocked": ("another purpose than the case was released for", "승인된 목적과 다름"),
    "CaseWithdrawn": ("the case was withdrawn", "철회된 사례"),
    "TooManyCases": ("ten cases were open already", "동시에 열 수 있는 사례 10건 초과"),
    "TooManyProbes": ("an hour was searched as often as it may be", "한 시간대의 검색 한도 초과"),
    "TooManyPhotos": ("more than five photos", "사진 5장 초과"),
    "NoPictures": ("a picture was sent; none is taken", "사진 전송 시도 (받지 않음)"),
    "ForeignForm": ("a form came from another site", "다른 사이트에서 보낸 양식"),
    "not known": ("not known, its case was erased", "알 수 없음 (사례가 삭제됨)"),
}

MINUTES: Final = "%Y-%m-%d %H:%M"

_pages = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def paper(template: str, phrases: Phrases, language: Language, zone: ZoneInfo, /, **values: object) -> str:
    """A whole document, with times as in `zone`.

    `values` are escaped where they are shown; there `w` gives a phrase, and `kind` one or the name itself.
    """
    known = {**COMMON, **phrases}
    about = {
        "language": language,
        "w": partial(_word, known, language),
        "kind": partial(_kind, known, language),
        "rows": partial(_rows, known, language),
        "local": partial(local_time, zone=zone),
        "span": partial(time_span, zone=zone),
        "zone": zone.key,
        "style": (HERE / "paper.css").read_text("utf-8"),
    }
    return _pages.get_template(template).render(about | values)


def _word(phrases: Phrases, language: Language, name: str, /, **values: object) -> str:
    return phrases[name][language == "ko"].format(**values)


def _kind(phrases: Phrases, language: Language, name: str, prefix: str = "") -> str:
    """The phrase for a word of the log, or that word itself: a new one must not be left out for want of a phrase."""
    found = phrases.get(prefix + name)
    return found[language == "ko"] if found else name


def _rows(phrases: Phrases, language: Language, counts: Mapping[str, object], prefix: str = "") -> list[object]:
    """Counts with their phrases, in their own order."""
    return [(_kind(phrases, language, name, prefix), value) for name, value in counts.items()]


def local_time(moment: datetime | str, form: str = MINUTES, *, zone: ZoneInfo) -> str:
    """A moment, or its ISO text, as the clocks of `zone` show it."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return as_utc(at).astimezone(zone).strftime(form)


def end_time(start: datetime | str, end: datetime | str, form: str = MINUTES, *, zone: ZoneInfo) -> str:
    """An end beside its start: only the time of `form`, a date and a time, where both are of one local day."""
    same = local_time(start, "%Y-%m-%d", zone=zone) == local_time(end, "%Y-%m-%d", zone=zone)
    return local_time(end, form.partition(" ")[2] if same else form, zone=zone)


def time_span(start: datetime | str, end: datetime | str, form: str = MINUTES, *, zone: ZoneInfo) -> str:
    """From when until when, without the day twice."""
    return f"{local_time(start, form, zone=zone)} – {end_time(start, end, form, zone=zone)}"
