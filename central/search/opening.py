"""Opens the batches of some hours of one cell as they come, and compares them with the probes of each hour."""

from __future__ import annotations

from collections.abc import Sequence

from central.search.comparing import Comparing
from central.search.opened import Memory, Near, Opened
from central.search.plans import Group
from shared.batches import Stored, unsealed
from shared.columns import ColumnReader, not_known, senseless
from shared.epochs import Epoch
from shared.errors import BadBatch, CairnError


class OtherModel(BadBatch):
    """A batch's codes cannot be compared with the patient's template: another model made them."""


class Opening:
    """`failed` are positions in the stream, cases, and why these batches were not searched, or not wholly."""

    def __init__(self, memory: Memory, reader: ColumnReader) -> None:
        self._memory, self._reader = memory, reader
        self._epoch, self._now = Epoch("none", 0), list[tuple[Group, list[Opened]]]()
        self._runs: list[tuple[Group, list[Opened]]] = []
        self.failed: list[tuple[int, int, CairnError]] = []

    def begin(self, epoch: Epoch, groups: Sequence[Group]) -> None:
        """An hour, for cases of which those of a group hold the same shares of it."""
        self._epoch, self._now = epoch, [(group, []) for group in groups]
        self._runs += self._now

    def open(self, index: int, one: Stored) -> None:
        """A batch of that hour. Its bytes may be gone afterwards."""
        for group, run in self._now:
            try:
                plain = unsealed(one, group.cipher(one.node), self._memory.take)
                columns = self._reader.read(plain, one.people, one.node, one.boot, self._epoch)
            except CairnError as error:
                self.failed.append((index, group.cases, error))
                continue
            run.append(Opened(index, columns, one.models, group.cases))

    def compared(self) -> tuple[list[Opened], Near | None]:
        """All that were opened, hour by hour, and what lies near a probe, by its row among all of theirs."""
        self._leave_out_senseless()
        opened, comparing, first = list[Opened](), Comparing(), 0
        for group, run in self._runs:
            for alike in _by_model(run):
                for probes in group.compared(alike[0].models):
                    comparing.take(probes, alike, first)
                    if probes.others:
                        self._tell([one for one in alike if probes.passed_over(one)], probes.others, probes.modality)
                opened += alike
                first += sum(len(one.columns) for one in alike)
        return opened, comparing.near()

    def _leave_out_senseless(self) -> None:
        every = [one for _, run in self._runs for one in run]
        wrong = {id(every[place]) for place in senseless([one.columns for one in every])}
        if wrong:
            self.failed += [(one.index, one.cases, not_known()) for one in every if id(one) in wrong]
            self._runs = [(group, [one for one in run if id(one) not in wrong]) for group, run in self._runs]

    def _tell(self, passed_over: Sequence[Opened], cases: Sequence[int], modality: str) -> None:
        told = {index: told for index, told, error in self.failed if isinstance(error, OtherModel)}
        those = sum(1 << case for case in cases)
        for one in passed_over:
            fresh = those & ~told.get(one.index, 0)
            if fresh:
                hint = "register the patient on a box with that model, and search again"
                what = f"the box's {modality} codes were made with another model than the template"
                self.failed.append((one.index, fresh, OtherModel(what, hint=hint)))


def _by_model(run: Sequence[Opened]) -> list[list[Opened]]:
    """Nearly always one list, as a cell's boxes have the same models."""
    by_model: dict[tuple[tuple[str, str], ...], list[Opened]] = {}
    for one in run:
        by_model.setdefault(tuple(one.models.items()), []).append(one)
    return list(by_model.values())
