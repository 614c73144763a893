"""Copies of the centre: what is in them, and that what ended meanwhile stays ended when one is put back."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url
from sqlmodel import Session

from central.__main__ import main
from central.app import create_app
from central.audit.service import first_broken
from central.backups.copies import CopyRefused, back_up, restore
from central.backups.place import at_home, put_back
from central.batches.store import SqlBatchStore
from central.cases.client import ApiRefused, CaseClient
from central.cases.service import State
from central.cases.tables import Case
from central.centre import Centre
from central.database import open_database
from central.errors import NewerDatabase, ServiceDown
from central.routes.jobs import RouteJobs
from central.routes.tables import FoundRoute
from shared.clock import SystemClock
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import SETTINGS, Office, plain_calibration
from tests.central.http_fixtures import serving
from tests.postgres import Postgres, lent


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        at_home(opened.engine)
        yield opened


class Away:
    """An authority whose office does not answer."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ended(self, _cases: list[str]) -> list[str]:
        raise ServiceDown(f"authority {self.name} does not answer")


@contextmanager
def put_back_at(office: Office, url: str, **changes: Any) -> Iterator[Centre]:
    """A centre on a database that was put back, not served yet."""
    engine = open_database(url)
    parts = dataclasses.replace(office.parts, **({"store": SqlBatchStore(engine)} | changes))
    jobs = RouteJobs(engine, office.world.clock, parts, plain_calibration(), 1)
    yield Centre(engine, office.world.clock, parts, jobs)
    jobs.close()
    engine.dispose()


@contextmanager
def asked(centre: Centre, office: Office, name: str) -> Iterator[CaseClient]:
    """Its API, as this person uses it."""
    headers = {"Authorization": f"Bearer {office.tokens[name]}"}
    with serving(create_app(SETTINGS, centre)) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        yield CaseClient(http, name)


def copied(office: Office, folder: Path) -> Path:
    file = folder / "copy.sqlite"
    back_up(office.engine, file, office.world.clock.now())
    return file


def state(centre: Centre, case: str = CASE) -> str:
    with Session(centre.engine) as session:
        return session.get_one(Case, case).state


def actions(centre: Centre, who: str) -> list[str]:
    from central.audit.service import entries

    with Session(centre.engine) as session:
        return [entry.action for entry in entries(session, None, 0, 1000) if entry.account == who]


def test_a_case_that_was_withdrawn_since_is_erased_again_before_anything_is_served(
    office: Office, tmp_path: Path
) -> None:
    """Backed up while it lived, withdrawn, put back: it is withdrawn, cannot be searched, and the log says so."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    file = copied(office, tmp_path)
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    url = f"sqlite:///{tmp_path / 'again' / 'centre.sqlite'}"
    restore(file, url, office.world.clock.now())
    with put_back_at(office, url) as centre:
        assert state(centre) == State.APPROVED
        centre.catch_up()
        assert state(centre) == State.WITHDRAWN
        assert actions(centre, "restore") == ["withdrawn", "caught up"]
        with asked(centre, office, "kim") as again:
            with pytest.raises(ApiRefused, match="was withdrawn"):
                again.ask("POST", f"/cases/{CASE}/route-jobs")
            with pytest.raises(ApiRefused, match="was withdrawn"):
                again.ask("GET", f"/cases/{CASE}/route")
        with Session(centre.engine) as session:
            assert first_broken(session) is None
        assert put_back(centre.engine) is None


def test_a_copy_holds_no_route_no_secret_and_no_template(office: Office, tmp_path: Path) -> None:
    """Not in a row and not in a page that no row uses; the file stands for itself and is its owner's alone."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    with Session(office.engine) as session:
        route = session.get_one(FoundRoute, CASE).route.encode()
    template = (tmp_path / "templates" / f"{CASE}.sealed").read_bytes()
    file = copied(office, tmp_path)
    raw = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.sqlite"]
    assert b'"visits"' in route
    assert b'"visits"' not in raw
    assert template[:64] not in raw
    with closing(sqlite3.connect(file)) as copy:
        names = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert not names & {"daysecret", "keyencryption"}
        assert copy.execute("SELECT count(*) FROM foundroute").fetchone() == (0,)
        assert copy.execute('SELECT count(*) FROM "case" WHERE pseudonym_key IS NOT NULL').fetchone() == (0,)
        assert copy.execute("SELECT count(*) FROM storedbatch").fetchone() == (1,)


