"""Databases change with the software: made anew, brought up from any earlier version, never half done."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from central.audit.service import entries, first_broken, record
from central.authority import tables as authority
from central.cases.tables import Case
from central.consents.tables import ConsentRecord
from central.database import connect, open_database, writing
from central.errors import BadSettings, NewerDatabase
from central.migrations.revise import differences_in_words, models, source
from central.migrations.running import upgrade
from central.migrations.trees import AUTHORITY, CENTRE, Tree, version
from shared.wire import pack

Rows = dict[str, dict[str, object]]
AT = "2026-11-24 09:30:00.000000"
OLD_CONSENT = pack(
    [
        "cairn/v1 ConsentReceipt",
        {
            "receipt": "r-1", "case": "case-1", "scopes": ["face"], "given_at": "2026-11-24T09:00:00+00:00",
            "expires": "2026-12-04T18:00:00+09:00", "signed_by": "kim",
        },
    ]
)  # fmt: skip
# A row of each table, as version 0.1.0 wrote it.
OLD_CENTRE: Rows = {
    "account": {
        "name": "kim", "roles": "tracer", "token_hash": b"\x01" * 32, "signing_public": b"\x02" * 32, "active": True,
    },
    "auditentry": {
        "id": 1, "at": AT, "account": "kim", "action": "opened", "case": "case-1", "detail": "", "chain": b"\x03" * 32,
    },
    "camera": {"camera": "door", "latitude": 37.5, "longitude": 126.76, "indoor": True, "cell": "cell-1"},
    "case": {
        "case": "case-1", "state": "closed", "opened_by": "kim", "opened_at": AT, "expires": AT, "scope": b"scope",
        "opener_signature": b"s" * 64, "template_model": "m", "masked_template": False, "untold": "",
        "consent": OLD_CONSENT, "consent_signature": b"c" * 64,
    },
    "foundroute": {"case": "case-1", "job": "job-1", "found_at": AT, "route": "{}"},
    "node": {
        "node": "node-1", "cell": "cell-1", "signing_public": b"\x04" * 32, "state": "up", "camera_state": "unknown",
        "waiting": 0, "lost": 0, "clock_synchronised": True,
    },
    "refusedbatch": {"id": 1, "at": AT, "node": "node-1", "reason": "BadBatch: …", "size": 7},
    "routejob": {
        "id": "job-1", "case": "case-1", "asked_by": "kim", "state": "done", "asked_at": AT, "batches": 1, "done": 1,
        "failed": 0, "candidates": 2, "error": "", "message": "", "hint": "", "seconds": "{}",
    },
    "storedbatch": {
        "id": 1, "node": "node-1", "boot": 2**32, "sequence": 5, "covers": 1, "cell": "cell-1", "hour": 498_000,
        "clock_error_ms": -1, "people": 3, "mask_worn": 1, "mask_incorrect": 0, "mask_absent": 2, "mask_unknown": 0,
        "received_at": AT, "raw": b"\x00sealed\xff",
    },
}  # fmt: skip
OLD_AUTHORITY: Rows = {
    "keyencryption": {"id": 1, "salt": b"s" * 16},
    "daysecret": {"day": "2026-11-24", "wrapped": b"w" * 60},
    "personentry": {"name": "kim", "roles": "tracer", "public_key": b"\x05" * 32},
    "nodeentry": {"node": "node-1", "cell": "cell-1", "public_key": b"\x06" * 32},
    "droppednode": {"node": "node-0"},
    "caseentry": {"case": "case-1", "expires": AT},
    "logentry": {"id": 1, "at": AT, "event": "released", "case": "case-1", "detail": "probes: 3 cell-hours"},
}
# What revisions took out on purpose: an approval signs more than the scope; the log is a tree instead of a chain.
GONE_CENTRE: dict[str, set[str]] = {"auditentry": {"chain"}, "case": {"consent", "consent_signature"}}
GONE_AUTHORITY: dict[str, set[str]] = {"logentry": {"event"}}
_OPEN = "import sys; from central.database import open_database; open_database(sys.argv[1]).dispose()"


@pytest.fixture
def old_centre(database_url: str) -> Iterator[Engine]:
    """The centre's database as version 0.1.0 left it: rows, and no word of any revision."""
    engine = create_engine(database_url)
    yield made_by_the_first_version(engine, CENTRE, OLD_CENTRE)
    engine.dispose()


