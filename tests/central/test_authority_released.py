"""Released shares as they travel: columns of a whole city, opened without an object for each, and nothing malformed."""

from __future__ import annotations

import hmac
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from central.authority.released import (
    Recipient,
    ReleasedShares,
    ShareGrid,
    combined,
    not_covered,
    open_released,
    seal_released,
)
from shared.epochs import SHARE_BYTES, Epoch, Part, derive_parts, derive_shares
from shared.errors import BadRelease, ReleaseRefused
from shared.keys import seal_to
from shared.wire import pack
from tests.central.authority_fixtures import CASE, CELL, NOW, World, replaced

WORKER = X25519PrivateKey.generate()
PUBLIC = WORKER.public_key()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def grid(cells: set[str], hours: set[int], fill: int = 7) -> ShareGrid:
    values = np.random.default_rng(fill).integers(0, 256, (len(cells), len(hours), SHARE_BYTES), np.uint8)
    return ShareGrid(tuple(sorted(cells)), tuple(sorted(hours)), values)


def released(shares: ShareGrid, name: str = "north", missing: tuple[date, ...] = ()) -> ReleasedShares:
    return ReleasedShares(name, CASE, Recipient.SEARCH, NOW, NOW, ("face",), shares, missing, bytes(32))


GRIDS = st.builds(
    grid,
    st.sets(st.sampled_from(["cell-1", "cell-10", "cell-2", "z"]), min_size=1),
    st.sets(st.integers(490_000, 490_020), min_size=1),
    st.integers(0, 99),
)


@settings(max_examples=50, deadline=None)
@given(first=GRIDS, second=GRIDS)
def test_what_is_sealed_is_what_is_opened_and_combined(first: ShareGrid, second: ShareGrid) -> None:
    """By epoch and as an array alike: the shares of every authority for exactly the epochs that all released."""
    opened = {}
    for name, one in (("south", second), ("north", first)):
        sealed = seal_released(released(one, name), PUBLIC)
        opened[name] = open_released(WORKER, sealed, name, CASE, Recipient.SEARCH)
        assert dict(opened[name].shares) == dict(one)
    both = combined(opened)
    assert dict(both) == {epoch: (first[epoch], second[epoch]) for epoch in first if epoch in second}
    assert both.array.shape == (len(both.cells), len(both.hours), 2, SHARE_BYTES)
    assert all(epoch in both for epoch in both)
    assert Epoch("elsewhere", 1) not in both


def test_the_shares_are_those_of_each_epoch(world: World) -> None:
    """A released share is the very one that a box was granted for that hour."""
    sealed = world.authorities[0].release(world.release(), Recipient.SEARCH, PUBLIC.public_bytes_raw())
    opened = open_released(WORKER, sealed, "authority-a", CASE, Recipient.SEARCH)
    epoch = Epoch.at(CELL, NOW)
    assert opened.shares[epoch] == world.node_shares(epoch)[1][0]
    with pytest.raises(KeyError):
        opened.shares[Epoch("cell-2", epoch.hour)]


@given(st.binary(min_size=32, max_size=32), st.lists(st.integers(0, 2**31 - 1), max_size=5))
def test_many_at_once_are_the_same_as_one_by_one(secret: bytes, hours: list[int]) -> None:
    """Deriving a cell's hours in one go gives what deriving each epoch gives, which is HMAC-SHA256."""
    for part in Part:
        one_by_one = [getattr(derive_shares(secret, Epoch("cell-1", hour)), part.value) for hour in hours]
        messages = [
            b"\x00\x0dcairn/v1 " + part.encode() + b"\x00\x06cell-1\x00\x04" + hour.to_bytes(4, "big") for hour in hours
        ]
        plain = [hmac.digest(secret, message, "sha256") for message in messages]
        assert derive_parts(secret, part, "cell-1", hours) == b"".join(one_by_one) == b"".join(plain)


