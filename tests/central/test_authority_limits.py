"""What an authority allows beyond the signatures: one purpose a case, ten at once, five photos, few probes for life."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from central.authority.limits import (
    MAX_PROBES_PER_EPOCH,
    PROBES_PER_TEMPLATE,
    Limits,
    PurposeLocked,
    TooManyCases,
    TooManyProbes,
    count_probes,
)
from central.authority.released import Recipient
from central.authority.tables import ProbedHours, open_database
from central.database import writing
from shared.errors import BadInput, ReleaseRefused
from shared.releases import Release, digest_of, release_to_bytes, sign
from tests.central.authority_fixtures import CASE, NOW, World, replaced

WORKER = X25519PrivateKey.generate().public_key().public_bytes_raw()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def approved_anew(world: World, release: Release, **changes: object) -> bytes:
    """The same release with another approval, rightly signed."""
    approval = dataclasses.replace(release.approval, **changes)  # type: ignore[arg-type]
    signature = sign(approval, "approver", world.people[approval.approver])
    return release_to_bytes(dataclasses.replace(release, approval=approval, approver_signature=signature))


def test_a_case_is_locked_to_its_first_purpose(world: World) -> None:
    """Another legal basis, scope, consent or template, all rightly signed, is refused by name for the same case."""
    authority, first = world.authorities[0], world.signed(world.scope())
    authority.release(release_to_bytes(first), Recipient.SEARCH, WORKER)
    others = {
        "legal basis, scope": world.release(replaced(world.scope(), purpose="consent-only")),
        "scope": world.release(replaced(world.scope(), end=NOW + timedelta(minutes=10))),
        "template": approved_anew(world, first, template=bytes(32)),
    }
    for what, release in others.items():
        with pytest.raises(PurposeLocked, match=f"another {what}"):
            authority.release(release, Recipient.SEARCH, WORKER)
        assert "PurposeLocked" in authority.log_entries()[-1].detail
    assert authority.release(approved_anew(world, first), Recipient.PROBES, world.probes.public)


def test_another_consent_is_another_purpose(world: World) -> None:
    """A second consent document for the same case needs a new case."""
    authority, first = world.authorities[0], world.signed(world.scope())
    authority.release(release_to_bytes(first), Recipient.SEARCH, WORKER)
    consent = dataclasses.replace(first.consent, receipt="receipt-2")
    witnessed = sign(consent, "witness", world.people["kim"])
    changed = dataclasses.replace(first, consent=consent, consent_signature=witnessed)
    with pytest.raises(PurposeLocked, match="another consent"):
        authority.release(approved_anew(world, changed, consent=digest_of(consent)), Recipient.SEARCH, WORKER)


def test_the_sixth_photo_is_refused(world: World) -> None:
    """An approval of a template made from six pictures releases nothing; five are enough."""
    release = world.signed(world.scope())
    with pytest.raises(ReleaseRefused, match="6 photos"):
        world.authorities[0].release(approved_anew(world, release, photos=6), Recipient.SEARCH, WORKER)
    assert world.authorities[0].release(approved_anew(world, release, photos=5), Recipient.SEARCH, WORKER)


def test_an_epoch_is_probed_only_so_often_in_its_life(world: World) -> None:
    """When as many templates as may be were made into an epoch's codes, the next case is refused and told how much."""
    authority = world.authority("authority-a", limits=Limits(cases=10, probes_per_epoch=2 * PROBES_PER_TEMPLATE))
    for case in ("case-1", "case-1", "case-2", "case-2"):
        assert authority.release(world.release(world.scope(case)), Recipient.PROBES, world.probes.public)
        authority.withdraw(f"{case}-other")
    third = world.release(world.scope("case-3"))
    with pytest.raises(TooManyProbes, match="10 of 10 cell-hours were probed 4 times"):
        authority.release(third, Recipient.PROBES, world.probes.public)
    assert "TooManyProbes" in authority.log_entries()[-1].detail
    authority.withdraw("case-1")
    authority.withdraw("case-2")
    with pytest.raises(TooManyProbes):
        authority.release(third, Recipient.PROBES, world.probes.public)