def made_by_the_first_version(engine: Engine, tree: Tree, rows: Rows) -> Engine:
    upgrade(engine, tree, "0001")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        for table, row in rows.items():
            names = ", ".join(f'"{name}"' for name in row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({values})'), row)  # noqa: S608
    return engine


def kept(engine: Engine, rows: Rows, gone: dict[str, set[str]]) -> None:
    """Every value that was there is there, but for columns that a revision took out on purpose."""
    with engine.connect() as connection:
        for table, row in rows.items():
            found = connection.execute(text(f'SELECT * FROM "{table}"')).mappings().one()  # noqa: S608
            for name, value in row.items():
                if name not in gone.get(table, set()):
                    same = found[name] == value or str(found[name]).startswith(str(value).removesuffix(".000000"))
                    assert same, f"{table}.{name}"


def test_a_new_database_has_the_tables_of_the_models(database_url: str) -> None:
    """Migrations and models say the same on SQLite and on PostgreSQL."""
    engine = open_database(database_url)
    assert differences_in_words(engine, models(CENTRE)) == []
    engine.dispose()


def test_an_authority_has_the_tables_of_its_models(tmp_path: Path) -> None:
    """The same for an authority's database."""
    engine = authority.open_database(tmp_path / "north.sqlite")
    assert differences_in_words(engine, models(AUTHORITY)) == []


def test_a_database_of_the_first_version_is_brought_up(old_centre: Engine, database_url: str) -> None:
    """It is recognised without any mark, gets today's tables on opening, and keeps every row."""
    engine = open_database(database_url)
    with engine.connect() as connection:
        assert version(connection, CENTRE) == CENTRE.newest
    assert differences_in_words(engine, models(CENTRE)) == []
    kept(engine, OLD_CENTRE, GONE_CENTRE)
    engine.dispose()


def test_an_authority_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    """Its secrets, people, boxes and log are all there afterwards, and the log is still append-only."""
    path = tmp_path / "north.sqlite"
    old = made_by_the_first_version(create_engine(f"sqlite:///{path}"), AUTHORITY, OLD_AUTHORITY)
    old.dispose()
    engine = authority.open_database(path)
    assert differences_in_words(engine, models(AUTHORITY)) == []
    kept(engine, OLD_AUTHORITY, GONE_AUTHORITY)
    with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM logentry"))


def test_an_approval_of_the_first_version_no_longer_opens_a_case(old_centre: Engine, database_url: str) -> None:
    """Its approver signed the scope alone, so the case waits for a registration and an approval of today."""
    with old_centre.begin() as connection:
        connection.execute(text("UPDATE \"case\" SET state = 'approved', registered_at = opened_at"))
    engine = open_database(database_url)
    with engine.connect() as connection:
        row = connection.execute(text('SELECT state, registered_at FROM "case"')).one()
    assert tuple(row) == ("open", None)
    engine.dispose()


def test_a_consent_of_the_first_version_is_kept_as_evidence(old_centre: Engine, database_url: str) -> None:
    """It named no notice, so nothing can be searched under it; the receipt stays with its signature, and has an end."""
    engine = open_database(database_url)
    with Session(engine) as session:
        kept_one = session.exec(select(ConsentRecord)).one()
        assert (kept_one.case, kept_one.document, kept_one.signature) == ("case-1", OLD_CONSENT, b"c" * 64)
        assert kept_one.keep_until == datetime(2026, 12, 4, 9, tzinfo=UTC) + timedelta(days=1095)
        assert session.get_one(Case, "case-1").consent is None
    engine.dispose()


def test_a_consent_that_cannot_be_read_does_not_keep_the_database_old(old_centre: Engine, database_url: str) -> None:
    """A damaged document is kept as it is."""
    with old_centre.begin() as connection:
        connection.execute(text('UPDATE "case" SET consent = :rubbish'), {"rubbish": b"\xffrubbish"})
    engine = open_database(database_url)
    with Session(engine) as session:
        assert session.exec(select(ConsentRecord)).one().document == b"\xffrubbish"
    engine.dispose()


def test_a_log_of_the_first_version_goes_on_as_a_tree(old_centre: Engine, database_url: str) -> None:
    """Its entries get their place before the next one, and the whole is consistent."""
    engine = open_database(database_url)
    with writing(engine) as session:
        record(session, datetime(2026, 11, 25, tzinfo=UTC), "kim", "read case", "case-1")
    with Session(engine) as session:
        found = [(entry.id, entry.action) for entry in entries(session, None, 0, 10)]
        assert found == [(1, "opened"), (2, "read case")]
        assert first_broken(session) is None
    engine.dispose()


def test_a_newer_database_is_refused_by_name(database_url: str) -> None:
    """Software that does not know a revision leaves the database alone, and says which it met."""
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabase, match="9999") as refused:
        open_database(database_url)
    assert "newer version" in refused.value.hint
    engine.dispose()


