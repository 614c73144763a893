"""Peers answer the same question alike, and those that are not installed say how to have them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from tests.bench.peers import CODE_BYTES, RADIUS, Faiss, NotInstalled, Numpy, OurScan, Peer, Question, chdb, pgvector


@pytest.fixture
def question() -> Question:
    """Three cell-hours, one without codes; some codes lie at the radius itself, and some just beyond."""
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 256, (40, CODE_BYTES), np.uint8)
    of, probes_of = np.repeat(np.array([0, 2], np.int32), 20), np.repeat(np.arange(3, dtype=np.int32), 2)
    probes = rng.integers(0, 256, (6, CODE_BYTES), np.uint8)
    for row, bits in enumerate((0, RADIUS - 1, RADIUS, RADIUS + 1)):
        flipped = np.unpackbits(probes[0])
        flipped[:bits] ^= 1
        codes[row] = np.packbits(flipped)
    return Question(codes, of, probes, probes_of)


def test_every_peer_counts_the_same_pairs(question: Question) -> None:
    """The radius itself is within, whatever a library means by it."""
    assert [peer(question).pairs() for peer in (Numpy, Faiss, OurScan)] == [3, 3, 3]


@pytest.mark.parametrize("make", [pgvector, chdb])
def test_a_database_counts_the_same_or_says_how_to_have_it(
    question: Question, tmp_path: Path, make: Callable[[Question, Path], AbstractContextManager[Peer]]
) -> None:
    """No test needs a peer: where one is not installed it is left out by name."""
    try:
        with make(question, tmp_path) as peer:
            assert peer.pairs() == 3
    except NotInstalled as missing:
        assert "pip install" in str(missing)
        pytest.skip(str(missing))
