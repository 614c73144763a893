"""A whole search of two made-up batches, before a worker gives up its rights.

Libraries load parts of themselves at their first use, and afterwards nothing can be loaded any more. So everything that
a search does is done once before, with keys and codes that mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import numpy as np
import numpy.ma  # which numpy loads when isin or unique meets larger arrays than a rehearsal has
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.released import Recipient, ReleasedShares, ShareGrid, seal_released
from central.probes.probe_sets import ProbeColumns, Probes, seal_probes
from central.search.job import Event, Found, Job, event_from_bytes, event_to_bytes, job_from_bytes, job_to_bytes
from central.search.opened_job import Search, open_job
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, Raw, seal_batch
from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.epochs import Epoch, Modality, seal_key
from shared.errors import CairnError
from shared.face_mask import FaceMask
from shared.sightings import Encounter, Sighting
from shared.templates import FACE_ROWS

_CASE, _NODE, _MODEL = "rehearsal", "node", "model"
_HOURS = (480_000, 480_001)
_FACE, _CLOTHES = bytes(FACE_BITS // 8), bytes(APPEARANCE_BITS // 8)


def rehearse(search: Callable[[Search, Iterator[Raw]], Iterator[Event]]) -> None:
    """Run `search` on made-up batches, one of them nonsense, and hand the clothes of what it finds on."""
    key, service = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    public, named = key.public_key().public_bytes_raw(), service.public_key().public_bytes_raw()
    grid = ShareGrid(("cell",), _HOURS, np.zeros((1, len(_HOURS), 32), np.uint8))
    start, end = Epoch("cell", _HOURS[0]).start, Epoch("cell", _HOURS[-1]).end
    scopes = tuple(modality.value for modality in Modality)
    released = ReleasedShares("office", _CASE, Recipient.SEARCH, start, end, scopes, grid, (), named)
    probes = seal_probes(_CASE, Probes(_columns(), bytes(32)), key.public_key())
    job = Job(_CASE, {"office": seal_released(released, key.public_key())}, probes, hand_off=_MODEL)
    work = open_job(job_from_bytes(job_to_bytes(job)), key)
    batches = [_batch(0, _HOURS[0]), b"nonsense", _batch(1, _HOURS[1])]
    said = [event_from_bytes(event_to_bytes(event))[1] for event in search(work, iter(batches))]
    found = said[-1]
    if not isinstance(found, Found) or len(found.candidates) != 2 * 2 * len(_HOURS):
        raise CairnError("a search worker's rehearsal went wrong", hint="report this; nothing was searched")
    work.handed_off([found.candidates[0].sighting], public)


def _columns() -> list[ProbeColumns]:
    at, cells = np.array(_HOURS, np.int64), ("cell",)
    face = np.zeros((len(at), 2, FACE_BITS // 8), np.uint8)
    worn = np.zeros((len(at), 1, APPEARANCE_BITS // 8), np.uint8)
    return [
        ProbeColumns(Modality.FACE, _MODEL, FACE_ROWS, cells, at, face),
        ProbeColumns(Modality.APPEARANCE, _MODEL, (FaceMask.UNKNOWN,), cells, at, worn, 0.5),
    ]


def _batch(sequence: int, hour: int) -> bytes:
    """Two sightings that met each other."""
    epoch = Epoch("cell", hour)
    start = epoch.start + timedelta(minutes=1)
    end, first = start + timedelta(seconds=20), 2 * sequence
    sightings = [
        Sighting(number, "camera", start, end, _FACE, _CLOTHES, FaceMask.ABSENT, 1.0, 1.0, 1.0)
        for number in (first, first + 1)
    ]
    met = Encounter(first, first + 1, start, end, 1.0, 0.1)
    models = {modality.value: _MODEL for modality in Modality}
    header = Header(SCHEMA_VERSION, _NODE, 1, sequence, 1, "cell", hour, 0, models, 2, (0, 0, 2, 0))
    keys = BatchKeys(seal_key([bytes(32)], _NODE, epoch), Ed25519PrivateKey.generate())
    return seal_batch(header, sightings, [met], keys, sequence)
