"""One, two or three authorities, each behind its own HTTP server; what happens when they disagree or one is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.app import create_app
from central.authority.client import AuthorityClient, ClocksDisagree, client
from central.authority.clock_guard import ClockInDoubt
from central.authority.day_secrets import SecretDestroyed
from central.authority.limits import CaseWithdrawn, PurposeLocked
from central.authority.released import Recipient, combined, not_covered, open_released
from central.authority.service import Authority
from central.authority.settings import AuthoritySettings
from central.authority.statements import check_destruction
from central.batches.store import SqlBatchStore
from central.database import open_database
from central.errors import ServiceDown
from central.probes.service import ProbeService
from central.probes.templates import SealedTemplates
from central.search.case_search import SearchParts, search_case
from shared.batches import open_batch, read_batch
from shared.clock import FixedClock
from shared.epochs import seal_key
from shared.errors import BadInput, CannotOpen, ReleaseRefused
from shared.keys import signing_public
from tests.central.authority_fixtures import CASE, NOW, World, replaced, some_faces
from tests.central.http_fixtures import serving

WORKER = X25519PrivateKey.generate()
PUBLIC = WORKER.public_key().public_bytes_raw()
THREE = ("north", "south", "west")


@contextmanager
def offices(world: World) -> Iterator[list[AuthorityClient]]:
    """Every authority of this world behind a server of its own, and the centre's clients of them."""
    unused = world.folder / "unused"
    with ExitStack() as stack:
        asked = []
        for one in world.authorities:
            settings = AuthoritySettings(
                name=one.name, database=unused, passphrase_file=unused, signing_key=unused, probes_public=unused
            )
            url = stack.enter_context(serving(create_app(settings, one)))
            asked.append(AuthorityClient(one.name, stack.enter_context(client(url, None)), world.clock))
        yield asked


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_system_runs_with_one_two_or_three_authorities(tmp_path: Path, count: int) -> None:
    """Grants to a box, a sealed batch, a release, probes, a search: the patient is found through every office."""
    world, faces = World(tmp_path, names=THREE[:count]), some_faces(5)
    store = SqlBatchStore(open_database(f"sqlite:///{tmp_path / 'centre.sqlite'}"))
    store.add([read_batch(world.batch(faces))], NOW)
    with offices(world) as asked:
        world.probes = ProbeService(world.probes_key, SealedTemplates(tmp_path / "templates"), asked)
        world.register(faces[2:3])
        parts = SearchParts(asked, world.probes, store)
        answer = search_case(world.signed(world.scope()), parts, print, threading.Event())
    assert [one.sighting.rpartition("/")[2] for one in answer.candidates] == ["2"]
    assert [[e.action for e in one.log_entries()].count("released") for one in world.authorities] == [2] * count


@pytest.mark.parametrize("count", [2, 3])
def test_no_authority_may_be_missing_from_a_key(tmp_path: Path, count: int) -> None:
    """With one office's shares left out, whichever it is, nothing of the batch opens."""
    world = World(tmp_path, names=THREE[:count])
    raw = world.batch(some_faces(2))
    batch = read_batch(raw)
    sealed = world.worker_releases(world.release(), PUBLIC)
    opened = {name: open_released(WORKER, one, name, CASE, Recipient.SEARCH) for name, one in sealed.items()}
    for left_out in opened:
        some = combined({name: one for name, one in opened.items() if name != left_out})
        with pytest.raises(CannotOpen):
            open_batch(batch, seal_key(some[batch.header.epoch], batch.header.node, batch.header.epoch))
    whole = combined(opened)[batch.header.epoch]
    assert len(open_batch(batch, seal_key(whole, batch.header.node, batch.header.epoch))) == 2


def other_people(south: Authority) -> None:
    strange = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    south.registry.put_person("lee", frozenset({"approver"}), strange)


def nobody_known(south: Authority) -> None:
    south.registry.drop_person("lee")


def withdrawn(south: Authority) -> None:
    south.withdraw(CASE)


