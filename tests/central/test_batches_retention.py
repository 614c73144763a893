"""An archive goes with the last hour that is read in it, with evidence; commands say where batches lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from central.__main__ import main
from central.audit.tables import AuditEntry
from central.retention.due import Kind, held
from central.retention.job import Retention
from central.retention.rules import load_rules
from central.search.case_search import SearchParts
from shared.clock import FixedClock
from shared.epochs import Epoch
from tests.central.archive_fixtures import AFTER, CELLS, FIRST, Archived

KEPT = load_rules().batches


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Archived]:
    made = Archived(tmp_path)
    made.fill()
    made.compact()
    yield made
    made.engine.dispose()


def over(hour: int) -> datetime:
    """When the time of an hour's batches is over."""
    return Epoch("cell-1", FIRST + hour).end + KEPT


def retain(site: Archived, now: datetime) -> list[Kind]:
    parts = SearchParts([], None, site.store)  # type: ignore[arg-type]
    return [one.kind for one in Retention(site.engine, FixedClock(now), parts, load_rules()).run()]


def evidence(site: Archived) -> list[str]:
    with Session(site.engine) as session:
        return [f"{row.action}: {row.detail}" for row in session.exec(select(AuditEntry).order_by("id"))]


def test_an_hour_that_is_over_is_read_no_more_though_its_file_is_there(site: Archived) -> None:
    """From its hour's end on nobody is given a batch, as from the database; the day's file waits for the last hour."""
    assert retain(site, over(2)) == [Kind.BATCHES]
    assert sorted(site.read()) == site.expected(hours=range(3, 48))
    assert len(site.files()) == 2
    assert evidence(site) == ["dropped batches: 8 of 2026-11-21T00:00Z"]


def test_a_days_file_goes_with_its_last_hour_and_the_log_says_so(site: Archived) -> None:
    """The file is deleted in the same round; the other day's stays."""
    first, second = site.files()
    assert retain(site, over(23)) == [Kind.BATCHES] * 8 + [Kind.ARCHIVES]
    assert site.files() == [second]
    assert sorted(site.read()) == site.expected(hours=range(24, 48))
    assert evidence(site)[-1] == f"deleted archive: {first.name}, 64 batches"
    assert retain(site, over(23)) == []


def test_a_file_that_cannot_be_deleted_is_tried_again(site: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its place is away the file is due and nothing says that it was deleted; a round tries it once."""
    tried = []

    def away(name: str) -> None:
        tried.append(name)
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(site.store.place, "delete", away)
        assert Kind.ARCHIVES not in retain(site, over(23))
        tried.clear()
        site.add(("cell-1", 23))  # late: an hour is dropped in this round too
        assert Kind.ARCHIVES not in retain(site, over(23))
    assert tried == [site.files()[0].name]
    assert not [line for line in evidence(site) if line.startswith("deleted archive")]
    with Session(site.engine) as session:
        assert [one.kind for one in held(session, load_rules(), over(23))] == [Kind.ARCHIVES]
    assert retain(site, over(23)) == [Kind.ARCHIVES]
    assert len(site.files()) == 1


def test_late_batches_of_a_dropped_hour_go_with_it(site: Archived) -> None:
    """Those in the database and those in the file are one hour's batches."""
    site.add(("cell-1", 0))
    retain(site, over(0))
    assert evidence(site) == ["dropped batches: 9 of 2026-11-21T00:00Z"]
    assert sorted(site.read()) == site.expected(hours=range(1, 48))


@pytest.fixture
def command(site: Archived, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `cairn-central …` with the site's settings, some days after its batches, and gives its JSON."""
    monkeypatch.setattr("shared.clock.SystemClock", lambda: FixedClock(AFTER))
    env = tmp_path / "centre.env"
    url = site.engine.url.render_as_string(hide_password=False)
    env.write_text(f"CAIRN_CENTRE_DATABASE={url}\nCAIRN_CENTRE_ARCHIVE={site.store.place.url}\n")

    def run(*words: str) -> Any:
        main([*words, "--env-file", str(env), "--json"])
        return json.loads(capsys.readouterr().out)

    return run


def test_show_names_what_is_missing_damaged_or_unknown(site: Archived, command: Any) -> None:
    """Day by day: where the batches lie, and what to do about a file that is not what it should be."""
    site.add(("cell-1", 5))
    first, second = site.files()
    rows = command("batches", "show", "--check")
    assert [(row["day"], row["in_database"], row["archived"]) for row in rows] == [
        ("2026-11-21", 1, 64),
        ("2026-11-22", 0, 64),
    ]
    assert {row["state"] for row in rows} == {"whole, 64 batches"}
    content = bytearray(second.read_bytes())
    content[content.index(b"CAIRNB") + 200] ^= 1
    (site.folder / "2026-11-20-00000000.arrow").write_bytes(second.read_bytes())
    second.write_bytes(content)
    first.unlink()
    states = {row["archives"][0]: row["state"] for row in command("batches", "show", "--check")}
    assert states[first.name].startswith("missing")
    assert "a batch was changed" in states[second.name]
    assert states["2026-11-20-00000000.arrow"].startswith("unknown to this database")
    assert sorted(site.read(CELLS, range(24, 48))) != site.expected(CELLS, range(24, 48))


def test_compact_moves_late_batches_when_told(site: Archived, command: Any) -> None:
    """One late batch is left in the database, unless the person says --late."""
    site.add(("cell-1", 5))
    assert command("batches", "compact") == []
    (moved,) = command("batches", "compact", "--late")
    assert (moved["moved"], moved["batches"]) == (1, 65)
    assert sorted(site.read()) == site.expected()


def test_commands_without_a_place_for_archives_say_what_to_set(
    site: Archived, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and the name of the setting."""
    env = tmp_path / "without.env"
    env.write_text(f"CAIRN_CENTRE_DATABASE={site.engine.url.render_as_string(hide_password=False)}\n")
    with pytest.raises(SystemExit) as ended:
        main(["batches", "compact", "--env-file", str(env)])
    assert ended.value.code == 2
    assert "CAIRN_CENTRE_ARCHIVE" in capsys.readouterr().err


def test_a_backup_says_that_archives_are_not_in_it(site: Archived, command: Any, tmp_path: Path) -> None:
    """A copy of the database holds which batch lies where, not the files."""
    answer = command("backup", str(tmp_path / "copy.sqlite"))
    assert site.store.place.url in answer["left_out"]


def test_commands_that_need_no_archive_load_nothing_of_it() -> None:
    """pyarrow and fsspec take time to load: only what reads archives does."""
    import subprocess
    import sys

    code = (
        "import sys, central.__main__ as m, central.parts, central.centre\n"
        "m._parser()\n"
        "assert not {'pyarrow', 'fsspec'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_dropped_is_dropped_late(site: Archived) -> None:
    """Nothing goes before its time."""
    assert retain(site, over(0) - timedelta(seconds=1)) == []
    assert sorted(site.read()) == site.expected()
