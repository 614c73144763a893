"""Sealed canaries: real authorities, a real centre, and an officer who tries to open what must not open."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Engine
from sqlmodel import Session, select

from central.__main__ import main
from central.audit.tables import AuditEntry
from central.authority.day_secrets import SecretDestroyed
from central.authority.service import Authority
from central.authority.statements import Destruction, check_destruction, sign_destruction, statement_from_map
from central.canaries import service
from central.canaries.tables import Canary, CanaryTrial, KeptStatement
from central.canaries.upkeep import look_after
from central.cases.client import ApiRefused
from central.database import open_database
from shared.errors import BadInput, TransportDown
from shared.keys import signing_public
from tests.central.authority_fixtures import NOW, World
from tests.central.centre_fixtures import Office

DAY = NOW.date()


class Liar:
    """An authority that says one thing and does another: it states a destruction and keeps the secret."""

    def __init__(self, real: Authority, stated: Iterable[Destruction] = (), key: bytes = b"") -> None:
        self.real, self.name, self._stated, self._key = real, real.name, list(stated), key

    @property
    def public(self) -> bytes:
        return self._key or self.real.public

    def statements(self) -> list[Destruction]:
        return [*self.real.statements(), *self._stated]

    def canary(self, day: date, public: bytes) -> bytes:
        return self.real.canary(day, public)


class Away(Liar):
    """An office whose line is cut."""

    def canary(self, day: date, public: bytes) -> bytes:
        raise TransportDown("authority-b does not answer", hint="")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(f"sqlite:///{tmp_path / 'centre.sqlite'}")


def tried(engine: Engine, world: World, authorities: list[Authority] | None = None) -> CanaryTrial:
    """The outcome of today's canary."""
    found = service.try_all(engine, authorities or world.authorities, "oda", world.clock.now())
    return next(one for one in found if one.day == DAY)


def seal(engine: Engine, world: World) -> None:
    assert service.seal_todays(engine, world.authorities, world.clock.now())


def test_a_canary_is_sealed_once_a_day_and_opens_while_the_day_lives(world: World, engine: Engine) -> None:
    """One a day, under the shares of all authorities; trying it opens it, and that is as it must be."""
    seal(engine, world)
    assert not service.seal_todays(engine, world.authorities, world.clock.now())
    outcome = tried(engine, world)
    assert (outcome.opened, outcome.alarm, outcome.destroyed_by) == (True, "", "")
    world.clock.advance(timedelta(days=1))
    for authority in world.authorities:
        authority.publish_grants(world.transport)
    assert service.seal_todays(engine, world.authorities, world.clock.now())
    with Session(engine) as session:
        assert len(session.exec(select(Canary)).all()) == 2
        assert [e.action for e in session.exec(select(AuditEntry))].count("sealed canary") == 2


@pytest.mark.parametrize("by", [(0,), (1,), (0, 1)])
def test_a_destroyed_days_canary_stays_shut(world: World, engine: Engine, by: tuple[int, ...]) -> None:
    """One honest authority is enough: refused there, signed there, and no guess opens it; the officer sees who."""
    seal(engine, world)
    for index in by:
        world.authorities[index].destroy(DAY)
    assert service.keep_statements(engine, world.authorities, world.clock.now()) == len(by)
    outcome = tried(engine, world)
    assert (outcome.opened, outcome.alarm) == (False, "")
    assert outcome.destroyed_by.split() == [world.authorities[index].name for index in by]
    with Session(engine) as session:
        assert session.exec(select(AuditEntry).where(AuditEntry.action == "tried canaries")).one().account == "oda"


def test_an_authority_that_claims_destruction_and_still_gives_its_share_is_caught(world: World, engine: Engine) -> None:
    """A signed statement on one side, a share that opens on the other: an alarm with the authority's name."""
    seal(engine, world)
    north = world.authorities[0]
    lie = sign_destruction(north.name, DAY, NOW, world.signing[north.name])
    pretending = [Liar(north, [lie]), world.authorities[1]]
    assert service.keep_statements(engine, pretending, NOW) == 1  # type: ignore[arg-type]
    outcome = tried(engine, world, pretending)  # type: ignore[arg-type]
    assert outcome.opened
    assert outcome.alarm == "authority-a states that the day is destroyed, and still gives its share"
    with Session(engine) as session:
        assert "authority-a" in session.exec(select(AuditEntry).where(AuditEntry.action == "canary alarm")).one().detail


def test_a_refusal_that_nobody_signed_is_an_alarm(world: World, engine: Engine) -> None:
    """An authority that says a day is gone must have stated it with its signature."""
    seal(engine, world)
    world.authorities[1].destroy(DAY)
    assert "authority-b says that the day is destroyed, and has signed no statement" in tried(engine, world).alarm


def test_a_day_that_outlives_its_retention_is_an_alarm(world: World, engine: Engine) -> None:
    """After fourteen days somebody must have destroyed it; afterwards all is as it must be."""
    seal(engine, world)
    world.clock.advance(timedelta(days=15, hours=15))
    assert "retention is over" in tried(engine, world).alarm
    world.authorities[0].destroy_expired()
    service.keep_statements(engine, world.authorities, world.clock.now())
    assert (tried(engine, world).alarm, tried(engine, world).opened) == ("", False)


