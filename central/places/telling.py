"""The draft as a page and as a table to publish once it is released, English and Korean."""

from __future__ import annotations

from typing import Final

from central.exports.files import Cell, Download, Table
from central.places.proposal import Proposal, PublicPlace
from central.reports.map_words import Language
from central.reports.paper import Phrases, paper

PHRASES: Final[Phrases] = {
    "title": ("Places where people may have been exposed", "확진자 방문 장소"),
    "draft": (
        "Draft. Not to be published before the office has released it.",
        "초안. 기관이 공개를 승인하기 전에는 게시할 수 없습니다.",
    ),
    "lead": (
        "Whoever was at one of these places at the time given and has symptoms should get tested. The list names "
        "places, not people; each is removed on the day after the one that stands with it.",
        "해당 시간에 아래 장소를 방문하고 증상이 있는 분은 검사를 받으시기 바랍니다. 개인이 아닌 장소의 목록이며, "
        "각 장소는 적힌 날짜가 지나면 삭제합니다.",
    ),
    "none": ("There is no place to tell of.", "공개할 장소가 없습니다."),
    "place": ("Place", "장소"),
    "time": ("Time", "노출 시간"),
    "remove": ("Shown until", "공개 기한"),
    "unnamed": ("name to be filled in", "상호명을 적어 넣을 것"),
    "rule": ("Rule: {name}, {dated}.", "기준: {name}, {dated}."),
}
_COLUMNS: Final = {
    "en": ("place", "latitude", "longitude", "from", "until", "zone", "shown_until", "status"),
    "ko": ("장소", "위도", "경도", "시작", "종료", "시간대", "공개 기한", "상태"),
}
_DRAFT: Final = {"en": "draft", "ko": "초안"}
_MARK: Final = b"\xef\xbb\xbf"  # spreadsheets take Korean for something else without it


def places_page(proposal: Proposal, language: Language) -> Download:
    """One file that fetches nothing."""
    page = paper("places.html", PHRASES, language, proposal.zone, report=proposal)
    return Download("places-draft.html", "text/html; charset=utf-8", page.encode())


def places_csv(proposal: Proposal, language: Language) -> Download:
    """A row for each time at each place."""
    rows = [row for place in proposal.places for row in _rows(place, proposal, language)]
    table = Table("places-draft.csv", _COLUMNS[language], rows)
    return Download(table.name, "text/csv; charset=utf-8", _MARK + table.content())


def _rows(place: PublicPlace, proposal: Proposal, language: Language) -> list[tuple[Cell, ...]]:
    """A place that has a name needs no position, which is a camera's."""
    where: tuple[Cell, ...] = (place.name, None, None) if place.name else ("", place.latitude, place.longitude)
    kept = (proposal.zone.key, place.remove_after.isoformat(), _DRAFT[language])
    form = "%Y-%m-%d %H:%M"
    return [(*where, *(at.astimezone(proposal.zone).strftime(form) for at in span), *kept) for span in place.times]
