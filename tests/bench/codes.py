"""What probes cost: keys derived, codes made and joined, for one patient and for ten who ask together; and what coding
clothes twice costs, when they are handed on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import process_time

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from central.authority.released import CombinedShares, ShareGrid
from central.probes import transform
from central.probes.hand_off import fidelity
from central.probes.making import Wanted, make
from shared.codes import APPEARANCE_BITS, FACE_BITS, decode, encode, encode_quantised
from shared.epochs import Modality
from shared.face_mask import FaceMask
from shared.templates import FACE_ROWS
from tests.bench.clock import best_of
from tests.bench.rows import NOISE, Row, Say

# A template holds a bare and a masked row; a city has 676 cells, a fortnight 336 hours.
ROWS, ROUNDS, PATIENTS = 2, 3, 10
CELLS, CITY, HOURS = 8, 676, 336
PEOPLE = 200


def measure(say: Say) -> list[Row]:
    say(f"{ROWS} rows a patient under {CELLS * HOURS} keys, for 1 and for {PATIENTS} patients")
    shares = CombinedShares([_grid(1), _grid(2)])
    patients = [_wanted(number, Modality.FACE, "mfn192-int8-1", 192, ROWS, shares) for number in range(PATIENTS)]
    worn = [_wanted(number, Modality.APPEARANCE, "mnv2-stripes-1", 640, 1, shares) for number in range(PATIENTS)]
    took = best_of(
        {
            "one": lambda: make(patients[:1]),
            "ten": lambda: make(patients),
            "ten, each alone": lambda: [make([one]) for one in patients],
            "ten, clothes too": lambda: make([*patients, *worn]),
        },
        ROUNDS,
    )
    full = {name: seconds * CITY / CELLS for name, seconds in took.items()}
    cores = len(os.sched_getaffinity(0))
    setting = f"{CELLS} of {CITY} cells, {HOURS} hours, extrapolated; with key derivation, {cores} cores. {NOISE}"
    return [
        Row(
            "privacy.probe_codes_per_s",
            ROWS * CELLS * HOURS / took["one"],
            "codes/s",
            f"one patient, {ROWS} rows a key, 1,024 bits, {cores} cores; with key derivation. {NOISE}",
            peers={"ten together": PATIENTS * ROWS * CELLS * HOURS / took["ten"]},
        ),
        Row("codes.city_seconds_one", full["one"], "s", f"probes of one patient: {setting}"),
        Row(
            "codes.city_seconds_ten",
            full["ten"],
            "s",
            f"probes of {PATIENTS} patients asked for together: {setting}",
            peers={"each alone": full["ten, each alone"], "with clothes": full["ten, clothes too"]},
        ),
        Row("codes.city_cpu_seconds_ten", _cpu_s(patients) * CITY / CELLS, "s", f"the same, processor time: {setting}"),
        *_transform(say),
        *_handed_on(say),
    ]


def _cpu_s(patients: Sequence[Wanted]) -> float:
    """Seconds of all cores together: what other programs on the machine hardly change."""
    began = process_time()
    make(patients)
    return process_time() - began


def _transform(say: Say) -> list[Row]:
    rng = np.random.default_rng(1)
    faces = rng.integers(-127, 128, (ROWS * PATIENTS, 192)).astype(np.int8)
    keys = [rng.bytes(32) for _ in range(300)]
    for kind in (transform.encode_quantised, encode_quantised):
        assert (by_butterflies(faces, keys[:3]) == kind(faces, keys[:3], FACE_BITS)).all()
    say(f"the transform alone, {len(faces)} rows under {len(keys)} keys, one core")
    took = best_of(
        {
            "ours": lambda: transform.encode_quantised(faces, keys, FACE_BITS),
            "numpy": lambda: encode_quantised(faces, keys, FACE_BITS),
            "butterflies": lambda: by_butterflies(faces, keys),
        },
        ROUNDS,
    )
    per_s = {name: len(keys) * len(faces) / seconds for name, seconds in took.items()}
    compiled = "compiled" if transform.built(transform.BUILT) else "not compiled here, so numpy's"
    what = (
        f"{len(faces)} rows a key, 1,024 bits, one core; the centre's, {compiled}; beside the box's, which is numpy, "
        f"and sums and differences in int32. {NOISE}"
    )
    return [Row("codes.transform_per_s", per_s.pop("ours"), "codes/s", what, peers=per_s)]


def _handed_on(say: Say) -> list[Row]:
    """What is left of a cosine when clothes are decoded and encoded again: 1 is all of it."""
    say(f"the clothes of {PEOPLE} simulated people, coded once and handed on")
    rng = np.random.default_rng(2)
    x = rng.standard_normal((PEOPLE, 640)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    rows = []
    for sightings in (1, 3):
        keys = [rng.bytes(32) for _ in range(sightings)]
        back = np.sum([decode(encode(x, key, APPEARANCE_BITS), key, 640) for key in keys], axis=0)
        back /= np.linalg.norm(back, axis=1, keepdims=True)
        left = float((back * x).sum(axis=1).mean())
        note = f"cosine of clothes before and after, decoded from {sightings} sighting(s), 640 dimensions, 512 bits"
        peers = {"as the probe service says": fidelity(x[:1], sightings)}
        rows.append(Row(f"codes.handed_on_cosine_{sightings}", left, "", note, peers=peers))
    return rows


def _grid(seed: int) -> ShareGrid:
    cells, hours = tuple(f"cell-{n:04d}" for n in range(CELLS)), tuple(range(490_000, 490_000 + HOURS))
    array = np.random.default_rng(seed).integers(0, 256, (CELLS, HOURS, 32), np.uint8)
    return ShareGrid(cells, hours, array)


def _wanted(seed: int, modality: Modality, model: str, d: int, rows: int, shares: CombinedShares) -> Wanted:
    x = np.random.default_rng(seed).integers(-127, 128, (rows, d)).astype(np.int8)
    masks = FACE_ROWS if modality is Modality.FACE else (FaceMask.UNKNOWN,)
    return Wanted(modality, model, x, masks, shares)


def by_butterflies(x: npt.NDArray[np.int8], keys: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    """The same codes by the textbook: a cipher a block, and eight rounds of sums and differences in int32."""
    codes = []
    for at in range(0, len(keys), 64):
        signs = np.stack([_signs(key) for key in keys[at : at + 64]])
        y = np.broadcast_to(np.pad(x.astype(np.int32), ((0, 0), (0, 64))), (len(signs), 4, len(x), 256))
        for r in range(3):
            y = y * signs[:, :, r, None, :]
            h = 1
            while h < 256:
                pairs = y.reshape(*y.shape[:3], 256 // (2 * h), 2, h)
                left, right = pairs[..., 0, :], pairs[..., 1, :]
                y = np.stack([left + right, left - right], axis=-2).reshape(y.shape)
                h *= 2
        codes.append(np.packbits(np.moveaxis(y, 1, 2).reshape(len(signs), len(x), -1) >= 0, axis=2))
    return np.concatenate(codes)


def _signs(key: bytes) -> npt.NDArray[np.int32]:
    streams = []
    for block in range(4):
        cipher = Cipher(ChaCha20(key, bytes(4) + block.to_bytes(12, "little")), mode=None)
        streams.append(np.frombuffer(cipher.encryptor().update(bytes(96)), np.uint8))
    return np.asarray(1 - 2 * np.unpackbits(np.stack(streams), axis=1).astype(np.int32)).reshape(4, 3, 256)
