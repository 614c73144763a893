"""Masks by place and hour: what is shown holds the truth, and nothing that is shown gives a small count back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from central.batches.store import MaskCounts
from central.batches.tables import StoredBatch
from central.cases.client import ApiRefused
from central.database import writing
from central.statistics.masks import SMALL, By, Group, mask_statistics
from central.statistics.service import hours_between
from shared.batches import read_batch
from shared.epochs import HOUR_S
from shared.errors import BadInput
from tests.central.authority_fixtures import CELL, NOW, some_faces
from tests.central.centre_fixtures import Office
from tests.central.test_pages import signed_in, text_of

SEOUL = ZoneInfo("Asia/Seoul")
MIDNIGHT = int(datetime(2026, 11, 23, 15, tzinfo=UTC).timestamp()) // HOUR_S  # in Seoul
COUNT = st.one_of(st.integers(0, 30), st.integers(0, 5000))
MASKS = st.tuples(COUNT, COUNT, COUNT, COUNT)
CITIES = st.dictionaries(st.tuples(st.sampled_from("abc"), st.integers(0, 49)), MASKS, max_size=40)
City = dict[tuple[str, int], tuple[int, int, int, int]]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def counts_of(city: City) -> list[MaskCounts]:
    return [MaskCounts(cell, MIDNIGHT + hour, masks) for (cell, hour), masks in sorted(city.items())]


def group_of(*masks: int) -> Group:
    """One place and hour alone."""
    worn, incorrect, absent, unknown = masks
    city: City = {("a", 0): (worn, incorrect, absent, unknown)}
    (group,) = mask_statistics(counts_of(city), By.PLACE, range(MIDNIGHT, MIDNIGHT + 1), SEOUL).groups
    return group


def everything(city: City) -> list[str]:
    """Every answer that anybody can get, over periods that overlap in any way."""
    told = []
    for first, last in ((0, 50), (0, 24), (1, 24), (0, 1), (24, 50), (23, 25)):
        hours = range(MIDNIGHT + first, MIDNIGHT + last)
        within = [one for one in counts_of(city) if one.hour in hours]
        told += [json.dumps(mask_statistics(within, by, hours, SEOUL).to_map()) for by in By]
    return told


@given(CITIES, st.randoms(use_true_random=False))
def test_no_difference_of_answers_gives_a_small_count_back(city: City, chance: object) -> None:
    """Put other small counts in the place of the hidden ones, and others in the place of all where few were seen: every
    answer, to whatever question, stays the same."""
    draw = chance.randint  # type: ignore[attr-defined]

    def other(count: int) -> int:
        return draw(1, SMALL - 1) if 0 < count < SMALL else count

    changed: City = {}
    for key, (worn, incorrect, absent, unknown) in city.items():
        if 0 < worn + incorrect + absent + unknown < SMALL:
            changed[key] = draw(1, 3), draw(0, 2), draw(0, 2), draw(0, 2)
            continue
        not_worn = other(incorrect + absent)
        split = draw(0, not_worn)
        changed[key] = other(worn), split, not_worn - split, other(unknown)
    assert everything(changed) == everything(city)


@given(CITIES, st.sampled_from(list(By)))
def test_the_truth_lies_within_what_is_told(city: City, by: By) -> None:
    """Each true sum and each true share is between its bounds, for every group and for all together."""
    found = mask_statistics(counts_of(city), by, range(MIDNIGHT, MIDNIGHT + 50), SEOUL)
    for group in (*found.groups, found.everybody):
        mine = [masks for (cell, hour), masks in city.items() if group.name in ("", cell, f"{hour % 24:02}")]
        worn, incorrect, absent, unknown = (sum(column) for column in zip(*mine, strict=True)) if mine else (0,) * 4
        for true, told in ((worn, group.worn), (incorrect + absent, group.not_worn), (unknown, group.unknown)):
            assert told.bounds[0] <= true <= told.bounds[1]
        if known := worn + incorrect + absent:
            assert group.share is not None
            assert group.share[0] <= worn / known <= group.share[1]


@given(CITIES, st.sampled_from(list(By)))
def test_no_small_count_is_written_anywhere(city: City, by: By) -> None:
    """A sum that is told exactly is zero or ten and more; all others are at least eight apart."""
    found = mask_statistics(counts_of(city), by, range(MIDNIGHT, MIDNIGHT + 50), SEOUL)
    for group in (*found.groups, found.everybody):
        assert group.share is None or 0 <= group.share[0] <= group.share[1] <= 1
        for told in (group.worn, group.not_worn, group.unknown):
            least, most = told.bounds
            assert most - least >= SMALL - 2 or (least == most and (least == 0 or least >= SMALL))


def test_hours_are_those_of_the_local_day() -> None:
    """Midnight in Seoul is hour 00 whatever it is in UTC, and two days share it."""
    city: City = {("a", 0): (20, 0, 10, 0), ("a", 24): (30, 0, 0, 0), ("b", 8): (10, 0, 10, 0)}
    found = mask_statistics(counts_of(city), By.HOUR, range(MIDNIGHT, MIDNIGHT + 50), SEOUL)
    assert [(one.name, one.worn.bounds, one.share) for one in found.groups] == [
        ("00", (50, 50), (50 / 60, 50 / 60)), ("08", (10, 10), (0.5, 0.5)),
    ]  # fmt: skip


def test_a_group_of_which_nothing_is_known_has_no_share() -> None:
    """No face of which the mask was seen, no share: it is neither none nor all."""
    assert group_of(0, 0, 0, 40).share is None


def test_few_people_who_all_wore_a_mask_are_not_known_by_it() -> None:
    """Of three masked passers-by nothing is told, of thirty that all wore one."""
    few, many = (group_of(n, 0, 0, 0) for n in (3, 30))
    assert (few.share, few.worn.bounds, few.not_worn.bounds) == ((0.0, 1.0), (0, 9), (0, 9))
    assert (many.share, many.worn.bounds) == ((1.0, 1.0), (30, 30))


def test_only_hours_that_have_ended_are_counted() -> None:
    """A period is cut to whole hours of the past; what is none is refused."""
    now = NOW.replace(minute=40)
    hour = int(now.timestamp()) // HOUR_S
    assert hours_between(None, None, now) == range(hour - 7 * 24 + 1, hour)
    assert hours_between(now - timedelta(hours=3), now + timedelta(days=9), now) == range(hour - 2, hour)
    for start, end in ((now, now), (now + timedelta(hours=1), None), (now - timedelta(days=32), None)):
        with pytest.raises(BadInput):
            hours_between(start, end, now)


def test_a_period_without_a_whole_hour_is_refused() -> None:
    """08:10 to 08:50 is none, and neither is 08:50 to 09:10; 08:10 to 10:00 is one."""
    start = NOW.replace(minute=0) - timedelta(hours=5)
    for first, last in ((10, 50), (50, 70), (0, 59)):
        with pytest.raises(BadInput, match="no whole hour"):
            hours_between(start + timedelta(minutes=first), start + timedelta(minutes=last), NOW)
    hour = int(start.timestamp()) // HOUR_S
    assert hours_between(start + timedelta(minutes=10), start + timedelta(hours=2), NOW) == range(hour + 1, hour + 2)


def test_times_at_the_edge_of_the_calendar_are_refused() -> None:
    """The first and the last day that there are: a named refusal, not a fault."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    for start, end in ((None, first), (first, None), (first, first), (first, last), (last, None), (last, last)):
        with pytest.raises(BadInput, match="no such period"):
            hours_between(start, end, NOW)


