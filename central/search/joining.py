"""Finds whom hits met, for many hits at once: pure functions of some batches that are held together.

A row is a sighting, counted through all batches of a `Held`. Rows and encounters are joined by keys, the number of a
sighting beside that of its node and boot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from central.search.opened import Opened
from central.search.people import Int64
from shared.encounters import Told, numbers_of, told_of
from shared.epochs import HOUR_S, Modality
from shared.errors import BadBatch
from shared.layout import Stacked

_NUMBER_BITS = 32


@dataclass(frozen=True, eq=False)
class Held:
    """Opened batches side by side. `known` numbers nodes and boots, the same for all batches of a cell; `broken` tells
    of those whose encounters could not be read, by place."""

    batches: Sequence[Opened]
    known: dict[tuple[str, int], int] = field(default_factory=dict)
    broken: dict[int, BadBatch] = field(default_factory=dict)

    @cached_property
    def stacked(self) -> Stacked:
        return Stacked([one.columns.blob for one in self.batches])

    def codes(self, name: str, rows: Int64, has: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
        """The codes of a few rows, zeros for those that have none."""
        some = self.stacked.codes(name, rows[has])
        found = np.zeros((len(rows), some.shape[1]), np.uint8)
        found[has] = some
        return found

    @property
    def batch(self) -> Int64:
        """The batch of each row."""
        return self.stacked.batch

    @cached_property
    def cases(self) -> Int64:
        """For whom each batch opened."""
        return np.array([one.cases for one in self.batches], np.int64)

    @cached_property
    def hour_ms(self) -> Int64:
        return np.array([one.columns.epoch.hour * HOUR_S * 1000 for one in self.batches], np.int64)

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of all rows, as it lies in the batches."""
        return self.stacked.column(name)

    def at(self, name: str, rows: Int64) -> npt.NDArray[Any]:
        """The same of some rows."""
        return self.stacked.at(name, rows)

    def moment(self, name: str, rows: Int64) -> Int64:
        """When some rows start or end, in Unix milliseconds."""
        return np.asarray(self.at(name, rows) + self.hour_ms[self.batch[rows]])

    @cached_property
    def until(self) -> Int64:
        """The last moment at which anybody in each batch was in view, in Unix milliseconds; long ago for nobody."""
        return self._of_each("end", np.maximum, -(2**62))

    @cached_property
    def since(self) -> Int64:
        """From which moment on, and in a far future for nobody."""
        return self._of_each("start", np.minimum, 2**62)

    def _of_each(self, name: str, most: np.ufunc, nobody: int) -> Int64:
        of_each = np.full(len(self.batches), nobody, np.int64)
        some = np.flatnonzero(self.stacked.sizes)
        if len(some):
            of_each[some] = most.reduceat(self.column(name), self.stacked.begins[some]) + self.hour_ms[some]
        return of_each

    @cached_property
    def boots(self) -> Int64:
        """A number for the node and boot of each batch."""
        of = ((one.columns.node, one.columns.boot) for one in self.batches)
        return np.array([self.known.setdefault(name, len(self.known)) for name in of], np.int64)

    @cached_property
    def kinds(self) -> list[tuple[int, str]]:
        """Epoch and model of each batch's faces: codes of one kind can be compared."""
        return [(one.columns.epoch.hour, one.models.get(Modality.FACE.value, "")) for one in self.batches]

    @cached_property
    def key(self) -> Int64:
        return np.asarray(np.repeat(self.boots << _NUMBER_BITS, self.stacked.sizes) | self.column("number"))

    @cached_property
    def _by_key(self) -> tuple[Int64, Int64]:
        order = np.argsort(self.key, kind="stable")
        return order, self.key[order]

    def rows_of(self, keys: Int64, case: Int64) -> Int64:
        """The last row with each key among the batches that opened for its case; -1 where there is none."""
        order, ordered = self._by_key
        at, first = (np.searchsorted(ordered, keys, side) for side in ("right", "left"))
        row = np.full(len(keys), -1, np.int64)
        left = np.flatnonzero(at > first)
        while len(left):
            at[left] -= 1
            found = order[at[left]]
            seen = self.cases[self.batch[found]] >> case[left] & 1 == 1
            row[left[seen]] = found[seen]
            left = left[~seen & (at[left] > first[left])]
        return row


@dataclass(frozen=True, slots=True, eq=False)
class Meetings:
    """Who met whom, a row each: the place of the hit, the partner's key, and the encounter int64 [n, 9] without its
    two numbers; those of a hit stand together, in order of time and number, and none twice."""

    hit: Int64
    partner: Int64
    facts: Int64

    def __len__(self) -> int:
        return len(self.hit)


def met(held: Held, rows: Int64, case: Int64, windows: Int64) -> Meetings:
    """Whom the hits at these rows met within the window int64 [cases, 2] of their case."""
    told, counts, broken = told_of([one.columns.unread for one in held.batches])
    held.broken.update(broken)
    batch = np.repeat(np.arange(len(counts)), counts)
    line, side = _perhaps(told, held.at("number", rows))
    boot, numbers = held.boots[batch[line]] << _NUMBER_BITS, told.view(np.uint32)
    ours, theirs = boot | numbers[line, side], boot | numbers[line, 1 - side]
    keys = held.key[rows]
    order = np.argsort(keys, kind="stable")
    first, last = (np.searchsorted(keys[order], ours, end) for end in ("left", "right"))
    many = last - first
    named = np.repeat(np.arange(len(line)), many)
    hit = order[np.repeat(first - (np.cumsum(many) - many), many) + np.arange(many.sum())]
    at = line[named]
    of, facts = case[hit], numbers_of(told[at])[:, 2:]
    facts[:, :2] += held.hour_ms[batch[at], None]
    kept = (facts[:, 0] < windows[of, 1]) & (facts[:, 1] >= windows[of, 0]) & (held.cases[batch[at]] >> of & 1 == 1)
    return _each_once(Meetings(hit[kept], theirs[named[kept]], facts[kept]))


def _perhaps(told: Told, numbers: npt.NDArray[np.uint32]) -> tuple[Int64, Int64]:
    """Encounters that may name one of these numbers, and whether as their first or second: those whose lowest bits some
    number has. Most of a city's name nobody who was found, and looking each up would take longer than all the rest."""
    has = np.zeros(2**16, np.bool_)
    has[numbers & (2**16 - 1)] = True
    line, side = np.nonzero(has[told[:, :2].view(np.uint16)[:, ::2]])
    return line.astype(np.int64, copy=False), side.astype(np.int64, copy=False)


def _each_once(some: Meetings) -> Meetings:
    # Times and then numbers: two encounters that are the same stand beside each other.
    columns = [*some.facts.T[::-1], some.partner, some.facts[:, 0], some.hit]
    order = np.lexsort(columns)
    inside = Meetings(some.hit[order], some.partner[order], some.facts[order])
    new = np.ones(len(order), np.bool_)
    again = (inside.hit[1:] == inside.hit[:-1]) & (inside.partner[1:] == inside.partner[:-1])
    new[1:] = ~(again & (inside.facts[1:] == inside.facts[:-1]).all(axis=1))
    return inside if new.all() else Meetings(inside.hit[new], inside.partner[new], inside.facts[new])