def test_retention_is_applied_to_what_was_put_back(office: Office, tmp_path: Path) -> None:
    """A copy from a drawer brings nothing back whose time is over."""
    office.fill()
    office.opened()
    file = copied(office, tmp_path)
    office.world.clock.advance(timedelta(days=15))
    url = f"sqlite:///{tmp_path / 'again.sqlite'}"
    restore(file, url, office.world.clock.now())
    with put_back_at(office, url) as centre:
        centre.catch_up()
        assert state(centre) == State.EXPIRED
        assert actions(centre, "retention") == ["expired", "dropped batches"]


def test_while_an_authority_is_away_a_restored_centre_serves_nothing(office: Office, tmp_path: Path) -> None:
    """Only the authorities know what was withdrawn; an ordinary start does not wait for them."""
    office.approved()
    file = copied(office, tmp_path)
    url = f"sqlite:///{tmp_path / 'again.sqlite'}"
    restore(file, url, office.world.clock.now())
    away = [office.world.authorities[0], Away("authority-b")]
    for _ in range(2):
        with put_back_at(office, url, authorities=away) as centre:
            with pytest.raises(ServiceDown, match="restored, and authority-b cannot be asked"):
                centre.catch_up()
            assert put_back(centre.engine) is not None
    with put_back_at(office, url) as centre:
        centre.catch_up()
        assert state(centre) == State.APPROVED
    with put_back_at(office, url, authorities=away) as centre:
        centre.catch_up()


def test_a_file_that_was_copied_by_hand_is_noticed(office: Office, tmp_path: Path) -> None:
    """Its routes of closed cases go: nobody knows whether such a case was withdrawn after the copy was made."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    kim.ask("POST", f"/cases/{CASE}/close")
    assert office.centre.erased.is_set() is False
    shutil.copy(tmp_path / "centre.sqlite", tmp_path / "by-hand.sqlite")
    with put_back_at(office, f"sqlite:///{tmp_path / 'by-hand.sqlite'}") as centre:
        with Session(centre.engine) as session:
            assert session.get(FoundRoute, CASE) is not None
        centre.catch_up()
        with Session(centre.engine) as session:
            assert session.get(FoundRoute, CASE) is None
        assert actions(centre, "restore") == ["erased route", "caught up"]


def test_a_dump_that_is_loaded_again_is_noticed(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's own tools, as the hints name them: a case that was withdrawn since is withdrawn again."""
    with ExitStack() as stack:
        source = stack.enter_context(lent(postgres, postgres.fresh()))
        target = stack.enter_context(lent(postgres, postgres.empty()))
        monkeypatch.setattr("tests.postgres.PLACE", lambda _folder: source)
        office = stack.enter_context(Office(tmp_path).open())
        at_home(office.engine)
        office.fill()
        kim = office.approved()
        office.searched(kim)
        file = tmp_path / "dump"
        where = ["-h", str(postgres.folder), "-U", "cairn"]
        name = str(make_url(source).database)
        postgres.tool("pg_dump", *where, "--format=custom", "--exclude-table-data=foundroute", f"--file={file}", name)
        kim.ask("POST", f"/cases/{CASE}/withdraw")
        postgres.tool("pg_restore", *where, f"--dbname={make_url(target).database}", str(file))
        with put_back_at(office, target) as centre:
            assert state(centre) == State.APPROVED
            assert put_back(centre.engine) is not None
            centre.catch_up()
            assert state(centre) == State.WITHDRAWN
            with Session(centre.engine) as session:
                assert session.get(FoundRoute, CASE) is None
        with pytest.raises(CopyRefused) as refused:
            back_up(office.engine, file, office.world.clock.now())
        assert "pg_dump" in refused.value.hint