# with a real store, a real centre


def fill(office: Office, copies: int = 1) -> None:
    """One batch of this hour, several times under other numbers."""
    office.fill()
    with writing(office.engine) as session:
        (row,) = session.exec(select(StoredBatch)).all()
        plain = {name: getattr(row, name) for name in StoredBatch.model_fields if name not in ("id", "sequence")}
        session.add_all(StoredBatch(sequence=n + 1000, **plain) for n in range(copies - 1))
        session.commit()


def test_the_store_adds_up_the_headers_of_each_hour(office: Office) -> None:
    """All batches of a cell and hour are one count, also where numbers are large; other hours are left out."""
    fill(office, copies=3)
    header = read_batch(office.world.batch(some_faces(12))).header
    (one,) = office.store.mask_counts(range(header.hour, header.hour + 1))
    assert one == MaskCounts(CELL, header.hour, tuple(3 * n for n in header.masks))  # type: ignore[arg-type]
    assert list(office.store.mask_counts(range(header.hour + 1, header.hour + 9))) == []
    with writing(office.engine) as session:
        for row in session.exec(select(StoredBatch)).all():
            row.mask_worn = 2**32 - 1
        session.commit()
    assert next(iter(office.store.mask_counts(range(header.hour, header.hour + 1)))).masks[0] == 3 * (2**32 - 1)


