"""6 · No key leaves an authority unless everything is right; each refusal has a name and a line in its own log.

The centre and the pages refuse the same before (tests/central/test_cases.py); here nothing but the authorities is
asked, with properly encoded documents, as a centre that had gone over to the attacker would ask.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.limits import CaseWithdrawn, PurposeLocked, TooManyCases
from central.authority.released import Recipient, open_released
from shared.batches import open_batch, read_batch
from shared.epochs import Epoch, seal_key
from shared.errors import BadRelease, CairnError, CannotOpen, ReleaseRefused
from shared.releases import MAX_PHOTOS, Release, digest_of, release_to_bytes, sign
from tests.central.authority_fixtures import CASE, CELL, NODE, NOW, World, replaced, some_faces

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WORKER = X25519PrivateKey.generate()
PUBLIC = WORKER.public_key().public_bytes_raw()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def one_person_signs_twice(world: World) -> bytes:
    return world.release(replaced(world.scope(), opened_by="both"), approver="both")


def one_key_under_two_names(world: World) -> bytes:
    world.people["lee"] = world.people["kim"]
    key = world.people["kim"].public_key().public_bytes_raw()
    for authority in world.authorities:
        authority.registry.put_person("lee", frozenset({"approver"}), key)
    return world.release()


def only_the_openers_signature(world: World) -> bytes:
    signed = world.signed(world.scope())
    return release_to_bytes(dataclasses.replace(signed, approver_signature=signed.opener_signature))


def consent_that_expired(world: World) -> bytes:
    return _with_consent(world, world.signed(world.scope()), expires=NOW - timedelta(minutes=1))


def consent_of_another_case(world: World) -> bytes:
    return _with_consent(world, world.signed(world.scope()), case="case-9")


def consent_changed_after_the_approval(world: World) -> bytes:
    signed = world.signed(world.scope())
    other = dataclasses.replace(signed.consent, receipt="receipt-2")
    witness = sign(other, "witness", world.people["kim"])
    return release_to_bytes(dataclasses.replace(signed, consent=other, consent_signature=witness))


def scope_changed_after_the_approval(world: World) -> bytes:
    signed = world.signed(world.scope())
    wider = replaced(signed.scope, cells=(CELL, "cell-2"))
    opener = sign(wider, "opener", world.people["kim"])
    return release_to_bytes(dataclasses.replace(signed, scope=wider, opener_signature=opener))


def more_than_was_consented_to(world: World) -> bytes:
    signed = world.signed(replaced(world.scope(), consents=("appearance",)))
    return _with_consent(world, signed, scopes=("face",))


def a_window_before_retention(world: World) -> bytes:
    return world.release(replaced(world.scope(), start=NOW - 16 * DAY, end=NOW - 15 * DAY))


def a_window_of_more_than_fourteen_days(world: World) -> bytes:
    return world.release(replaced(world.scope(), start=NOW - 15 * DAY))


def a_window_in_the_future(world: World) -> bytes:
    return world.release(replaced(world.scope(), end=NOW + DAY))


def an_approval_that_expired(world: World) -> bytes:
    return world.release(replaced(world.scope(), expires=NOW - HOUR))


def a_sixth_photo(world: World) -> bytes:
    world.photos = MAX_PHOTOS + 1
    return world.release()


BREACHES: list[Callable[[World], bytes]] = [
    one_person_signs_twice,
    one_key_under_two_names,
    only_the_openers_signature,
    consent_that_expired,
    consent_of_another_case,
    consent_changed_after_the_approval,
    scope_changed_after_the_approval,
    more_than_was_consented_to,
    a_window_before_retention,
    a_window_of_more_than_fourteen_days,
    a_window_in_the_future,
    an_approval_that_expired,
    a_sixth_photo,
]


def _with_consent(world: World, signed: Release, **changes: object) -> bytes:
    """The release with another consent, to which approver and witness put their names."""
    consent = dataclasses.replace(signed.consent, **changes)  # type: ignore[arg-type]
    approval = dataclasses.replace(signed.approval, consent=digest_of(consent))
    return release_to_bytes(
        dataclasses.replace(
            signed,
            consent=consent,
            approval=approval,
            consent_signature=sign(consent, "witness", world.people["kim"]),
            approver_signature=sign(approval, "approver", world.people["lee"]),
        )
    )


def refused(world: World, release: bytes, kind: type[CairnError]) -> None:
    """Both authorities refuse it to both kinds of recipient with this error, and each says so in its log."""
    recipients = ((Recipient.SEARCH, PUBLIC), (Recipient.PROBES, world.probes_key.public_key().public_bytes_raw()))
    for authority in world.authorities:
        for recipient, public in recipients:
            with pytest.raises(kind):
                authority.release(release, recipient, public)
            last = authority.log_entries()[-1]
            assert last.action == "refused"
            assert last.detail.startswith(f"{recipient}: {kind.__name__}: ")


def test_what_is_right_is_released(world: World) -> None:
    """The release from which the refused ones differ in one thing each is granted, and logged."""
    for authority in world.authorities:
        assert authority.release(world.release(), Recipient.SEARCH, PUBLIC)
        assert authority.log_entries()[-1].action == "released"


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.__name__)
def test_each_breach_is_refused_by_every_authority_and_logged(world: World, breach: Callable[[World], bytes]) -> None:
    """One thing wrong is enough: no authority releases a share to anybody, and each has the refusal on record."""
    refused(world, breach(world), ReleaseRefused)


def test_a_withdrawn_case_is_refused_by_name(world: World) -> None:
    """After the withdrawal, the very release that was granted before is worth nothing."""
    release = world.release()
    for authority in world.authorities:
        authority.release(release, Recipient.SEARCH, PUBLIC)
        authority.withdraw(CASE)
    refused(world, release, CaseWithdrawn)


def test_the_eleventh_concurrent_case_is_refused_by_name(world: World) -> None:
    """Ten cases are open; the next one waits until one of them has ended."""
    for authority in world.authorities:
        for n in range(10):
            authority.release(world.release(world.scope(f"case-{n}")), Recipient.SEARCH, PUBLIC)
    refused(world, world.release(world.scope("case-10")), TooManyCases)


def test_one_case_has_one_purpose(world: World) -> None:
    """A case that was released once is not released again for another legal basis, though people sign it anew."""
    for authority in world.authorities:
        authority.release(world.release(), Recipient.SEARCH, PUBLIC)
    world.template = b"another patient"
    refused(world, world.release(), PurposeLocked)


def test_nonsense_is_refused_by_name(world: World) -> None:
    """Bytes that are no release are refused as such."""
    refused(world, b"nonsense", BadRelease)


def test_one_authority_alone_cannot_make_a_key(world: World) -> None:
    """What either of them releases, alone, twice or in the wrong order, opens no batch."""
    batch, epoch = read_batch(world.batch(some_faces(2))), Epoch.at(CELL, NOW)
    shares = [
        open_released(WORKER, sealed, name, CASE, Recipient.SEARCH).shares[epoch]
        for name, sealed in world.worker_releases(world.release(), PUBLIC).items()
    ]
    for some in (shares[:1], shares[1:], shares[:1] * 2, shares[::-1]):
        with pytest.raises(CannotOpen):
            open_batch(batch, seal_key(some, NODE, epoch))
    assert len(open_batch(batch, seal_key(shares, NODE, epoch))) == 2