@pytest.mark.parametrize(
    ("spoil", "kind", "says"),
    [
        (other_people, ReleaseRefused, "authority south: the signature of the approver does not verify"),
        (nobody_known, ReleaseRefused, "authority south: no person with the role approver"),
        (withdrawn, CaseWithdrawn, "authority south: The case is withdrawn"),
    ],
)
def test_when_two_authorities_disagree_the_refusal_names_the_one_and_why(
    tmp_path: Path, spoil: Callable[[Authority], None], kind: type[ReleaseRefused], says: str
) -> None:
    """One releases, the other refuses: the answer says which office, and what it has against it."""
    world = World(tmp_path, names=THREE[:2])
    spoil(world.authorities[1])
    with offices(world) as (north, south):
        assert north.release(world.release(), Recipient.SEARCH, PUBLIC)
        with pytest.raises(kind, match=says):
            south.release(world.release(), Recipient.SEARCH, PUBLIC)


def test_when_they_destroyed_different_days_each_is_named_with_its_days(tmp_path: Path) -> None:
    """What one of them has destroyed cannot be searched, and the answer says whose days are missing."""
    world = World(tmp_path, names=THREE[:2])
    world.clock.advance(timedelta(days=1))
    for one in world.authorities:
        one.publish_grants(world.transport)
    world.authorities[1].destroy(NOW.date())
    scope = replaced(world.scope(), start=NOW)
    with offices(world) as asked:
        sealed = {one.name: one.release(world.release(scope), Recipient.SEARCH, PUBLIC) for one in asked}
    opened = {name: open_released(WORKER, one, name, CASE, Recipient.SEARCH) for name, one in sealed.items()}
    assert not_covered(opened) == {NOW.date(): ["south"]}
    assert {epoch.start.date() for epoch in combined(opened)} == {NOW.date() + timedelta(days=1)}


def test_an_office_in_another_time_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    """An authority whose clock is hours from the centre's, or in doubt, is told by name and by how much."""
    world = World(tmp_path, names=("north",))
    with offices(world) as (north,):
        north.check_up()
        north.clock = FixedClock(NOW + timedelta(hours=3))
        with pytest.raises(ClocksDisagree, match="authority north is -180 min"):
            north.check_up()
        north.clock = world.clock
        world.clock.jump(timedelta(hours=5))
        with pytest.raises(ClockInDoubt, match="north"):
            north.check_up()
        with pytest.raises(ClockInDoubt, match="authority north"):
            north.release(world.release(), Recipient.SEARCH, PUBLIC)


def test_an_authority_that_is_down_is_named(tmp_path: Path) -> None:
    """The others answer; the refusal says who is away and that the case waits."""
    world = World(tmp_path, names=THREE)
    with offices(world) as asked:
        asked[1].http = client("http://127.0.0.1:9", None)
        with asked[1].http, pytest.raises(ServiceDown, match="authority south does not answer") as refusal:
            for one in asked:
                one.release(world.release(), Recipient.SEARCH, PUBLIC)
        assert "waits" in refusal.value.hint


def test_what_the_centre_may_ask_travels_over_the_wire(tmp_path: Path) -> None:
    """Ended cases, canary shares, signed statements and the key to verify them; refusals keep their names."""
    world = World(tmp_path, names=("north",))
    real = world.authorities[0]
    with offices(world) as (north,):
        assert north.ended([]) == []
        north.withdraw("case-9")
        assert north.ended(["case-9", "case-8"]) == ["case-9"]
        assert north.canary(NOW.date(), PUBLIC)
        real.destroy(NOW.date())
        with pytest.raises(SecretDestroyed, match="north"):
            north.canary(NOW.date(), PUBLIC)
        (statement,) = north.statements()
        check_destruction(statement, signing_public(north.public))
        assert statement == real.statements()[0]
        with pytest.raises(ReleaseRefused, match="No secret"):
            north.release(world.release(), Recipient.SEARCH, PUBLIC)
        with pytest.raises(BadInput):
            north.ended(["Not A Name"])


def test_a_locked_purpose_travels_by_name(tmp_path: Path) -> None:
    """PurposeLocked comes out at the centre as what it was, with the office's name."""
    world = World(tmp_path, names=("north",))
    with offices(world) as (north,):
        north.release(world.release(), Recipient.SEARCH, PUBLIC)
        with pytest.raises(PurposeLocked, match="authority north"):
            north.release(
                world.release(replaced(world.scope(), end=NOW + timedelta(minutes=1))), Recipient.SEARCH, PUBLIC
            )
