"""What administrators type about retention and databases."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlmodel import Session

from central.__main__ import main
from central.authority import tables as authority
from central.batches.tables import RefusedBatch
from central.cases.service import State
from central.cases.tables import Case
from central.database import open_database, writing
from central.migrations.running import upgrade
from central.migrations.trees import CENTRE
from central.retention.tables import PastCase
from shared.clock import SystemClock
from tests.postgres import Postgres, lent


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database of each kind, named in the settings."""
    monkeypatch.setenv("CAIRN_CENTRE_DATABASE", database_url)
    return database_url


@pytest.fixture
def filled(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A case whose time is over, one whose time is not, and a refused batch of last year."""
    monkeypatch.setenv("CAIRN_CENTRE_AUTHORITIES", '{"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:1"}')
    monkeypatch.setenv("CAIRN_CENTRE_PROBES", "http://127.0.0.1:1")
    now, engine = SystemClock().now(), open_database(url)
    with writing(engine) as session:
        for name, days in (("case-old", 400), ("case-new", 1)):
            then = now - timedelta(days=days)
            rest: Any = {"opened_at": then, "expires": now, "ended_at": then, "scope": b"", "opener_signature": b""}
            session.add(Case(case=name, state=State.CLOSED, opened_by="kim", purpose="x", **rest))
        session.add(RefusedBatch(at=now - timedelta(days=365), node="node-1", reason="BadBatch: …", size=1))
        session.commit()
    engine.dispose()
    return url


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    main([*words, "--json"])
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_it_is_shown_what_is_kept_and_what_goes_when(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a class: how many, how many are over, and when the next goes."""
    shown = {row["what"]: row for row in said(capsys, "retention", "show")}
    assert (shown["case erased"]["held"], shown["case erased"]["due"]) == (2, 1)
    assert shown["refused batches forgotten"]["due"] == 1
    assert shown["batches dropped"] == {
        "what": "batches dropped", "rules": "2026-11", "held": 0, "due": 0, "next": None,
    }  # fmt: skip


def test_a_dry_run_changes_nothing_and_a_run_says_what_it_did(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same list before and after, and nothing the second time."""
    before = said(capsys, "retention", "run", "--dry-run")
    assert [(row["what"], row["name"]) for row in before] == [
        ("case erased", "case-old"),
        ("refused batches forgotten", ""),
    ]
    assert said(capsys, "retention", "run") == before
    assert said(capsys, "retention", "run") == []
    engine = open_database(filled)
    with Session(engine) as session:
        assert session.get(Case, "case-old") is None
        assert session.get_one(PastCase, "case-old").state == State.CLOSED
        assert session.get(Case, "case-new") is not None
    engine.dispose()


def test_an_offices_own_rules_are_used(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named in the settings; a file that makes no sense is refused and nothing goes."""
    rules = tmp_path / "rules.json"
    monkeypatch.setenv("CAIRN_CENTRE_RETENTION", str(rules))
    assert "CAIRN_CENTRE_RETENTION" in refused(capsys, "retention", "show")
    rules.write_text("{}")
    assert "malformed" in refused(capsys, "retention", "run")


def test_a_database_says_at_which_revision_it_is(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Looking changes nothing; bringing up and checking say what they did."""
    shown = said(capsys, "database", "show")
    assert shown["up_to_date"] is False
    assert "at revision none" in refused(capsys, "database", "check")
    assert said(capsys, "database", "upgrade") == {"from": "none", "to": CENTRE.newest}
    assert said(capsys, "database", "show")["revision"] == CENTRE.newest
    checked = said(capsys, "database", "check")
    assert checked["whole"] is True
    assert "write-ahead log" in checked["erased_rows"]


def test_a_database_of_another_form_does_not_pass_the_check(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A column that somebody took out by hand is named."""
    engine = open_database(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE foundroute DROP COLUMN job")
    engine.dispose()
    assert "foundroute" in refused(capsys, "database", "check")


def test_damage_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A page that the disk lost is told, before a backup of it replaces the last good one."""
    path = tmp_path / "centre.sqlite"
    monkeypatch.setenv("CAIRN_CENTRE_DATABASE", f"sqlite:///{path}")
    engine = open_database(f"sqlite:///{path}")
    with writing(engine) as session:
        for n in range(3000):
            session.add(RefusedBatch(at=SystemClock().now(), node=f"node-{n}", reason="x" * 50, size=n))
        session.commit()
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_refusedbatch_at'").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    assert "damaged" in refused(capsys, "database", "check")


def test_a_password_is_not_shown(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the address holds one, `show` hides it."""
    with lent(postgres, postgres.empty()) as url:
        monkeypatch.setenv("CAIRN_CENTRE_DATABASE", url.replace("cairn@", "cairn:hunter2@"))
        main(["database", "show"])
        assert "hunter2" not in capsys.readouterr().out


def test_an_authoritys_database_has_the_same_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --authority; one that does not exist is not made by looking at it."""
    path = tmp_path / "north.sqlite"
    for name, value in {
        "NAME": "north", "DATABASE": path, "PASSPHRASE_FILE": tmp_path / "p", "SIGNING_KEY": tmp_path / "s",
        "PROBES_PUBLIC": tmp_path / "pub",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"CAIRN_AUTHORITY_{name}", str(value))
    assert "there is no database" in refused(capsys, "database", "show", "--authority")
    assert not path.exists()
    old = create_engine(f"sqlite:///{path}")
    upgrade(old, authority_tree(), "0001")
    old.dispose()
    assert said(capsys, "database", "show", "--authority")["revision"] == "0001"
    assert said(capsys, "database", "upgrade", "--authority")["from"] == "0001"
    assert said(capsys, "database", "check", "--authority")["whole"] is True
    authority.open_database(path).dispose()


def authority_tree() -> Any:
    from central.migrations.trees import AUTHORITY

    return AUTHORITY
