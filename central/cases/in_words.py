"""What an approver is about to sign, in words, from the very bytes that will be signed; and what should give pause."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from central.cases.bases import Bases
from shared.releases import CaseScope, ConsentReceipt

LONG_WINDOW = timedelta(days=5)  # two days before onset until isolation is seldom longer
LONG_APPROVAL = timedelta(days=7)
MANY_CELLS = 0.5
_SHOWN_CELLS = 12
_WORDS = {"face": "the face", "appearance": "shape and clothing"}


def in_words(
    scope: CaseScope, consent: ConsentReceipt, photos: int, bases: Bases, zone: ZoneInfo, all_cells: Collection[str]
) -> list[str]:
    """Lines to read before signing: who asks, why, what is searched, where, when and until when."""
    basis = bases.get(scope.purpose)
    law = basis.texts["en"] if basis else "not on this centre's list"
    shown = ", ".join(sorted(scope.cells)[:_SHOWN_CELLS])
    more = f" and {len(scope.cells) - _SHOWN_CELLS} more" if len(scope.cells) > _SHOWN_CELLS else ""
    return [
        f"case {scope.case}, opened by {scope.opened_by}",
        f"legal basis {scope.purpose}: {law}",
        f"window: {_when(scope.start, zone)} until {_when(scope.end, zone)} ({span(scope.end - scope.start)})",
        f"cells: {len(scope.cells)} of {len(all_cells)} in the city ({shown}{more})",
        f"searched by {' and '.join(_WORDS.get(one, one) for one in scope.consents)}",
        f"the patient agreed to {_list(consent.scopes)} and refused {_list(consent.refused)}, on "
        f"{_when(consent.given_at, zone)}, until {_when(consent.expires, zone)}; witnessed by {consent.signed_by}",
        f"template: made from {photos} photo{'s' if photos != 1 else ''}",
        f"nothing may be searched after {_when(scope.expires, zone)}",
    ]


def warnings(scope: CaseScope, consent: ConsentReceipt, all_cells: Collection[str], now: datetime) -> list[str]:
    """What an approver should ask about: allowed, and seldom needed."""
    share = len(set(scope.cells) & set(all_cells)) / max(len(all_cells), 1)
    found = []
    if len(all_cells) > 1 and share >= 1:
        found.append("the whole city is searched: ask why no part of it will do")
    elif len(all_cells) > 1 and share > MANY_CELLS:
        found.append(f"{share:.0%} of the city is searched: ask why")
    if scope.end - scope.start > LONG_WINDOW:
        found.append(f"the window is {span(scope.end - scope.start)} long; from two days before onset is usual")
    if scope.expires - now > LONG_APPROVAL:
        found.append(f"the case may be searched for {span(scope.expires - now)} from now")
    if consent.signed_by != scope.opened_by:
        found.append(f"the consent was witnessed by {consent.signed_by}, not by {scope.opened_by} who opened the case")
    return found


def span(time: timedelta) -> str:
    """Days and hours, as people say them."""
    hours = round(time / timedelta(hours=1))
    days, hours = divmod(hours, 24)
    parts = [f"{count} {word}{'s' if count != 1 else ''}" for count, word in ((days, "day"), (hours, "hour")) if count]
    return " ".join(parts) or "under an hour"


def _when(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def _list(scopes: Collection[str]) -> str:
    return " and ".join(_WORDS.get(one, one) for one in scopes) or "nothing"