def test_no_batch_is_opened_for_statistics(office: Office) -> None:
    """Counts come from the headers' columns: with every batch's bytes gone they are the same."""
    fill(office)
    hour = int(NOW.timestamp()) // HOUR_S
    before = list(office.store.mask_counts(range(hour - 1, hour + 1)))
    with writing(office.engine) as session:
        for row in session.exec(select(StoredBatch)).all():
            row.raw = b""
        session.commit()
    assert list(office.store.mask_counts(range(hour - 1, hour + 1))) == before != []


def test_the_statistics_are_answered_and_noted(office: Office) -> None:
    """By hour or place, with bounds; the log has who looked and at which hours, and nothing else."""
    fill(office, copies=3)
    office.world.clock.advance(timedelta(hours=1))
    for who, by in (("kim", "hour"), ("oda", "place")):
        found = office.as_(who).ask("GET", "/masks", params={"by": by})
        assert (found["by"], found["zone"], found["hidden_below"]) == (by, "Asia/Seoul", 10)
        assert len(found["groups"]) == 1
        assert sum(found["everybody"][state][1] for state in ("worn", "not_worn", "unknown")) >= 36
        last = office.audit()[-1]
        assert (last.account, last.action, last.case) == (who, "read mask statistics", "")
        assert last.detail.startswith(f"{by} 2026-")
    with pytest.raises(ApiRefused, match="BadInput"):
        office.as_("kim").ask("GET", "/masks", params={"from": "2030-01-01T00:00:00Z"})
    with pytest.raises(ApiRefused, match="BadInput"):
        office.as_("kim").ask("GET", "/masks", params={"until": "0001-01-01T00:00:00Z"})
    with pytest.raises(ApiRefused, match="BadRequest"):
        office.as_("kim").ask("GET", "/masks", params={"from": "2026-01-01T00:00:00"})


def test_the_command_prints_a_table(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    """Least and most where something is hidden, and the whole as JSON when asked."""
    fill(office, copies=3)
    office.world.clock.advance(timedelta(hours=1))
    office.typed("masks", "--by", "place")
    told = capsys.readouterr().out
    assert CELL in told
    assert "together" in told
    office.typed("masks", "--json", "--from", "2026-11-23T00:00+09:00")
    assert json.loads(capsys.readouterr().out)["by"] == "hour"


def test_the_page_shows_bars_in_both_languages(office: Office) -> None:
    """Bars are drawn without a style of their own; empty hours say so."""
    with office.browser() as browser:
        signed_in(office, browser)
        assert "No box has reported" in text_of(browser.get("/pages/masks"))
        fill(office, copies=3)
        office.world.clock.advance(timedelta(hours=1))
        signed_in(office, browser)
        page = browser.get("/pages/masks", params={"by": "place", "days": 1})
        assert CELL in text_of(page)
        assert "<rect" in page.text
        assert "style=" not in page.text
        assert "마스크" in text_of(browser.get("/pages/masks", params={"language": "ko"}))
        assert browser.get("/pages/masks", params={"days": 99}).status_code == 422
