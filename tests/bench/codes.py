"""How many probe codes the probe service makes in a second: keys derived, codes made, sets built, one core."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from central.probes.service import face_probes
from central.probes.templates import Template
from shared.codes import FACE_BITS, encode_quantised
from shared.epochs import Epoch
from shared.face_mask import FaceMask
from tests.bench.clock import best_of
from tests.bench.rows import NOISE, Row, Say

EPOCHS, FACES, ROUNDS = 1_000, 5, 5


def measure(say: Say) -> list[Row]:
    rng = np.random.default_rng(1)
    faces = rng.integers(-127, 128, (FACES, 192)).astype(np.int8)
    template = Template("mfn192-int8-1", 5, faces, (FaceMask.ABSENT,) * FACES)
    shares: dict[Epoch, tuple[bytes, ...]] = {
        Epoch("cell-1", hour): (rng.bytes(32), rng.bytes(32)) for hour in range(EPOCHS)
    }
    keys = [rng.bytes(32) for _ in range(EPOCHS)]
    assert (by_butterflies(faces, keys[:3]) == encode_quantised(faces, keys[:3], FACE_BITS)).all()
    say(f"{FACES} faces under {EPOCHS} keys")
    took = best_of(
        {
            "service": lambda: face_probes(template, shares),
            "ours": lambda: encode_quantised(faces, keys, FACE_BITS),
            "butterflies": lambda: by_butterflies(faces, keys),
        },
        ROUNDS,
    )
    per_s = {name: EPOCHS * FACES / seconds for name, seconds in took.items()}
    setting = f"{FACES} faces a key, 1,024 bits, one core"
    return [
        Row("privacy.probe_codes_per_s", per_s["service"], "codes/s", f"{setting}; with key derivation. {NOISE}"),
        Row(
            "codes.transform_per_s",
            per_s["ours"],
            "codes/s",
            f"{setting}; the transform alone, beside sums and differences in int32. {NOISE}",
            peers={"butterflies": per_s["butterflies"]},
        ),
    ]


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