def test_days_without_a_secret_are_named(world: World) -> None:
    """The answer says which days of the window it does not cover; together they say which authority misses which."""
    authority = world.authorities[0]
    world.clock.advance(timedelta(days=1))
    for one in world.authorities:
        one.publish_grants(world.transport)
    authority.destroy(NOW.date())
    scope = replaced(world.scope(), start=NOW - timedelta(days=1))
    answers = {}
    for one in world.authorities:
        sealed = one.release(world.release(scope), Recipient.SEARCH, PUBLIC.public_bytes_raw())
        answers[one.name] = open_released(WORKER, sealed, one.name, CASE, Recipient.SEARCH)
    yesterday, today = NOW.date() - timedelta(days=1), NOW.date() + timedelta(days=1)
    assert not_covered(answers) == {yesterday: ["authority-a", "authority-b"], NOW.date(): ["authority-a"]}
    assert {epoch.start.date() for epoch in combined(answers)} == {today}
    assert "no secret for 2026-11-23, 2026-11-24" in authority.log_entries()[-1].detail


def test_a_destroyed_day_alone_is_refused(world: World) -> None:
    """When nothing of the window is left there is nothing to release, and it is said so."""
    world.authorities[0].destroy(NOW.date())
    with pytest.raises(ReleaseRefused, match="No secret of the window exists"):
        world.authorities[0].release(world.release(), Recipient.SEARCH, PUBLIC.public_bytes_raw())


def good() -> dict[str, Any]:
    return {
        "cells": ["a", "b"], "hours": np.array([1, 2, 3], "<u4").tobytes(), "shares": bytes(2 * 3 * 32),
        "window": [0.0, 1.0], "consents": ["face"], "missing": ["2026-11-24"], "probes": bytes(32),
    }  # fmt: skip


BAD: list[dict[str, Any]] = [
    {"cells": ["b", "a"]}, {"cells": ["a", "a"]}, {"cells": "ab"}, {"cells": ["A b", "c"]}, {"cells": ["a"]},
    {"hours": np.array([3, 2, 1], "<u4").tobytes()}, {"hours": b"123"}, {"hours": 7}, {"hours": None},
    {"hours": np.arange(400, dtype="<u4").tobytes(), "shares": bytes(2 * 400 * 32)},
    {"shares": bytes(31)}, {"shares": "text"}, {"shares": bytes(2 * 3 * 31)}, {"window": [0.0]}, {"window": [1e300, 0]},
    {"window": ["a", "b"]}, {"consents": ["Not A Name"]}, {"missing": ["yesterday"]}, {"missing": 3}, {"probes": "x"},
]  # fmt: skip


@pytest.mark.parametrize("changes", BAD, ids=lambda one: next(iter(one.items()))[0])
def test_a_malformed_answer_is_refused_with_the_authoritys_name(changes: dict[str, Any]) -> None:
    """Columns that do not fit, unknown names, numbers out of range: BadRelease, and never anything else."""
    info = f"cairn/v1 shares north {CASE} search".encode()
    with pytest.raises(BadRelease, match="north"):
        open_released(WORKER, seal_to(PUBLIC, info, pack(good() | changes)), "north", CASE, Recipient.SEARCH)
    assert open_released(WORKER, seal_to(PUBLIC, info, pack(good())), "north", CASE, Recipient.SEARCH).shares


def test_a_fortnight_of_a_city_goes_through_whole(world: World) -> None:
    """676 cells × 14 days are derived, sealed, opened and combined: 227,000 cell-hours, none lost on the way."""
    authority = world.authorities[0]
    for back in range(15):
        authority._secrets.draw(NOW.date() - timedelta(days=back))
    cells = tuple(f"cell-{n}" for n in range(676))
    scope = replaced(world.scope(), start=NOW - timedelta(days=14), end=NOW, cells=cells)
    sealed = authority.release(world.release(scope), Recipient.PROBES, world.probes.public)
    opened = open_released(world.probes_key, sealed, authority.name, CASE, Recipient.PROBES)
    both = combined({"authority-a": opened, "authority-b": opened})
    assert len(both) == 676 * (14 * 24 + 1)
    assert opened.missing == ()