def test_what_an_authoritys_office_ends_by_itself_ends_here(office: Office) -> None:
    """One office that withdraws a case is enough; its tracer sees it, and the other offices are told."""
    kim = office.approved()
    office.world.authorities[1].withdraw(CASE)
    office.centre.heed()
    assert kim.show(CASE)["state"] == "withdrawn"
    assert office.world.authorities[0].ended([CASE]) == [CASE]
    office.centre.heed()
    assert actions(office.centre, "restore") == ["withdrawn"]


def test_nothing_is_overwritten(office: Office, tmp_path: Path) -> None:
    """Neither an earlier copy nor a database that is there, nor what SQLite left beside one."""
    file = copied(office, tmp_path)
    with pytest.raises(CopyRefused, match="is there already"):
        copied(office, tmp_path)
    target = tmp_path / "again.sqlite"
    for left in (target, Path(f"{target}-wal"), Path(f"{target}-journal")):
        left.touch()
        with pytest.raises(CopyRefused, match="is there already"):
            restore(file, f"sqlite:///{target}", office.world.clock.now())
        left.unlink()
    restore(file, f"sqlite:///{target}", office.world.clock.now())


def test_what_is_no_whole_copy_is_not_put_back(office: Office, tmp_path: Path) -> None:
    """Missing, cut short, damaged, of something else, or of newer software: nothing is put in its place."""
    good = copied(office, tmp_path).read_bytes()
    url, now = f"sqlite:///{tmp_path / 'again.sqlite'}", office.world.clock.now()
    bad = tmp_path / "bad.sqlite"
    middle = len(good) // 2
    damaged = good[:middle] + b"\xff" * 4096 + good[middle + 4096 :]
    for content in (None, b"", b"not a database", good[:middle], damaged):
        bad.unlink(missing_ok=True)
        if content is not None:
            bad.write_bytes(content)
        with pytest.raises(CopyRefused):
            restore(bad, url, now)
    bad.write_bytes(good)
    with closing(sqlite3.connect(bad)) as copy:
        copy.execute("UPDATE alembic_version SET version_num = '9999'")
        copy.commit()
    with pytest.raises(NewerDatabase):
        restore(bad, url, now)
    assert not (tmp_path / "again.sqlite").exists()


def test_a_copy_that_was_cut_short_is_not_taken_for_one(office: Office, tmp_path: Path) -> None:
    """Killed while it is made, there is no file of that name."""
    code = (
        "import os, signal, sys\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from central.backups import copies\n"
        "from central.database import open_database\n"
        "copies._leave_out = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "copies.back_up(open_database(sys.argv[1]), Path(sys.argv[2]), datetime.now(UTC))\n"
    )
    file, url = tmp_path / "copy.sqlite", f"sqlite:///{tmp_path / 'centre.sqlite'}"
    died = subprocess.run([sys.executable, "-c", code, url, str(file)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert not file.exists()
    with pytest.raises(CopyRefused, match="delete"):
        copied(office, tmp_path)
    Path(f"{file}.new").unlink()
    copied(office, tmp_path)


def test_the_commands_back_up_and_put_back(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an administrator types them; a restored centre refuses to start while its authorities are away."""
    office.world.clock.advance(SystemClock().now() - office.world.clock.now())  # a served centre has the real one
    office.approved()
    file = tmp_path / "copy.sqlite"
    monkeypatch.setenv("CAIRN_CENTRE_DATABASE", f"sqlite:///{tmp_path / 'centre.sqlite'}")
    main(["backup", str(file), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == file.stat().st_size
    assert told["left_out"] == "routes"
    monkeypatch.setenv("CAIRN_CENTRE_DATABASE", f"sqlite:///{tmp_path / 'again.sqlite'}")
    main(["restore", str(file)])
    assert "copy of" in capsys.readouterr().out
    monkeypatch.setenv("CAIRN_CENTRE_AUTHORITIES", '{"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:1"}')
    monkeypatch.setenv("CAIRN_CENTRE_PROBES", "http://127.0.0.1:1")
    with pytest.raises(SystemExit) as ended:
        main(["serve"])
    assert ended.value.code == 2
    assert "was restored, and a, b cannot be asked" in capsys.readouterr().err
