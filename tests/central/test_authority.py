"""What a key authority does and refuses, against its real database and real signatures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy.exc import IntegrityError
from sqlmodel import text

from central.authority import kek
from central.authority.kek import WrongPassphrase, read_passphrase
from central.authority.released import Recipient, open_released
from central.authority.service import AuthorityFiles
from central.authority.statements import check_destruction
from central.authority.tables import open_database
from central.cases.bases import BasisRefused
from shared.batches import open_batch, read_batch
from shared.epochs import Epoch, seal_key
from shared.errors import BadInput, BadRelease, CairnError, CannotOpen, ReleaseRefused
from shared.releases import release_to_bytes, sign
from tests.central.authority_fixtures import CASE, CELL, NODE, NOW, World, replaced, some_faces


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def worker() -> X25519PrivateKey:
    return X25519PrivateKey.generate()


def public(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def test_a_release_gives_the_shares_of_started_hours_in_scope_only(world: World, worker: X25519PrivateKey) -> None:
    """Released shares are exactly those of hours in the window that have begun and whose secret exists."""
    authority = world.authorities[0]
    sealed = authority.release(world.release(), Recipient.SEARCH, public(worker))
    released = open_released(worker, sealed, authority.name, CASE, Recipient.SEARCH)
    today = {Epoch(CELL, Epoch.at(CELL, NOW).hour - back) for back in range(10)}  # 00:00 to 09:00; none drawn before
    assert set(released.shares) == today


def test_one_authority_alone_opens_nothing(world: World, worker: X25519PrivateKey) -> None:
    """A batch does not open with the shares of one authority, and opens with those of both."""
    batch = read_batch(world.batch(some_faces(2)))
    epoch = batch.header.epoch
    shares = []
    for name, sealed in world.worker_releases(world.release(), public(worker)).items():
        shares.append(open_released(worker, sealed, name, CASE, Recipient.SEARCH).shares[epoch])
    for attempt in ([shares[0]], [shares[1]], [shares[0], shares[0]], [shares[1], shares[0]]):
        with pytest.raises(CannotOpen):
            open_batch(batch, seal_key(attempt, NODE, epoch))
    assert len(open_batch(batch, seal_key(shares, NODE, epoch))) == 2


def test_a_release_opens_for_its_recipient_and_purpose_only(world: World, worker: X25519PrivateKey) -> None:
    """Sealed shares do not open with another key, case, authority or as another kind of recipient."""
    sealed = world.authorities[0].release(world.release(), Recipient.SEARCH, public(worker))
    wrong = [
        (X25519PrivateKey.generate(), "authority-a", CASE, Recipient.SEARCH),
        (worker, "authority-b", CASE, Recipient.SEARCH),
        (worker, "authority-a", "case-2", Recipient.SEARCH),
        (worker, "authority-a", CASE, Recipient.PROBES),
    ]
    for key, name, case, kind in wrong:
        with pytest.raises(CannotOpen):
            open_released(key, sealed, name, case, kind)


def refused_scopes() -> list[tuple[str, Callable[[World], bytes]]]:
    hour, day = timedelta(hours=1), timedelta(days=1)
    return [
        ("opener approves", lambda w: w.release(replaced(w.scope(), opened_by="both"), approver="both")),
        ("opener is no tracer", lambda w: w.release(replaced(w.scope(), opened_by="lee"), approver="both")),
        ("approver is no approver", lambda w: w.release(approver="kim")),
        ("approval expired", lambda w: w.release(replaced(w.scope(), expires=NOW - hour))),
        ("window too long", lambda w: w.release(replaced(w.scope(), start=NOW - 15 * day))),
        ("window in the future", lambda w: w.release(replaced(w.scope(), end=NOW + day))),
        ("no consented scope", lambda w: w.release(replaced(w.scope(), consents=()))),
        ("scope beyond the consent", lambda w: w.release(replaced(w.scope(), consents=("gait",)))),
        ("no secret of that day", lambda w: w.release(replaced(w.scope(), start=NOW - 3 * day, end=NOW - 2 * day))),
    ]


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in refused_scopes()])
def test_a_bad_release_is_refused_and_logged(
    world: World, worker: X25519PrivateKey, make: Callable[[World], bytes]
) -> None:
    """Each broken rule refuses the release with a named error, and leaves a line in the log."""
    authority = world.authorities[0]
    with pytest.raises(ReleaseRefused):
        authority.release(make(world), Recipient.SEARCH, public(worker))
    last = authority.log_entries()[-1]
    assert (last.action, last.case) == ("refused", CASE)
    assert "ReleaseRefused" in last.detail


def test_a_forged_signature_is_refused(world: World, worker: X25519PrivateKey) -> None:
    """A second signature made with a key that the authority does not know for that person is refused."""
    world.people["lee"] = Ed25519PrivateKey.generate()
    with pytest.raises(ReleaseRefused, match="approver does not verify"):
        world.authorities[0].release(world.release(), Recipient.SEARCH, public(worker))


def test_expired_consent_is_refused(world: World, worker: X25519PrivateKey) -> None:
    """A consent that was live when the case opened stops releases once it has expired."""
    signed = world.signed(replaced(world.scope(), expires=NOW + timedelta(days=60)))
    receipt = dataclasses.replace(signed.consent, expires=NOW + timedelta(hours=1))
    witness = sign(receipt, "witness", world.people["kim"])
    short = dataclasses.replace(signed, consent=receipt, consent_signature=witness)
    world.clock.advance(timedelta(hours=2))
    with pytest.raises(ReleaseRefused, match="consent is not live"):
        world.authorities[0].release(release_to_bytes(short), Recipient.SEARCH, public(worker))


def test_nonsense_is_refused_and_logged(world: World, worker: X25519PrivateKey) -> None:
    """Bytes that are no release raise BadRelease and are logged without a case."""
    with pytest.raises(BadRelease):
        world.authorities[0].release(b"\x00nonsense", Recipient.SEARCH, public(worker))
    assert world.authorities[0].log_entries()[-1].action == "refused"


def test_a_withdrawn_case_gets_nothing_more(world: World, worker: X25519PrivateKey) -> None:
    """After withdrawal the same signed release is refused, for both kinds of recipient."""
    authority, release = world.authorities[0], world.release()
    authority.release(release, Recipient.SEARCH, public(worker))
    authority.withdraw(CASE)
    for kind, key in ((Recipient.SEARCH, public(worker)), (Recipient.PROBES, public(world.probes_key))):
        with pytest.raises(ReleaseRefused, match="withdrawn"):
            authority.release(release, kind, key)


def test_code_shares_go_to_the_registered_probe_service_only(world: World, worker: X25519PrivateKey) -> None:
    """Whoever asks for code shares with a key of their own is refused."""
    with pytest.raises(ReleaseRefused, match="probe service"):
        world.authorities[0].release(world.release(), Recipient.PROBES, public(worker))


def test_the_eleventh_concurrent_case_is_refused_until_one_closes(world: World, worker: X25519PrivateKey) -> None:
    """Ten cases may be open at once; an open one may ask again, and closing one makes room."""
    authority = world.authorities[0]
    for n in range(10):
        authority.release(world.release(world.scope(f"case-{n}")), Recipient.SEARCH, public(worker))
    eleventh = world.release(world.scope("case-10"))
    with pytest.raises(ReleaseRefused, match="10 cases"):
        authority.release(eleventh, Recipient.SEARCH, public(worker))
    authority.release(world.release(world.scope("case-3")), Recipient.SEARCH, public(worker))
    authority.withdraw("case-3")
    assert authority.release(eleventh, Recipient.SEARCH, public(worker))


def test_a_destroyed_day_is_gone_for_good(world: World, worker: X25519PrivateKey) -> None:
    """After destruction nothing is released for the day, it is never drawn again, and the statement verifies."""
    authority = world.authorities[0]
    statement = authority.destroy(NOW.date())
    check_destruction(statement, authority._signing_key.public_key())
    with pytest.raises(ReleaseRefused, match="No secret"):
        authority.release(world.release(), Recipient.SEARCH, public(worker))
    with pytest.raises(CairnError, match="no secret"):
        authority.publish_grants(world.transport)


def test_days_are_destroyed_when_retention_ends(world: World) -> None:
    """The hourly run destroys a day once all of it is over fourteen days old, and not before."""
    authority = world.authorities[0]
    world.clock.advance(timedelta(days=14, hours=14))
    assert authority.destroy_expired() == []
    world.clock.advance(timedelta(hours=1))
    assert [statement.day for statement in authority.destroy_expired()] == [NOW.date()]
    assert authority.destroy_expired() == []


def test_the_database_never_holds_a_secret_in_the_clear_nor_after_destruction(world: World, tmp_path: Path) -> None:
    """Neither the day secret nor, once destroyed, its wrapped form is found in the database file."""
    authority, path = world.authorities[0], tmp_path / "authority-a.sqlite"
    vault = authority._secrets
    secret = vault._live([NOW.date()])[NOW.date()]
    with open_database(path).connect() as connection:
        wrapped = connection.execute(text("SELECT wrapped FROM daysecret")).scalar_one()
    assert secret not in path.read_bytes()
    assert wrapped in path.read_bytes()
    authority.destroy(NOW.date())
    assert wrapped not in b"".join(part.read_bytes() for part in tmp_path.glob("authority-a*"))


def test_a_database_keeps_the_work_that_its_passphrase_was_made_with(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version may ask for more of new databases, and still opens those that are there."""
    before = world.authorities[0]._secrets._live([NOW.date()])
    monkeypatch.setattr(kek, "SCRYPT_N", 2 * kek.SCRYPT_N)
    assert world.authority("authority-a")._secrets._live([NOW.date()]) == before
    world.authority("authority-new")
    of = {}
    for name in ("a", "new"):
        with open_database(tmp_path / f"authority-{name}.sqlite").connect() as connection:
            of[name] = connection.execute(text("SELECT scrypt_n FROM keyencryption")).scalar_one()
    assert of == {"a": kek.SCRYPT_N // 2, "new": kek.SCRYPT_N}


def test_the_log_cannot_be_rewritten(tmp_path: Path, world: World) -> None:
    """The database itself refuses to change or delete a line of the log."""
    engine = open_database(tmp_path / "authority-a.sqlite")
    for act in ("DELETE FROM logentry", "UPDATE logentry SET detail = ''"):
        with engine.connect() as connection, pytest.raises(IntegrityError, match="append-only"):
            connection.execute(text(act))


def test_another_passphrase_unwraps_nothing(world: World, tmp_path: Path) -> None:
    """Opened with another passphrase, the vault raises WrongPassphrase instead of inventing shares."""
    (tmp_path / "other").write_text("another passphrase altogether")
    files = AuthorityFiles(
        "authority-a", tmp_path / "authority-a.sqlite", tmp_path / "other", Ed25519PrivateKey.generate(), bytes(32)
    )
    other = type(world.authorities[0])(files, world.clock)
    with pytest.raises(WrongPassphrase):
        other.publish_grants(world.transport)


@pytest.mark.parametrize("bad", ["", "short", "changeme-changeme-changeme"])
def test_a_weak_passphrase_stops_the_start(tmp_path: Path, bad: str) -> None:
    """An empty, short or placeholder passphrase is refused at start."""
    (tmp_path / "passphrase").write_text(bad)
    with pytest.raises(BadInput):
        read_passphrase(tmp_path / "passphrase")


def test_a_node_gets_shares_of_its_own_cell_for_the_coming_hours(world: World) -> None:
    """The retained grant opens with the node's key only, and holds this hour and the next."""
    code, seal = world.node_shares(Epoch.at(CELL, NOW + timedelta(hours=1)))
    assert len({*code, *seal}) == 4
    with pytest.raises(KeyError):
        world.node_shares(Epoch.at(CELL, NOW + timedelta(hours=2)))
    with pytest.raises(BadInput, match="24 hours"):
        world.authorities[0].publish_grants(world.transport, hours_ahead=25)


def test_a_revoked_node_finds_no_grant(world: World) -> None:
    """Revoking a node clears its retained grant and leaves it out of the next round."""
    authority = world.authorities[0]
    authority.revoke_node(world.transport, NODE)
    assert authority.publish_grants(world.transport) == 0
    with pytest.raises(IndexError):
        world.grant(authority.name)


def test_a_case_under_another_law_than_the_offices_list_is_refused(world: World, worker: X25519PrivateKey) -> None:
    """Whatever two people signed: an authority has its own dated list of legal bases, and the refusal is in its log."""
    public = worker.public_key().public_bytes_raw()
    release = world.release(replaced(world.scope(), purpose="traffic-fines"))
    with pytest.raises(BasisRefused, match="not on the list"):
        world.authorities[0].release(release, Recipient.SEARCH, public)
    assert world.authorities[0].log_entries()[-1].action == "refused"
