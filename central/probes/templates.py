"""Templates of consenting patients as the probe service keeps them: sealed files, opened only while probes are made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from shared.epochs import Modality
from shared.errors import BadEmbedding, BadInput
from shared.files import flush_folder, write_whole
from shared.ids import check_id
from shared.templates import MAX_SEALED_BYTES, Template


class NoTemplate(BadInput):
    """The patient was never registered, or the template is erased."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the centre learns of a template: SHA-256 of it as it was sealed, from how many photos which model made the
    face, whether it holds a masked face too, and which model made the clothes. A model is empty where that part is
    missing."""

    digest: bytes
    photos: int
    model: str
    masked: bool
    appearance: str = ""


def kept(sealed: bytes, template: Template) -> Kept:
    """What is told of a template."""
    models, face = template.models, template.face
    masked = face is not None and not np.array_equal(face.bare, face.masked)
    names = models.get(Modality.FACE, ""), models.get(Modality.APPEARANCE, "")
    return Kept(sha256(sealed).digest(), template.photos, names[0], masked, names[1])


class SealedTemplates:
    """Sealed templates as one file a case. The disk alone tells nothing: they open with the service's key only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob("*.new"):  # of a write that a power cut ended
            _wipe(left)

    def put(self, case: str, sealed: bytes) -> None:
        """Durable before it returns, and whole or not at all."""
        if len(sealed) > MAX_SEALED_BYTES:
            raise BadEmbedding("a template is too large", hint="register the patient with cairn-edge register")
        write_whole(self._path(case), sealed, 0o600)

    def get(self, case: str) -> bytes:
        try:
            return self._path(case).read_bytes()
        except FileNotFoundError:
            raise NoTemplate(f"there is no template for {case}", hint="register the patient") from None

    def erase(self, case: str) -> bool:
        """Overwrite and delete; True when there was one. Erasing twice is no error."""
        path = self._path(case)
        if not path.exists():
            return False
        _wipe(path)
        flush_folder(self._folder)  # or the deleted file might come back after a power cut
        return True

    def _path(self, case: str) -> Path:
        return self._folder / f"{check_id(case, 'case')}.sealed"


def _wipe(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
