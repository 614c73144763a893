"""What an authority looks at before it releases anything, and how a restored old database is found out."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlmodel import Session, create_engine, text

from central.audit.notes import Kind, Verifier
from central.audit.witness import Witness, Witnessing
from central.audit.witness_store import WitnessStore
from central.authority.day_secrets import SecretDestroyed
from central.authority.kek import CannotUnwrap
from central.authority.released import Recipient
from central.authority.self_check import BadServiceKey, FilesOpen, LogBroken
from central.authority.service import Authority
from central.authority.statements import Destruction, check_destruction, sign_destruction
from central.authority.tables import open_database
from central.errors import LogRolledBack, ServiceDown
from central.migrations.running import upgrade
from central.migrations.trees import AUTHORITY
from shared.errors import BadInput, ReleaseRefused, TransportDown
from shared.keys import signing_public
from tests.central.authority_fixtures import NOW, World

NAME = "authority-a"
DAY = NOW.date()
WORKER = X25519PrivateKey.generate().public_key().public_bytes_raw()


class Line:
    """The way to a witness, which can be cut."""

    def __init__(self, real: Witnessing) -> None:
        self.real, self.cut = real, False

    def add(self, request: bytes) -> str:
        self._there()
        return self.real.add(request)

    def latest(self, origin: str) -> str | None:
        self._there()
        return self.real.latest(origin)

    def _there(self) -> None:
        if self.cut:
            raise ServiceDown("the witness does not answer", hint="")


class Witnessed:
    """Authority a with a witness of its log in another office, and a copy of its database from this morning."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.log_key = Verifier.of(f"cairn/authority/{NAME}", Kind.LOG, self.world.signing[NAME])
        second = Verifier.of(f"cairn/authority/{NAME}/2", Kind.LOG, self.world.signing[NAME])
        key = Ed25519PrivateKey.generate()
        store = WitnessStore.make(folder / "witness.sqlite")
        real = Witness("south/witness", key, [self.log_key, second], store, self.world.clock)
        self.key, self.line = real.key, Line(real)
        self.authority = self.started()
        self.authority.book.publisher.round()
        self.database = folder / f"{NAME}.sqlite"
        self.copy = folder / "backup.sqlite"
        shutil.copy(self.database, self.copy)

    def started(self) -> Authority:
        """The authority's process, started anew."""
        return self.world.authority(NAME, witnesses={self.key: self.line})

    def restored(self) -> Authority:
        """The database of this morning is put back, and the authority started."""
        self.authority.engine.dispose()
        shutil.copy(self.copy, self.database)
        Path(f"{self.database}-journal").unlink(missing_ok=True)
        return self.started()

    def release(self, authority: Authority) -> bytes:
        return authority.release(self.world.release(), Recipient.SEARCH, WORKER)


@pytest.fixture
def witnessed(tmp_path: Path) -> Witnessed:
    return Witnessed(tmp_path)


def test_a_healthy_authority_finds_nothing(witnessed: Witnessed) -> None:
    """Every part is looked at, and all of them are well."""
    found = witnessed.authority.check()
    assert found.problems == []
    assert [what for what, _ in found.parts] == [
        "clock", "day secrets", "log", "witnesses", "files", "probe service's key",
    ]  # fmt: skip
    assert witnessed.release(witnessed.authority)


def test_a_restored_database_cannot_bring_a_destroyed_day_back(witnessed: Witnessed) -> None:
    """Its secret is in the old copy, but the witness has seen more of the log: no release, named, and logged."""
    witnessed.authority.destroy(DAY)
    witnessed.authority.book.publisher.round()
    old = witnessed.restored()
    assert old._secrets.days() == [DAY]
    with pytest.raises(LogRolledBack, match="south/witness"):
        witnessed.release(old)
    assert "LogRolledBack" in old.log_entries()[-1].detail
    assert [type(one) for one in old.check().problems] == [LogRolledBack]


def test_a_restored_database_is_found_out_although_it_wrote_on(witnessed: Witnessed) -> None:
    """Entries made since the restore, as many as were lost and more, make another log of it, not the same."""
    witnessed.authority.destroy(DAY)
    witnessed.authority.book.publisher.round()
    old = witnessed.restored()
    for n in range(9):
        old.withdraw(f"other-{n}")
    with pytest.raises(LogRolledBack, match="forked"):
        witnessed.release(old)


def test_a_database_swapped_under_a_running_authority_is_found_at_the_next_round(witnessed: Witnessed) -> None:
    """A release right after the round is refused, without a restart."""
    witnessed.authority.destroy(DAY)
    witnessed.authority.book.publisher.round()
    swapped = witnessed.restored()
    swapped._found = witnessed.authority.check()
    swapped.book.publisher.round()
    with pytest.raises(LogRolledBack):
        witnessed.release(swapped)


def test_with_every_witness_cut_off_nothing_is_released(witnessed: Witnessed) -> None:
    """Who restores a database and cuts the line gains nothing; when the line is back, a healthy log goes on."""
    started = witnessed.started()
    witnessed.line.cut = True
    with pytest.raises(TransportDown, match="no witness"):
        witnessed.release(started)
    witnessed.line.cut = False
    assert witnessed.release(started)


