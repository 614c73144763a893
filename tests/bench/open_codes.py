"""A sealed city's codes without their seals, for those whom a search is measured beside, and numpy's search of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.released import Recipient, combined, open_released
from central.probes.probe_sets import open_probes
from central.search.job import DEFAULT_RADIUS
from shared.batches import open_batch, read_batch
from shared.epochs import Epoch, Modality, seal_key
from shared.releases import release_to_bytes
from tests.bench.sealed_city import CASES, PICTURES, SealedCity

Codes = dict[Epoch, npt.NDArray[np.uint64]]


def open_codes(city: SealedCity, cells: int) -> tuple[Codes, dict[Epoch, npt.NDArray[np.uint64]]]:
    """Every face code of each epoch of the first cells, and all patients' probes there."""
    key, offices = X25519PrivateKey.generate(), city.parts(cells)
    sets: dict[Epoch, list[npt.NDArray[np.uint8]]] = {}
    for case in CASES:
        raw = release_to_bytes(city.release(cells, case))
        for columns in open_probes(case, offices.probes.probes(raw, key.public_key()), key).columns:
            for one in columns.sets():
                sets.setdefault(one.epoch, []).append(one.codes)
    public = key.public_key().public_bytes_raw()
    asked = {one.name: one.release(raw, Recipient.SEARCH, public) for one in offices.authorities}
    shares = combined({name: open_released(key, one, name, case, Recipient.SEARCH) for name, one in asked.items()})
    parts: dict[Epoch, list[npt.NDArray[np.uint8]]] = {}
    for sealed in city.store.in_scope(city.release(cells).scope):
        batch = read_batch(bytes(sealed))
        epoch = batch.header.epoch
        opened = open_batch(batch, seal_key(shares[epoch], batch.header.node, epoch))
        parts.setdefault(epoch, []).append(opened.face)
    return _words(parts), _words(sets)


def _words(parts: dict[Epoch, list[npt.NDArray[np.uint8]]]) -> Codes:
    return {epoch: np.concatenate(some).view(np.uint64) for epoch, some in parts.items()}


def by_numpy(codes: Codes, probes: Codes) -> int:
    """How many codes lie within the radius of each of the patients' probes, two rows a patient."""
    hits, radius = 0, DEFAULT_RADIUS[Modality.FACE]
    for epoch, words in codes.items():
        rows = probes[epoch]
        for at in range(0, len(rows), PICTURES):
            nearest = np.full(len(words), 1025)
            for probe in rows[at : at + PICTURES]:
                np.minimum(nearest, np.bitwise_count(words ^ probe).sum(axis=1, dtype=np.int32), out=nearest)
            hits += int((nearest <= radius).sum())
    return hits
