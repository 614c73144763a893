"""A consenting patient's template: pictures in, a sealed template out; the pictures and the floats end here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from edge.full_length import appearance_row
from edge.registered_photos import CannotRegister, Contradiction, bare_faces
from edge.vision import MODELS, Floats, TemplateVision, fuse
from shared.codes import quantise
from shared.ids import check_id
from shared.releases import MAX_PHOTOS
from shared.templates import AppearancePart, FacePart, Template, seal_template


def register(
    photos: Sequence[Path],
    case: str,
    probe_key: X25519PublicKey,
    vision: TemplateVision,
    full_length: Path | None = None,
) -> bytes:
    """The template of one case, sealed to the probe service. Raises CannotRegister kinds.

    Photos give one bare face, int8 [192], and one that is half with a face mask, for a patient who wore one in the
    street; the full-length picture gives the clothes, int8 [640]. Either may be left out.
    """
    check_id(case, "case")
    if not (1 if full_length is None else 0) <= len(photos) <= MAX_PHOTOS:
        hint = f"give 1 to {MAX_PHOTOS}, or a full-length picture alone"
        raise CannotRegister(f"{len(photos)} photos were given", hint=hint)
    face, bare = _face(photos, vision) if photos else (None, None)
    worn = None
    if full_length is not None:
        worn = AppearancePart(MODELS["appearance"], quantise(appearance_row(full_length, vision, bare)[None])[0])
    return seal_template(Template(len(photos), face, worn), case, probe_key)


def _face(photos: Sequence[Path], vision: TemplateVision) -> tuple[FacePart, Floats]:
    shots = bare_faces(photos, vision)
    weights = [shot.quality for shot in shots]
    bare = fuse([vision.embed_face(shot) for shot in shots], weights)
    masked = fuse([vision.embed_face_masked(shot) for shot in shots], weights)
    if bare is None or masked is None:
        raise Contradiction("the photos contradict each other", hint="check that all show the same person")
    rows = quantise(np.stack([bare, masked]))
    return FacePart(MODELS["face"], rows[0], rows[1]), bare