def test_a_refused_release_uses_nothing_up(world: World) -> None:
    """Probes are counted with the release or not at all: a refusal afterwards leaves the counter as it was."""
    authority = world.authorities[0]
    with pytest.raises(ReleaseRefused):
        authority.release(world.release(), Recipient.PROBES, WORKER)
    with Session(authority.engine) as session:
        assert session.exec(select(ProbedHours)).all() == []


def test_counters_go_with_the_days_that_they_count(world: World) -> None:
    """Once every day of a case is destroyed nothing can be probed there, and its counter is forgotten."""
    authority = world.authorities[0]
    authority.release(world.release(), Recipient.PROBES, world.probes.public)
    world.clock.advance(timedelta(days=1))
    authority.publish_grants(world.transport)
    authority.destroy(NOW.date())
    authority.destroy(NOW.date() - timedelta(days=1))
    with Session(authority.engine) as session:
        assert session.exec(select(ProbedHours)).all() == []


@pytest.mark.parametrize("limits", [{"cases": 11}, {"cases": 0}, {"probes_per_epoch": MAX_PROBES_PER_EPOCH + 1}])
def test_a_limit_can_only_be_lowered(limits: dict[str, int]) -> None:
    """No office can allow more than the system does."""
    with pytest.raises(BadInput, match="only be lowered"):
        Limits(**limits)


def test_an_office_may_allow_fewer_cases(world: World) -> None:
    """With a limit of one, the second case waits for the first to end."""
    authority = world.authority("authority-b", limits=Limits(cases=1))
    authority.release(world.release(), Recipient.SEARCH, WORKER)
    with pytest.raises(TooManyCases, match="1 cases"):
        authority.release(world.release(world.scope("case-2")), Recipient.SEARCH, WORKER)
    authority.withdraw(CASE)
    assert authority.release(world.release(world.scope("case-2")), Recipient.SEARCH, WORKER)


CELLS = ("cell-1", "cell-2", "cell-3")
CASES = st.tuples(
    st.sampled_from(["a", "b", "c", "d"]), st.sets(st.sampled_from(CELLS), min_size=1), st.integers(0, 8),
    st.integers(1, 6),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(asked=st.lists(CASES, max_size=12), limit=st.integers(1, 4).map(lambda n: n * PROBES_PER_TEMPLATE))
def test_the_counter_agrees_with_counting_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[str, set[str], int, int]], limit: int
) -> None:
    """Whatever is asked in whatever order: granted or refused as a plain count of codes an epoch would have it."""
    engine = open_database(tmp_path_factory.mktemp("counter") / "a.sqlite")
    first: dict[str, set[str]] = {}
    hours_of: dict[str, set[int]] = {}
    for case, wanted, start, length in asked:
        cells = first.setdefault(case, wanted)  # a case is locked to its scope
        hours = list(range(start, start + length))
        spent = np.array([
            [sum(cell in first[o] and hour in hours_of.get(o, ()) for o in first if o != case) for hour in hours]
            for cell in sorted(cells)
        ])  # fmt: skip
        own = np.array([[hour in hours_of.get(case, ()) for hour in hours] for _ in cells])
        full = int(np.count_nonzero((spent * PROBES_PER_TEMPLATE + PROBES_PER_TEMPLATE > limit) & ~own))
        with writing(engine) as session:
            try:
                count_probes(session, case, sorted(cells), hours, limit)
                session.commit()
            except TooManyProbes as refusal:
                assert refusal.message.startswith(f"{full} of {len(cells) * len(hours)} ")
                continue
        assert full == 0
        known = hours_of.get(case, set()) | set(hours)
        hours_of[case] = set(range(min(known), max(known) + 1))
