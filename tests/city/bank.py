"""What a box makes of photos of real people, kept in a file: minutes of work once, and then none.

Each photo is registered as a patient's photo is, and its person walks past a street camera a number of times, bare and
masked: through the box's own detector, quality, embedder and fusion. The file is keyed by the photos' bytes and by the
models, grows as photos are done, and is taken up where it was left. It is biometric data of real people: it stays in
the build folder, which git ignores.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge.calibrate.pairs import around, middle_face, silent
from edge.calibrate.walks import LOST, SHOTS, Walks, walk_all
from edge.model_vision import ModelVision
from edge.models.catalogue import read_card
from edge.models.face_detector import FAR, NEAR
from edge.models.face_embedder import MODEL
from edge.registered_photos import CannotRegister, bare_faces, read_picture
from shared.files import write_whole

Tell = Callable[[str], None]
Float32 = npt.NDArray[np.float32]
# One record a photo, see `kind`.
Bank = npt.NDArray[np.void]

WALKS: Final = 8  # of each photo, bare and as many masked
BARE, MASKED = 0, 1
FOLDER: Final = Path(__file__).parents[2] / "build" / "faces"
_DIMENSIONS: Final = 192
_EVERY: Final = 25  # photos between two savings
_FORMAT: Final = 1  # of the file, and of what a walk is: raise it when walks.py or street.py change


def kind(walks: int = WALKS) -> np.dtype[np.void]:
    """A photo by the digest of its bytes; unit vectors, bare and masked, as registration makes them of a photo that it
    `accepts`; `templates` of the face in its middle; and `seen` with `quality` of walks, LOST where the box found no
    face. A photo without a face has `has_face` false and zeros."""
    d = _DIMENSIONS
    return np.dtype([
        ("digest", "S64"), ("has_face", "?"), ("accepts", "?"), ("registered", "<f4", (2, d)),
        ("templates", "<f4", (2, d)), ("seen", "<f4", (2, walks, d)), ("quality", "<f8", (2, walks)),
    ])  # fmt: skip


def bank_of(photos: Sequence[Path], folder: Path = FOLDER, tell: Tell = silent, walks: int = WALKS) -> Bank:
    """The photos' records in their order, made where the file in `folder` does not have them yet.

    Raises NotAPicture, CannotWrite, InferenceError kinds, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_key(walks)}.npy"
    digests = [hashlib.sha256(photo.read_bytes()).hexdigest().encode() for photo in photos]
    bank = _read(path, walks)
    known = set(bank["digest"].tolist())
    missing = {digest: photo for digest, photo in zip(digests, photos, strict=True) if digest not in known}
    if missing:
        bank = _grown(bank, missing, path, tell)
    row_of = {digest: row for row, digest in enumerate(bank["digest"].tolist())}
    return bank[[row_of[digest] for digest in digests]]


def walks_of(bank: Bank, count: int) -> Walks:
    """The first walks of every photo that shows a face, as a calibration is measured on them."""
    some = bank[bank["has_face"]]
    seen, quality = some["seen"][:, :, :count], some["quality"][:, :, :count]
    return Walks(
        tuple(digest.decode() for digest in some["digest"].tolist()),
        some["templates"][:, BARE], some["templates"][:, MASKED],
        seen[:, BARE], quality[:, BARE], seen[:, MASKED], quality[:, MASKED], seen[:, BARE, 0],
    )  # fmt: skip


def _grown(bank: Bank, missing: dict[bytes, Path], path: Path, tell: Tell) -> Bank:
    vision, walks = ModelVision.load(), bank["quality"].shape[2]
    tell(f"{len(missing):,} photos walk past a camera {2 * walks} times each: about a second of one core a photo")
    fresh = np.zeros(len(missing), kind(walks))
    for done, (digest, photo) in enumerate(missing.items(), 1):
        _fill(fresh[done - 1], digest, photo, vision)
        if done % _EVERY == 0 or done == len(missing):
            _save(np.concatenate([bank, fresh[:done]]), path)
            tell(f"{done:,} of {len(missing):,} photos have walked past")
    return np.concatenate([bank, fresh])


def _fill(record: Any, digest: bytes, photo: Path, vision: ModelVision) -> None:
    """The dice of the walks are the digest's, so that a photo's name and place change nothing."""
    record["digest"], record["quality"] = digest, LOST
    rgb = read_picture(photo)
    face = middle_face(vision.find_faces(rgb), rgb)
    if face is None:
        return
    walked = walk_all({digest.decode(): around(rgb, face)}, vision, silent, record["quality"].shape[1])
    registered = _registered(photo, vision)
    record["has_face"], record["accepts"] = True, registered is not None
    record["registered"] = 0 if registered is None else registered
    record["templates"] = walked.bare[0], walked.masked[0]
    record["seen"] = walked.seen_bare[0], walked.seen_masked[0]
    record["quality"] = walked.quality_bare[0], walked.quality_masked[0]


def _registered(photo: Path, vision: ModelVision) -> Float32 | None:
    """Bare and masked template [2, d] of a patient who gives this one photo; None where registration refuses it."""
    try:
        (shot,) = bare_faces([photo], vision)
    except CannotRegister:
        return None
    return np.stack([vision.embed_face(shot), vision.embed_face_masked(shot)])


def _key(walks: int) -> str:
    models = "".join(read_card(name).sha256 for name in (NEAR, FAR, MODEL))
    return f"{MODEL}-{hashlib.sha256(f'{_FORMAT} {SHOTS} {models}'.encode()).hexdigest()[:12]}-{walks}"


def _read(path: Path, walks: int) -> Bank:
    """What the file holds; nothing where it is missing, or of another form."""
    try:
        bank: Bank = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return np.zeros(0, kind(walks))
    return bank if bank.dtype == kind(walks) else np.zeros(0, kind(walks))


def _save(bank: Bank, path: Path) -> None:
    content = io.BytesIO()
    np.save(content, bank)
    write_whole(path, content.getvalue())