def test_accepting_a_restore_destroys_again_and_begins_another_log(witnessed: Witnessed) -> None:
    """The days that the published statements name are gone again, and the witness follows the log that begins there."""
    statement = witnessed.authority.destroy(DAY)
    witnessed.authority.book.publisher.round()
    old = witnessed.restored()
    assert old.accept_restore([statement]) == [DAY]
    assert old._secrets.days() == []
    with pytest.raises(ReleaseRefused, match="No secret"):
        witnessed.release(old)
    old.book.publisher.round()
    assert old.check().problems == []
    assert witnessed.line.latest(f"cairn/authority/{NAME}/2")
    words = next(one.detail for one in old.log_entries() if one.action == "log restarted")
    assert "south/witness has" in words
    kept = old.statements()
    assert kept == [dataclasses.replace(statement, signature=kept[0].signature)]
    assert kept[0].destroyed_at == statement.destroyed_at


def test_accepting_a_restore_destroys_what_is_past_retention_without_any_statement(witnessed: Witnessed) -> None:
    """A copy of long ago holds days that are over: they go first."""
    witnessed.world.clock.advance(timedelta(days=16))
    old = witnessed.restored()
    assert old.accept_restore([]) == [DAY]


def test_nobody_else_can_have_days_destroyed(witnessed: Witnessed) -> None:
    """A statement that is another's, or forged in this authority's name, is refused, and nothing is destroyed."""
    authority, other = witnessed.authority, Ed25519PrivateKey.generate()
    forged = sign_destruction(NAME, DAY, NOW, other)
    strange = sign_destruction("authority-b", DAY, NOW, other)
    for statement in (forged, strange):
        with pytest.raises(BadInput):
            authority.accept_restore([statement])
    assert authority._secrets.days() == [DAY]


def broken(witnessed: Witnessed, statement: str) -> None:
    with Session(open_database(witnessed.database)) as session:
        for name in ("logentry_no_update", "logentry_no_delete"):
            session.execute(text(f"DROP TRIGGER {name}"))
        session.execute(text(statement))
        session.commit()


def bad_states() -> list[tuple[str, type[Exception], Callable[[Witnessed], None]]]:
    return [
        ("edited log", LogBroken, lambda w: broken(w, "UPDATE logentry SET detail = 'nothing' WHERE id = 1")),
        ("entry taken out", LogBroken, lambda w: broken(w, "DELETE FROM logentry WHERE id = 1")),
        ("secret damaged", CannotUnwrap, lambda w: broken(w, "UPDATE daysecret SET wrapped = zeroblob(60)")),
        ("secret of another day", CannotUnwrap, lambda w: broken(w, "UPDATE daysecret SET day = '2026-11-23'")),
        ("database open", FilesOpen, lambda w: w.database.chmod(0o644)),
        ("passphrase open", FilesOpen, lambda w: (w.world.folder / f"{NAME}.passphrase").chmod(0o604)),
    ]


@pytest.mark.parametrize(("kind", "spoil"), [pytest.param(k, s, id=name) for name, k, s in bad_states()])
def test_what_is_wrong_at_the_start_stops_releases_by_name(
    witnessed: Witnessed, kind: type[Exception], spoil: Callable[[Witnessed], None]
) -> None:
    """An edited log, a damaged secret, a file that others may read: refused with its own name until it is right."""
    spoil(witnessed)
    started = witnessed.started()
    with pytest.raises(kind):
        witnessed.release(started)
    assert any(isinstance(one, kind) for one in started.check().problems)


def test_a_probe_services_key_that_is_none_is_found(witnessed: Witnessed) -> None:
    """A key file of the right length that no secret can be sealed to is named before anything is released."""
    zero = witnessed.world.authority(NAME, probes_public=bytes(32))
    with pytest.raises(BadServiceKey):
        zero.release(witnessed.world.release(), Recipient.PROBES, bytes(32))


def test_a_day_that_was_destroyed_by_the_first_version_gets_its_statement(witnessed: Witnessed) -> None:
    """That version kept no statements: they are signed from the day's own row, and verify."""
    with Session(witnessed.authority.engine) as session:
        session.execute(text("UPDATE daysecret SET wrapped = NULL, destroyed_at = '2026-11-24 08:00:00.000000'"))
        session.commit()
    (made,) = witnessed.authority.statements()
    assert isinstance(made, Destruction)
    check_destruction(made, signing_public(witnessed.authority.public))
    assert witnessed.authority.log_entries()[-1].action == "destroyed"


def test_a_database_of_the_first_version_goes_on(tmp_path: Path) -> None:
    """Its log becomes the beginning of the tree, its secrets open, and what it destroyed stays destroyed."""
    path = tmp_path / "authority-a.sqlite"
    old = create_engine(f"sqlite:///{path}")
    upgrade(old, AUTHORITY, "0001")
    with old.begin() as connection:
        for n in range(3):
            row = {"at": f"2026-11-2{n} 08:00:00.000000"}
            columns = 'INSERT INTO logentry (at, event, "case", detail)'
            connection.execute(text(f"{columns} VALUES (:at, 'granted', '', '')"), row)
        gone = "INSERT INTO daysecret (day, destroyed_at) VALUES ('2026-11-01', '2026-11-16 00:00:00.000000')"
        connection.execute(text(gone))
    old.dispose()
    path.chmod(0o600)
    world = World(tmp_path)
    authority = world.authorities[0]
    assert [one.action for one in authority.log_entries()[:3]] == ["granted"] * 3
    assert authority.check().problems == []
    assert authority.release(world.release(), Recipient.SEARCH, WORKER)
    with pytest.raises(SecretDestroyed):
        authority._secrets.draw(date(2026, 11, 1))
    assert [one.day for one in authority.statements()] == [date(2026, 11, 1)]
    assert authority.check().problems == []
