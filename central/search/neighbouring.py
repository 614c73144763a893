"""The batches of some epochs only, in the order that a search relies on: cell by cell, hours in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from central.batches.store import BatchStore
from shared.batches import Raw
from shared.epochs import Epoch
from shared.releases import CaseScope

Runs = tuple[tuple[int, int], ...]  # first and last hour of each


def batches_of(store: BatchStore, scope: CaseScope, epochs: Iterable[Epoch]) -> Iterator[Raw]:
    """Asks the store for runs of hours; cells that have one and the same run are asked for together."""
    hours: dict[str, list[int]] = defaultdict(list)
    for epoch in sorted(set(epochs)):
        hours[epoch.cell].append(epoch.hour)
    alike: dict[Runs, list[str]] = defaultdict(list)
    for cell, of_cell in hours.items():
        alike[_runs(of_cell)].append(cell)
    for runs, cells in alike.items():
        # Of several runs each cell must come with all of its own before the next one begins.
        groups = [cells] if len(runs) == 1 else [[cell] for cell in cells]
        for group in groups:
            for first, last in runs:
                start, end = Epoch(group[0], first).start, Epoch(group[0], last).end
                yield from store.in_scope(replace(scope, cells=tuple(group), start=start, end=end))


def _runs(hours: list[int]) -> Runs:
    runs = [[hours[0], hours[0]]]
    for hour in hours[1:]:
        if hour == runs[-1][1] + 1:
            runs[-1][1] = hour
        else:
            runs.append([hour, hour])
    return tuple((first, last) for first, last in runs)
