"""The experiments on what insiders learn: right where the answer is known, and quick on simulated people."""

from __future__ import annotations

import numpy as np
import pytest

from shared.codes import FACE_BITS, encode, hamming
from tests.bench.privacy_coding import inversion
from tests.bench.privacy_insiders import by_anchors, with_codes_only, with_known_pairs, with_the_key
from tests.bench.privacy_people import People, signs, simulated


@pytest.fixture(scope="module")
def people() -> People:
    return simulated(np.random.default_rng(1), often=160, once=540)


def test_equal_bits_are_counted_by_a_product(people: People) -> None:
    """The product of two codes as ±1 is the number of bits less twice their distance."""
    key, two = bytes(32), people.faces[:2]
    a, b = signs(two, key)
    assert a @ b == FACE_BITS - 2 * hamming(*encode(two, key, FACE_BITS))


def test_whoever_has_the_key_recognises_people(people: People) -> None:
    """The honest side of each comparison works, or the attacks beside it would mean nothing."""
    reached, area = with_the_key(people, bytes(32))
    assert reached > 0.95
    assert area > 0.99


def test_known_pairs_teach_the_key_the_more_the_better(people: People) -> None:
    """512 known people give nearly what the key gives; 8 give a twentieth of it; it grows in between."""
    rng = np.random.default_rng(2)
    few, some, many = (with_known_pairs(people, n, rng)[0] for n in (8, 64, 512))
    assert few < 0.2
    assert few < some < many
    assert many > 0.95


def test_known_pairs_of_one_epoch_say_nothing_about_another(people: People) -> None:
    """What was learned of one key tells strangers apart under it, and nobody under the key of another hour."""
    rng = np.random.default_rng(3)
    known, tested = people.once[:512], people.often
    learned = np.linalg.lstsq(people.faces[known], signs(people.faces[known], rng.bytes(32)), rcond=None)[0]
    right = np.sign(people.faces[tested] @ learned) == signs(people.faces[tested], rng.bytes(32))
    assert right.mean() == pytest.approx(0.5, abs=0.01)


def test_codes_alone_recognise_next_to_nobody(people: People) -> None:
    """Without a single known person, the codes of an epoch give less than one in a hundred at FAR 1e-3."""
    assert with_codes_only(people, np.random.default_rng(4))[0] < 0.01


def test_anchors_link_strangers_the_more_the_better(people: People) -> None:
    """By two people known in both epochs strangers are hardly told apart, by 64 nearly always."""
    rng = np.random.default_rng(5)
    few, many = (by_anchors(people, m, rng)[1] for m in (2, 64))
    assert few < 0.75
    assert many > 0.97


def test_a_code_and_its_key_give_the_embedding_back(people: People) -> None:
    """With the key a code is turned back to a cosine above 0.9: it is biometric data."""
    assert inversion(people, np.random.default_rng(6)).value > 0.9
