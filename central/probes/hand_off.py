"""A confirmed sighting's clothes, on their way from a search worker to the probe service, and what becomes of them.

A code means something under the key of its epoch only. The probe service, which has that key by the case's release,
turns the code back into an approximate embedding and encodes it again for neighbouring epochs. So clothes carry a route
through cameras that see no face, and there is no key for the clothes of a whole city.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from central.authority.released import CombinedShares
from central.probes.probe_sets import ProbeColumns, at
from central.probes.transform import encode_quantised
from shared.codes import APPEARANCE_BITS, Float32, decode, encode, quantise
from shared.epochs import Epoch, Modality, code_key
from shared.errors import BadRelease, CairnError, ReleaseRefused
from shared.face_mask import FaceMask
from shared.ids import check_id
from shared.keys import open_sealed, seal_to
from shared.sightings import parse_sighting_id
from shared.wire import as_bytes, pack, unpack

# A sighting's clothes are looked for within half an hour of it, so in its own hour and the two beside it.
NEIGHBOURING_HOURS = 1
MOST_SIGHTINGS = 64
_TRIALS = 16


class HandOffRefused(ReleaseRefused):
    """Clothes were to be handed on that nobody released, from or to another epoch, or by nobody's worker."""


@dataclass(frozen=True, slots=True)
class Clothes:
    """The appearance code of one confirmed sighting, of the epoch under whose key it was made."""

    sighting: str
    epoch: Epoch
    model: str
    code: bytes = field(repr=False)


Targets = Mapping[str, Sequence[Epoch]]  # by sighting: the epochs in which its clothes are to be looked for


def seal_clothes(
    case: str, ticket: bytes, worker: bytes, clothes: Iterable[Clothes], probe_service: X25519PublicKey
) -> bytes:
    """What a worker says at most: codes of confirmed sightings, to the probe service alone.

    `ticket` came with the worker's probes and shows that this worker was given them; `worker` is its raw public key.
    """
    rows = [[one.sighting, one.epoch.cell, one.epoch.hour, one.model, one.code] for one in clothes]
    return seal_to(probe_service, _info(case), pack({"ticket": ticket, "worker": worker, "clothes": rows}))


def open_clothes(case: str, sealed: bytes, private: X25519PrivateKey) -> tuple[bytes, bytes, tuple[Clothes, ...]]:
    """The ticket, the worker's key, and the clothes. CannotOpen for another case, HandOffRefused for anything else."""
    document = unpack(open_sealed(private, _info(case), sealed), BadRelease, "a hand-off")
    try:
        clothes = tuple(_clothes(row) for row in document["clothes"])
        return as_bytes(document["ticket"]), as_bytes(document["worker"]), clothes
    except (KeyError, TypeError, ValueError, CairnError):
        raise HandOffRefused("a hand-off is malformed", hint="compare versions") from None


def targets_to_bytes(targets: Targets) -> bytes:
    """Cells once, and by sighting and hour their places among them, two bytes each."""
    cells = sorted({epoch.cell for epochs in targets.values() for epoch in epochs})
    place = {cell: number for number, cell in enumerate(cells)}
    of: dict[str, dict[int, bytes]] = {}
    for sighting, epochs in targets.items():
        hours: dict[int, list[int]] = defaultdict(list)
        for epoch in epochs:
            hours[epoch.hour].append(place[epoch.cell])
        of[sighting] = {hour: np.array(places, "<u2").tobytes() for hour, places in hours.items()}
    return pack({"cells": cells, "of": of})


def targets_from_bytes(raw: bytes) -> dict[str, list[Epoch]]:
    """The inverse of targets_to_bytes; HandOffRefused for anything else."""
    document = unpack(raw, BadRelease, "the targets of a hand-off")
    try:
        cells = document["cells"]
        return {
            sighting: [
                Epoch(cells[place], hour) for hour, places in hours.items() for place in np.frombuffer(places, "<u2")
            ]
            for sighting, hours in document["of"].items()
        }
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, CairnError):
        raise HandOffRefused("the targets of a hand-off are malformed", hint="compare versions") from None


