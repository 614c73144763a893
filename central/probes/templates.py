"""Templates of consenting patients: opened only when probes are made, and kept sealed in between."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from shared.errors import BadEmbedding, BadInput
from shared.face_mask import FaceMask
from shared.ids import check_id
from shared.keys import open_sealed
from shared.releases import MAX_PHOTOS
from shared.wire import unpack

MAX_TEMPLATES = 16
MAX_SEALED_BYTES = 256 * 1024


class NoTemplate(BadInput):
    """The patient was never registered, or the template is erased."""


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Quantised face embeddings int8[n, d] of one patient, and the mask state of the face behind each row."""

    model: str
    photos: int
    faces: npt.NDArray[np.int8] = field(repr=False)
    masks: tuple[FaceMask, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the centre learns of a template: SHA-256 of it as it was sealed, from how many photos which model made it,
    and whether it holds a masked face too."""

    digest: bytes
    photos: int
    model: str
    masked: bool


def template_info(case: str) -> bytes:
    """What a template is bound to when it is sealed: one for another case does not open."""
    return b"cairn/v1 template " + case.encode()


def open_template(private: X25519PrivateKey, case: str, sealed: bytes) -> Template:
    """CannotOpen for another case or key, BadEmbedding for anything that is no template."""
    document = unpack(open_sealed(private, template_info(case), sealed), BadEmbedding, "a template")
    try:
        return _template(document)
    except (KeyError, TypeError, ValueError) as error:
        raise BadEmbedding("a template is malformed", hint="register the patient again") from error


class SealedTemplates:
    """Sealed templates as one file a case. The disk alone tells nothing: they open with the service's key only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, case: str, sealed: bytes) -> None:
        if len(sealed) > MAX_SEALED_BYTES:
            raise BadEmbedding("a template is too large", hint="register the patient with at most five pictures")
        path = self._path(case)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(sealed)
        fresh.replace(path)

    def get(self, case: str) -> bytes:
        try:
            return self._path(case).read_bytes()
        except FileNotFoundError as error:
            raise NoTemplate(f"there is no template for {case}", hint="register the patient") from error

    def erase(self, case: str) -> bool:
        """Overwrite and delete; True when there was one. Erasing twice is no error."""
        path = self._path(case)
        if not path.exists():
            return False
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        return True

    def _path(self, case: str) -> Path:
        return self._folder / f"{check_id(case, 'case')}.sealed"


def _template(document: dict[str, Any]) -> Template:
    rows = [np.frombuffer(face, np.int8) for face in document["faces"]]
    if not 1 <= len(rows) <= MAX_TEMPLATES:
        raise BadEmbedding("a template holds no face, or too many", hint="register the patient again")
    masks = document.get("masks") or [FaceMask.UNKNOWN] * len(rows)
    if len(masks) != len(rows):
        raise BadEmbedding("a template's mask states do not fit its faces", hint="register the patient again")
    model, photos = check_id(document["model"], "model"), document["photos"]
    if type(photos) is not int or not 1 <= photos <= MAX_PHOTOS:
        raise BadEmbedding("a template's number of photos is not allowed", hint=f"register with 1 to {MAX_PHOTOS}")
    return Template(model, photos, np.stack(rows), tuple(FaceMask(mask) for mask in masks))