def test_an_authority_that_is_away_proves_nothing_and_is_named(world: World, engine: Engine) -> None:
    """Without its answer the canary stays shut, which is no evidence of destruction."""
    seal(engine, world)
    outcome = tried(engine, world, [world.authorities[0], Away(world.authorities[1])])  # type: ignore[list-item]
    assert (outcome.opened, outcome.alarm, outcome.destroyed_by) == (False, "", "")
    assert "authority-b" in outcome.away
    with pytest.raises(TransportDown, match="no share from authority-b"):
        world.clock.advance(timedelta(days=1))
        service.seal_todays(engine, [Away(world.authorities[1])], world.clock.now())  # type: ignore[list-item]


def test_a_changed_canary_is_noticed(world: World, engine: Engine) -> None:
    """Every share is there and it does not open: somebody changed the batch."""
    seal(engine, world)
    with Session(engine) as session:
        row = session.get_one(Canary, DAY)
        row.sealed = row.sealed[:-80] + bytes(80)
        session.add(row)
        session.commit()
    assert "was changed" in tried(engine, world).alarm


def test_statements_are_kept_as_they_were_and_verify_with_the_first_key(world: World, engine: Engine) -> None:
    """What is published verifies for anybody; a forged one, and a key that changed, are refused by name."""
    south = world.authorities[1]
    south.destroy(DAY)
    assert service.keep_statements(engine, world.authorities, NOW) == 1
    assert service.keep_statements(engine, world.authorities, NOW) == 0
    with Session(engine) as session:
        (kept,), keys = service.statements(session), service.keys(session)
    check_destruction(kept, signing_public(keys["authority-b"]))
    other = Ed25519PrivateKey.generate()
    forged = sign_destruction("authority-a", DAY, NOW, other)
    with pytest.raises(BadInput, match="not signed"):
        service.keep_statements(engine, [Liar(world.authorities[0], [forged])], NOW)  # type: ignore[list-item]
    strange = Liar(south, key=other.public_key().public_bytes_raw())
    with pytest.raises(service.StrangeKey, match="authority-b"):
        service.keep_statements(engine, [strange], NOW)  # type: ignore[list-item]
    with Session(engine) as session:
        assert len(service.statements(session)) == 1


def test_an_authority_gives_only_the_canarys_own_share(world: World) -> None:
    """Not for days to come, not for destroyed ones; a box cannot have the reserved cell, nor can a case get it."""
    authority, key = world.authorities[0], X25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(SecretDestroyed, match="not begun"):
        authority.canary(DAY + timedelta(days=1), key)
    authority.destroy(DAY)
    with pytest.raises(SecretDestroyed):
        authority.canary(DAY, key)
    assert authority.log_entries()[-1].action == "canary refused"
    with pytest.raises(BadInput, match="reserved"):
        authority.registry.put_node("box-1", "canary", key)


def test_only_the_privacy_officer_tries_canaries_and_everybody_reads_statements(tmp_path: Path) -> None:
    """Over the API: an officer's trial with its outcome a day, others refused, statements without signing in."""
    office = Office(tmp_path)
    with office.open():
        look_after(office.engine, office.world.clock, office.world.authorities)
        officer = office.as_("oda")
        assert [(row["day"], row["opened"], row["alarm"]) for row in officer.ask("POST", "/canaries/trials")] == [
            (DAY.isoformat(), True, "")
        ]
        office.world.authorities[1].destroy(DAY)
        (after,) = officer.ask("POST", "/canaries/trials")
        assert (after["opened"], after["alarm"], after["destroyed_by"]) == (False, "", ["authority-b"])
        assert officer.ask("GET", "/canaries") == [after]
        for other in ("kim", "lee", "tec", "adm"):
            for method, path in (("POST", "/canaries/trials"), ("GET", "/canaries")):
                with pytest.raises(ApiRefused, match="NotAllowed"):
                    office.as_(other).ask(method, path)
        published = office.http.get("/statements").json()
    (statement,) = [statement_from_map(one) for one in published["statements"]]
    check_destruction(statement, signing_public(base64.b64decode(published["keys"]["authority-b"])))
    assert statement.day == DAY


def test_an_officer_checks_canaries_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table when all is as it must be; exit code 2 with the day and the authority when it is not."""
    office = Office(tmp_path)
    token = tmp_path / "oda.token"
    token.write_text(office.tokens["oda"])
    with office.open():
        look_after(office.engine, office.world.clock, office.world.authorities)
        connection = ("--api", office.url, "--token-file", str(token))
        main(["canary", "check", *connection])
        assert DAY.isoformat() in capsys.readouterr().out
        with Session(office.engine) as session:
            lie = sign_destruction("authority-a", DAY, NOW, office.world.signing["authority-a"])
            session.add(
                KeptStatement(
                    authority=lie.authority, day=lie.day, destroyed_at=NOW, signature=lie.signature, seen_at=NOW
                )
            )
            session.commit()
        with pytest.raises(SystemExit) as end:
            main(["canary", "check", *connection])
        assert end.value.code == 2
        assert "authority-a states that the day is destroyed" in capsys.readouterr().err
        main(["canary", "list", *connection, "--json"])
        assert "authority-a" in capsys.readouterr().out


def test_an_hour_without_an_authority_is_made_up_for(world: World, engine: Engine) -> None:
    """What could not be sealed or fetched is said and done in the next hour; a statement of another is kept."""
    world.authorities[0].destroy(NOW.date() - timedelta(days=3))
    look_after(engine, world.clock, [world.authorities[0], Away(world.authorities[1])])  # type: ignore[list-item]
    with Session(engine) as session:
        assert session.exec(select(Canary)).all() == []
        assert [one.authority for one in service.statements(session)] == ["authority-a"]
    look_after(engine, world.clock, world.authorities)
    with Session(engine) as session:
        assert [one.day for one in session.exec(select(Canary))] == [DAY]
