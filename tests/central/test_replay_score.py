"""How an answer is scored: counted by hand here, on routes and contacts small enough to see."""

from __future__ import annotations

import pytest

from central.replay.score import Count, count_contacts, count_sightings, order_errors


def people(*rows: set[int]) -> list[frozenset[int]]:
    return [frozenset(one) for one in rows]


def test_sightings_are_counted_once_each() -> None:
    """Three of four reported are right, of six that are true; reporting one twice gains nothing."""
    count = count_sightings([1, 2, 3, 9, 3], frozenset({1, 2, 3, 4, 5, 6}))
    assert count == Count(reported=4, right=3, true=6, found=3)
    assert (count.precision, count.recall) == (0.75, 0.5)
    assert count.f1 == pytest.approx(0.6)


def test_saying_nothing_is_precise_and_finds_nothing() -> None:
    """An empty answer has precision 1 and recall 0 where there was something, and F1 0."""
    silent = count_sightings([], frozenset({1}))
    assert (silent.precision, silent.recall, silent.f1) == (1.0, 0.0, 0.0)
    assert count_sightings([], frozenset()).f1 == 1.0


def test_a_contact_is_right_when_one_of_its_sightings_counts() -> None:
    """Of three reported, two are contacts; of three true people, one was never reported."""
    count = count_contacts(people({10, 11}, {20}, {99}), people({11, 12}, {20, 21}, {30}))
    assert count == Count(reported=3, right=2, true=3, found=2)


def test_one_person_under_two_pseudonyms_is_found_once() -> None:
    """Two reports of one true person are both right, and find one person."""
    assert count_contacts(people({10}, {11}), people({10, 11}, {20})) == Count(2, 2, 2, 1)


def test_order_errors_are_neighbours_out_of_order() -> None:
    """A route in true order has none; one sighting in the wrong place makes one; a reversed route is all wrong."""
    assert order_errors([1.0, 2.0, 2.0, 5.0]) == 0
    assert order_errors([1.0, 5.0, 2.0, 6.0]) == 1
    assert order_errors([4.0, 3.0, 2.0]) == 2
    assert order_errors([]) == 0


def test_totals_add_counts_and_not_shares() -> None:
    """A patient with many sightings weighs more in the total than one with few."""
    total = Count(10, 9, 10, 9) + Count(1, 0, 1, 0)
    assert total.precision == pytest.approx(9 / 11)
    assert total.recall == pytest.approx(9 / 11)
