"""What a code costs in recognition, and what it gives back to whoever holds its key."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.calibrate.curves import tar
from shared.codes import FACE_BITS, decode, encode
from tests.bench.privacy_people import Floats, Names, People, Photos, signs
from tests.bench.rows import Goal, Row

FAR, KEYS, KEYS_MASKED, LOSS = 1e-3, 8, 64, 0.03


def recognition(photos: Photos, rng: np.random.Generator) -> list[Row]:
    """TAR at FAR 1e-3 of floats and of codes, bare and masked."""
    who, faces = photos.people.who, photos.people.faces
    by_float = _bare(photos, _among(who, photos.by_float_model @ photos.by_float_model.T))
    by_int8 = _bare(photos, _among(who, faces @ faces.T))
    coded = _bare(photos, _over_keys(rng, lambda key: _among(who, _itself(signs(faces, key)))))
    masked, seen, names = photos.masked_templates, photos.seen_masked, photos.who_masked
    masked_float = _across(names, masked @ seen.T)
    masked_coded = _over_keys(rng, lambda key: _across(names, signs(masked, key) @ signs(seen, key).T), KEYS_MASKED)
    pairs = f"every pair of {photos.people.about} at FAR 1e-3; a photo without a face found counts as a miss"
    worn = (
        f"{len(names)} of them: templates of faces bare and with drawn masks, against a street camera's "
        f"three shots with another mask; a code of 1,024 bits under {KEYS_MASKED} keys"
    )
    return [
        Row("privacy.tar_float", by_float, "", f"cosine of the float model; {pairs}", peers={"int8 model": by_int8}),
        Row(
            "privacy.tar_code",
            coded,
            "",
            f"codes of 1,024 bits of the int8 model, mean over {KEYS} keys; {pairs}",
            Goal("≥", round(by_float - LOSS, 4)),
            {"float": by_float, "int8 model": by_int8},
        ),
        Row(
            "privacy.tar_code_masked",
            masked_coded,
            "",
            worn,
            Goal("≥", round(masked_float - LOSS, 4)),
            {"int8 model": masked_float},
        ),
    ]


def inversion(people: People, rng: np.random.Generator) -> Row:
    """With its key, a code is nearly the embedding: why it is treated as biometric data."""
    key, faces = rng.bytes(32), people.faces
    back = decode(encode(faces, key, FACE_BITS), key, faces.shape[1])
    cosines = (faces * back).sum(axis=1)
    low, high = np.quantile(cosines, [0.05, 0.95])
    note = (
        f"cosine of an embedding with what the key's holder makes of its code, mean; 5 and 95 in 100: {low:.3f} and "
        f"{high:.3f}; {people.about}. No goal: it says that a code is biometric data"
    )
    return Row("privacy.inversion_cosine", float(cosines.mean()), "", note)


def _bare(photos: Photos, found: float) -> float:
    # Both photos of a pair must show a face that is found.
    return found * (1 - photos.lost) ** 2


def _over_keys(rng: np.random.Generator, figure: Callable[[bytes], float], keys: int = KEYS) -> float:
    return float(np.mean([figure(rng.bytes(32)) for _ in range(keys)]))


def _itself(codes: Floats) -> Floats:
    return codes @ codes.T


def _among(who: Names, scores: Floats) -> float:
    """TAR of all pairs among n pictures."""
    pairs = np.triu_indices(len(who), 1)
    return tar(scores[pairs], (who[:, None] == who[None])[pairs], FAR)


def _across(who: Names, scores: Floats) -> float:
    """TAR of templates against sightings; a template is not compared with a sighting made from its own picture."""
    apart = ~np.eye(len(who), dtype=np.bool_)
    return tar(scores[apart], (who[:, None] == who[None])[apart], FAR)
