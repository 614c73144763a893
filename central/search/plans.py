"""What is to be done with the batches of one epoch, for the cases in whose scope it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from central.probes.probe_sets import ProbeSet
from central.search.candidates import MODALITIES
from central.search.kernel import Int32, UInt8, distances
from central.search.opened import Int64, Near, Opened
from central.search.opened_job import Search
from central.search.scan import codes_of, fitting, present, reach
from shared.batches import SealedBatch, open_batch, opener
from shared.epochs import SHARE_BYTES, Epoch, Modality, seal_key
from shared.face_mask import FaceMask

_KINDS = np.array(sorted(FaceMask), np.uint8)


@dataclass(slots=True)
class Compared:
    """Probes of all cases that one model made, in one array, so that a batch's codes are counted once: `codes`
    uint8[m, b], and for each how far it reaches, whose it is, which face masks it fits, and its fidelity."""

    modality: Modality
    codes: UInt8 = field(repr=False)
    reaches: Int32
    case: Int64
    fits: Int64
    fidelity: np.ndarray[tuple[int], np.dtype[np.float64]]
    others: Sequence[int]  # cases whose probes another model made than these batches' codes

    def near(self, batches: Sequence[Opened]) -> Near | None:
        """What lies within reach in batches of one epoch and model; None for nothing."""
        if not len(self.codes):
            return None
        parts = [codes_of(one.columns, self.modality) for one in batches]
        counted = distances(parts[0] if len(parts) == 1 else np.concatenate(parts), self.codes)
        place = np.flatnonzero(counted <= self.reaches[:, None])
        if not len(place):
            return None
        probe, row = np.divmod(place, counted.shape[1])
        kind, bits = MODALITIES.index(self.modality), self.codes.shape[1] * 8
        same = np.full(len(place), kind), np.full(len(place), bits)
        far = counted.ravel()[place].astype(np.int64)
        return Near(row, self.case[probe], far, self.fits[probe], *same, self.fidelity[probe])

    def passed_over(self, one: Opened) -> bool:
        """Whether codes were not compared for some case, as another model made them."""
        return bool(self.others) and bool(present(one.columns, self.modality).any())


class Plan:
    """`groups` are the cases by the shares that they hold of the epoch, nearly always all of them alike; `outside` are
    those that hold none. `radius` is in bits, by place and modality."""

    def __init__(self, works: Sequence[Search], cases: int, epoch: Epoch, radius: Int64) -> None:
        self.cases, self.epoch, self.outside = cases, epoch, 0
        self.groups: dict[bytes, int] = {}
        self._radius, self._openers = radius, dict[tuple[str, int], AESGCM]()
        self._probes: dict[int, list[ProbeSet]] = {}
        self._compared: dict[tuple[int, tuple[tuple[str, str], ...]], list[Compared]] = {}
        for case, work in enumerate(works):
            if not cases >> case & 1:
                continue
            shares = work.shares.joined(epoch)
            if not shares:
                self.outside |= 1 << case
                continue
            self.groups[shares] = self.groups.get(shares, 0) | 1 << case
            self._probes[case] = work.probes.of(epoch)

    def opened(self, index: int, batch: SealedBatch, shares: bytes, cases: int) -> Opened:
        node = batch.header.node
        key = self._openers.get((node, cases))
        if key is None:
            each = [shares[at : at + SHARE_BYTES] for at in range(0, len(shares), SHARE_BYTES)]
            key = self._openers[node, cases] = opener(seal_key(each, node, self.epoch))
        return Opened(index, open_batch(batch, key), batch.header.models, cases)

    def compared(self, opened: Opened) -> list[Compared]:
        key = opened.cases, tuple(opened.models.items())
        if key not in self._compared:
            self._compared[key] = [self._together(opened, modality) for modality in MODALITIES]
        return self._compared[key]

    def _together(self, opened: Opened, modality: Modality) -> Compared:
        made_by = opened.models.get(modality.value)
        asked = [
            (case, probe)
            for case, probes in self._probes.items()
            for probe in probes
            if opened.cases >> case & 1 and probe.modality is modality and len(probe.codes)
        ]
        of = [(case, probe) for case, probe in asked if probe.model == made_by]
        sizes = [len(probe.codes) for _, probe in of]
        return Compared(
            modality,
            np.concatenate([probe.codes for _, probe in of]) if of else np.empty((0, 0), np.uint8),
            np.repeat([self._reach(case, probe) for case, probe in of], sizes).astype(np.int32),
            np.repeat([case for case, _ in of], sizes).astype(np.int64),
            np.concatenate([_fits(probe) for _, probe in of]) if of else np.empty(0, np.int64),
            np.repeat([probe.fidelity for _, probe in of], sizes),
            [case for case, probe in asked if probe.model != made_by],
        )

    def _reach(self, case: int, probe: ProbeSet) -> int:
        return reach(probe, int(self._radius[case, MODALITIES.index(probe.modality)]))


def _fits(probe: ProbeSet) -> Int64:
    """For each of a set's codes the face masks that it suits: bit k is mask k."""
    return np.asarray((fitting(_KINDS, probe).T.astype(np.int64) << _KINDS.astype(np.int64)).sum(axis=1))