def test_a_crash_while_it_is_brought_up_leaves_the_old_database(old_centre: Engine, database_url: str) -> None:
    """Killed between adding and removing, it is still the old one, and the next opening brings it up."""
    code = (
        "import os, signal, sys\n"
        "from central.migrations.extras import centre_0002 as extras\n"
        "extras.move = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from central.database import open_database\n"
        "open_database(sys.argv[1])"
    )
    died = subprocess.run([sys.executable, "-c", code, database_url], check=False)
    assert died.returncode == -signal.SIGKILL
    assert "chain" in {column["name"] for column in inspect(old_centre).get_columns("auditentry")}
    kept(old_centre, OLD_CENTRE, {})
    engine = open_database(database_url)
    kept(engine, OLD_CENTRE, GONE_CENTRE)
    engine.dispose()


def test_several_programs_may_open_an_old_database_at_once(old_centre: Engine, database_url: str) -> None:
    """serve, ingest and a command start together: one brings it up, the others wait, and all work."""
    programs = [subprocess.Popen([sys.executable, "-c", _OPEN, database_url]) for _ in range(4)]
    assert [program.wait(120) for program in programs] == [0, 0, 0, 0]
    assert differences_in_words(old_centre, models(CENTRE)) == []
    kept(old_centre, OLD_CENTRE, GONE_CENTRE)


def test_whoever_opens_a_new_file_at_the_same_moment_waits(tmp_path: Path) -> None:
    """SQLite itself refuses three in a hundred of those who set up one file together."""
    failed = list[Exception]()
    for number in range(40):
        together = threading.Barrier(4)

        def look(url: str = f"sqlite:///{tmp_path}/{number}.db", together: threading.Barrier = together) -> None:
            engine = connect(url)
            together.wait()
            try:
                engine.connect().close()
            except OperationalError as error:
                failed.append(error)
            engine.dispose()

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []


def test_several_threads_may_open_a_new_database_at_once(database_url: str) -> None:
    """The same within one process."""
    engines: list[Engine] = []
    threads = [threading.Thread(target=lambda: engines.append(open_database(database_url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [differences_in_words(engine, models(CENTRE)) for engine in engines] == [[], [], [], []]
    for engine in engines:
        engine.dispose()


def test_opening_a_database_of_today_does_not_load_alembic(tmp_path: Path) -> None:
    """A command that only reads must not pay for migrations that it does not need."""
    url = f"sqlite:///{tmp_path / 'centre.sqlite'}"
    open_database(url).dispose()
    code = f"{_OPEN}; assert 'alembic' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 0


def test_a_place_that_cannot_be_reached_is_refused_without_its_password(tmp_path: Path) -> None:
    """The address may hold a password; neither message nor hint repeats it."""
    for url in (f"postgresql+psycopg://cairn:hunter2@/none?host={tmp_path}", "no address: hunter2"):
        with pytest.raises(BadSettings) as refused:
            open_database(url)
        assert "hunter2" not in refused.value.message + refused.value.hint
        assert refused.value.__cause__ is None


def test_the_newest_revision_is_what_revise_would_write() -> None:
    """Whoever changes a table runs `python -m central.migrations revise`, and commits what it wrote."""
    for tree in (CENTRE, AUTHORITY):
        assert source(tree) == (tree.folder / f"revision_{tree.newest}.py").read_text()