def check_targets(clothes: Sequence[Clothes], targets: Targets, shares: CombinedShares) -> None:
    """Raises HandOffRefused unless every epoch, from and to, was released, and those to are beside those from."""
    of = {one.sighting: one.epoch for one in clothes}
    if len(of) != len(clothes) or not 1 <= len(of) <= MOST_SIGHTINGS or not set(of) <= set(targets):
        raise HandOffRefused(
            "a hand-off does not fit what was asked", hint=f"hand on 1 to {MOST_SIGHTINGS} sightings, each once"
        )
    for sighting, epoch in of.items():
        if any(one not in shares for one in (epoch, *targets[sighting])):
            hint = "clothes are handed on within the case's own cells and hours only"
            raise HandOffRefused("a hand-off reaches outside what was released", hint=hint)
        if any(abs(one.hour - epoch.hour) > NEIGHBOURING_HOURS for one in targets[sighting]):
            raise HandOffRefused("a hand-off reaches too far in time", hint="hand on to neighbouring hours only")


def handed_on(
    clothes: Sequence[Clothes], targets: Targets, shares: CombinedShares, dimensions: int
) -> list[ProbeColumns]:
    """Probes of all targets, clothes of one model. Sightings with a target in common are fused for it.

    In a sighting's own epoch its code is looked for as it is.
    """
    sources: dict[Epoch, list[int]] = defaultdict(list)
    for number, one in enumerate(clothes):
        for epoch in targets[one.sighting]:
            sources[epoch].append(number)
    decoded = [decoded_clothes(one, shares, dimensions) for one in clothes]
    groups: dict[tuple[int, ...], list[Epoch]] = defaultdict(list)
    own: dict[Epoch, np.ndarray] = {}
    for epoch, numbers in sources.items():
        same = [number for number in numbers if clothes[number].epoch == epoch]
        if same:
            own[epoch] = np.frombuffer(clothes[same[0]].code, np.uint8)
        else:
            groups[tuple(numbers)].append(epoch)
    by_fidelity: dict[float, dict[Epoch, np.ndarray]] = defaultdict(dict)
    by_fidelity[1.0] = own
    for together, epochs in groups.items():
        x = _mean([decoded[number] for number in together])
        keys = [code_key(shares[epoch], Modality.APPEARANCE, clothes[0].model, epoch) for epoch in epochs]
        codes = encode_quantised(quantise(x), keys, APPEARANCE_BITS)[:, 0]
        by_fidelity[fidelity(x, len(together))] |= zip(epochs, codes, strict=True)
    return [_columns(clothes[0].model, codes, kept) for kept, codes in sorted(by_fidelity.items()) if codes]


def decoded_clothes(clothes: Clothes, shares: CombinedShares, dimensions: int) -> Float32:
    """The approximate embedding [1, d] behind a code."""
    key = code_key(shares[clothes.epoch], Modality.APPEARANCE, clothes.model, clothes.epoch)
    return decode(np.frombuffer(clothes.code, np.uint8)[None], key, dimensions)


def fidelity(x: Float32, sightings: int) -> float:
    """The cosine between an embedding like x [1, d] and what is decoded from its codes in so many epochs, to 0.01.

    Tried on x itself under keys made for it: what is lost depends on lengths, hardly on the embedding.
    """
    keys = [bytes([trial, number]) * 16 for trial in range(_TRIALS) for number in range(sightings)]
    back = np.concatenate([decode(encode(x, key, APPEARANCE_BITS), key, x.shape[1]) for key in keys])
    fused = back.reshape(_TRIALS, sightings, -1).sum(axis=1)
    cosines = fused @ x[0] / (np.linalg.norm(fused, axis=1) * np.linalg.norm(x))
    return float(np.clip(np.round(cosines.mean(), 2), 0.01, 1.0))


def _mean(decoded: Sequence[Float32]) -> Float32:
    total = np.sum(decoded, axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), np.float32)


def _columns(model: str, codes: Mapping[Epoch, np.ndarray], kept: float) -> ProbeColumns:
    epochs = sorted(codes)
    cells = tuple(sorted({epoch.cell for epoch in epochs}))
    place = {cell: number for number, cell in enumerate(cells)}
    places = np.array([at(place[epoch.cell], epoch.hour) for epoch in epochs], np.int64)
    rows = np.stack([codes[epoch] for epoch in epochs])[:, None]
    return ProbeColumns(Modality.APPEARANCE, model, (FaceMask.UNKNOWN,), cells, places, rows, kept)


def _clothes(row: list[Any]) -> Clothes:
    sighting, cell, hour, model, code = row
    parse_sighting_id(sighting)
    if type(code) is not bytes or len(code) * 8 != APPEARANCE_BITS:
        raise ValueError
    return Clothes(sighting, Epoch(cell, hour), check_id(model, "model"), code)


def _info(case: str) -> bytes:
    return f"cairn/v1 hand-off {check_id(case, 'case')}".encode()
