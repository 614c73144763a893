"""A consenting patient's template as it travels: made on a box, sealed to the probe service, bound to one case.

Canonical CBOR: {photos, face: null or [model, bare row, masked row], appearance: null or [model, row]}. Rows are int8
embeddings, fused on the box: one of the face, one of the same face as if it wore a mask, one of the clothes. So what
may be searched for does not grow with the number of photos.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.codes import MAX_DIMENSIONS
from shared.epochs import Modality
from shared.errors import BadEmbedding, CairnError
from shared.face_mask import FaceMask
from shared.ids import check_id
from shared.keys import open_sealed, seal_to
from shared.releases import MAX_PHOTOS
from shared.wire import pack, unpack

Int8 = npt.NDArray[np.int8]

MAX_SEALED_BYTES = 16 * 1024
# The mask state behind each row of a face part, in the order in which the rows travel.
FACE_ROWS = (FaceMask.ABSENT, FaceMask.WORN)
_AGAIN = "register the patient again, with this version of cairn-edge"


class OldTemplate(BadEmbedding):
    """A template of an earlier form, with a row for each photo: one fused template a case is all that may be kept."""


@dataclass(frozen=True, slots=True, eq=False)
class FacePart:
    """The face, fused from all photos: int8[d] bare, and int8[d] as if it wore a face mask."""

    model: str
    bare: Int8 = field(repr=False)
    masked: Int8 = field(repr=False)

    @property
    def rows(self) -> Int8:
        """int8[2, d], in the order of FACE_ROWS."""
        return np.stack([self.bare, self.masked])


@dataclass(frozen=True, slots=True, eq=False)
class AppearancePart:
    """Shape and clothes of the day, int8[d], from one full-length picture."""

    model: str
    row: Int8 = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One patient: the face, or the clothes, or both. `photos` counts pictures of the face; 0 when there is none."""

    photos: int
    face: FacePart | None
    appearance: AppearancePart | None

    @property
    def models(self) -> dict[Modality, str]:
        """Which model made each part that is there."""
        parts = {Modality.FACE: self.face, Modality.APPEARANCE: self.appearance}
        return {modality: part.model for modality, part in parts.items() if part is not None}


def template_info(case: str) -> bytes:
    """What a template is bound to when it is sealed: one for another case does not open."""
    return b"cairn/v1 template " + check_id(case, "case").encode()


def template_to_bytes(template: Template) -> bytes:
    """Raises BadEmbedding for a template that nobody would accept."""
    face, worn = template.face, template.appearance
    document = {
        "photos": template.photos,
        "face": face and [face.model, face.bare.tobytes(), face.masked.tobytes()],
        "appearance": worn and [worn.model, worn.row.tobytes()],
    }
    _template(document)
    return pack(document)


def template_from_bytes(plain: bytes) -> Template:
    """The inverse of template_to_bytes. Raises OldTemplate, and BadEmbedding for anything else."""
    document = unpack(plain, BadEmbedding, "a template")
    try:
        return _template(document)
    except BadEmbedding:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, CairnError):
        # Without a cause: what was being read is a face.
        raise BadEmbedding("a template is malformed", hint=_AGAIN) from None


def seal_template(template: Template, case: str, probe_service: X25519PublicKey) -> bytes:
    """What leaves the box. Only the probe service can open it, and only for this case."""
    return seal_to(probe_service, template_info(case), template_to_bytes(template))


def open_template(sealed: bytes, case: str, private: X25519PrivateKey) -> Template:
    """CannotOpen for another case or key, OldTemplate or BadEmbedding for anything that is no template."""
    return template_from_bytes(open_sealed(private, template_info(case), sealed))


def _template(document: dict[str, Any]) -> Template:
    if "faces" in document:
        raise OldTemplate("a template of the old form, with a row for each photo, is not taken", hint=_AGAIN)
    if set(document) != {"photos", "face", "appearance"}:
        raise ValueError
    face, worn, photos = document["face"], document["appearance"], document["photos"]
    made = Template(photos, face and _face(*face), worn and _appearance(*worn))
    if made.face is None and made.appearance is None:
        raise BadEmbedding("a template holds neither face nor clothes", hint=_AGAIN)
    fewest, most = (1, MAX_PHOTOS) if made.face else (0, 0)
    if type(photos) is not int or not fewest <= photos <= most:
        hint = f"register with 1 to {MAX_PHOTOS} photos, or with a full-length picture alone"
        raise BadEmbedding("a template's number of photos is not allowed", hint=hint)
    return made


def _face(model: str, bare: bytes, masked: bytes) -> FacePart:
    part = FacePart(check_id(model, "model"), _row(bare), _row(masked))
    if len(part.bare) != len(part.masked):
        raise ValueError
    return part


def _appearance(model: str, row: bytes) -> AppearancePart:
    return AppearancePart(check_id(model, "model"), _row(row))


def _row(raw: bytes) -> Int8:
    row = np.frombuffer(raw, np.int8)
    # Quantising makes the largest entry 127: anything else was not made by it.
    if not 1 <= len(row) <= MAX_DIMENSIONS or int(np.abs(row.astype(np.int16)).max()) != 127:
        raise ValueError
    return row
