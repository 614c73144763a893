"""Distances of codes of people in public photos, fitted: `python -m tests.calibration.measure --out FILE`.

Faces: each photo is a template (bare, and with the mask that registration draws) and a walker past a street camera.
Clothes: pictures of people from two cameras. Only the parameters of the fitted laws are written.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from edge.calibrate.appearance import GALLERY, QUERY, Seen, compare, listed
from edge.model_vision import ModelVision
from edge.models.appearance_embedder import MODEL
from edge.vision import MODELS
from shared.calibration.curves import Band, Calibration
from shared.calibration.files import calibration_to_map
from shared.calibration.laws import Curve, fit
from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.epochs import Modality
from shared.face_mask import FaceMask
from tests.calibration.faces import Faces, Floats, embed_faces
from tests.calibration.pairs import Distances, Pairs, between

DATA = Path(__file__).parents[3] / "shared" / "data"
LOWEST = (0.0, 0.25, 0.45)  # of the quality bands


def face_bands(faces: Faces) -> tuple[list[Band], float]:
    """Bands of faces: bare ones, masked ones with and without a masked template, and those of unknown state; and the
    spread of templates."""
    bare_to, worn_to = (
        [between(template, seen, FACE_BITS) for template in (faces.bare, faces.masked)]
        for seen in (faces.seen_bare, faces.seen_masked)
    )
    alone = np.concatenate([bare_to[0], worn_to[0]], axis=2)
    nearest = np.concatenate([np.minimum(*bare_to), np.minimum(*worn_to)], axis=2)
    quality = np.concatenate([faces.quality_bare, faces.quality_masked], axis=1)
    unclear = (FaceMask.INCORRECT, FaceMask.UNKNOWN)

    kinds: list[tuple[Distances, Floats, Sequence[FaceMask], bool]] = [
        (bare_to[0], faces.quality_bare, (FaceMask.ABSENT,), False),
        (worn_to[0], faces.quality_masked, (FaceMask.WORN,), False),
        (worn_to[1], faces.quality_masked, (FaceMask.WORN,), True),
        (alone, quality, unclear, False),
        (nearest, quality, unclear, True),
    ]
    pairs = [Pairs(faces.who, faces.who, distances) for distances, *_ in kinds]
    bands = [
        band
        for some, (_, seen, masks, masked) in zip(pairs, kinds, strict=True)
        for band in _bands(some, seen, masks, masked)
    ]
    return bands, float(np.mean([some.template_spread() for some in pairs]))


def clothes_bands(folder: Path) -> tuple[list[Band], float]:
    """One band of clothes: templates of one camera, sightings of the other."""
    asked, held = (Seen.of(listed(folder, camera), MODEL) for camera in (QUERY, GALLERY))
    distances = np.rint(-compare(asked, held)[1]).astype(np.int64)[:, :, None]
    pairs, everything = Pairs(asked.people, held.people, distances), np.ones((len(held.people), 1), np.bool_)
    law = fit(pairs.same(everything, most=None), pairs.other(everything), APPEARANCE_BITS, share=1e-2)
    band = Band(frozenset(FaceMask), 0.0, False, Curve(APPEARANCE_BITS, *law, *pairs.correlations()))
    return [band], pairs.template_spread()


def _bands(pairs: Pairs, quality: Floats, masks: Sequence[FaceMask], masked_template: bool) -> Iterator[Band]:
    correlations = pairs.correlations()
    for lowest, highest in zip(LOWEST, (*LOWEST[1:], 2.0), strict=True):
        inside = (quality >= lowest) & (quality < highest)
        curve = Curve(FACE_BITS, *fit(pairs.same(inside), pairs.other(inside), FACE_BITS), *correlations)
        yield Band(frozenset(masks), lowest, masked_template, curve)


def main() -> None:
    """Measure both modalities and write the calibration file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, default=DATA / "lfw_view1_test" / "images")
    parser.add_argument("--clothes", type=Path, default=DATA / "pku_reid")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    faces = embed_faces(sorted(arguments.faces.glob("*/*.jpg")), ModelVision.load())
    measured = {Modality.FACE: face_bands(faces), Modality.APPEARANCE: clothes_bands(arguments.clothes)}
    bands = {modality: found for modality, (found, _) in measured.items()}
    spread = {modality: round(bits, 1) for modality, (_, bits) in measured.items()}
    today = datetime.now(UTC).date().isoformat()
    models = {modality: MODELS[modality.value] for modality in Modality}
    about = " ".join((__doc__ or "").split())
    calibration = Calibration(f"public-photos-{today}", today, about, models, bands, spread)
    arguments.out.write_text(json.dumps(calibration_to_map(calibration), indent=1) + "\n")


if __name__ == "__main__":
    main()
