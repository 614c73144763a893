"""4 · Once a single authority has destroyed a day's secret, a search is a guess and no batch of the day opens."""

from __future__ import annotations

import numpy as np
import pytest

from central.authority.released import Recipient
from shared.epochs import Epoch
from shared.errors import ReleaseRefused
from tests.bench.privacy import GUESSES, after_destruction
from tests.central.authority_fixtures import CELL, World, some_faces


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def test_without_one_authoritys_secret_a_search_is_a_coin() -> None:
    """Over at least 100 guesses of the destroyed secret the mean AUC is 0.50 ± 0.01, and no guess opens a batch."""
    assert GUESSES >= 100
    auc, opened = after_destruction(np.random.default_rng(3))
    assert auc == pytest.approx(0.5, abs=0.01)
    assert opened == 0


def test_one_honest_authority_is_enough(world: World) -> None:
    """When one has destroyed the day, the other's shares are still released, and are worth nothing alone."""
    world.batch(some_faces(2))
    epoch = Epoch.at(CELL, world.clock.now())
    world.authorities[0].destroy(epoch.start.date())
    with pytest.raises(ReleaseRefused):
        world.authorities[0].release(world.release(), Recipient.SEARCH, bytes([9]) * 32)
    assert world.authorities[1].release(world.release(), Recipient.SEARCH, bytes([9]) * 32)
