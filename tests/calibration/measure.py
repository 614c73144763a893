"""Distances of codes of people in public photos, fitted: `python -m tests.calibration.measure --out FILE`.

Faces: each photo is a template (bare, and with the mask that registration draws) and a walker past a street camera.
Clothes: pictures of people from two cameras. Only the parameters of the fitted laws are written.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from central.routes.distances import Curve, fit
from central.routes.likelihood import Band, Calibration, calibration_to_map
from edge.model_vision import ModelVision
from edge.vision import MODELS, FaceShot, Picture, fuse
from shared.codes import APPEARANCE_BITS, FACE_BITS, encode
from shared.epochs import Modality
from shared.face_mask import FaceMask
from tests.calibration.street import Walker, shots, with_mask

DATA = Path(__file__).parents[3] / "shared" / "data"
TRACKS, SHOTS, KEYS = 2, 3, 3
LOWEST = (0.0, 0.25, 0.45)  # of the quality bands
MOST_OF_ONE = 6  # pairs of one person, so that the much-photographed do not decide

Distances = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """n photos: who it is, templates [n, d], sightings [n, tracks, d] with their quality [n, tracks]."""

    who: Names
    bare: npt.NDArray[np.float32]
    masked: npt.NDArray[np.float32]
    seen_bare: npt.NDArray[np.float32]
    seen_masked: npt.NDArray[np.float32]
    quality_bare: Floats
    quality_masked: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Distances [m, n, tracks] of templates to tracks of photos, and who is on each; a photo is not paired with itself
    where both sides list the same photos."""

    templates: Names
    seen: Names
    distances: Distances

    def other(self, inside: Bools) -> Distances:
        """Distances of two people, for tracks `inside` [n, tracks]."""
        strangers = (self.templates[:, None] != self.seen[None])[:, :, None] & inside
        return np.asarray(self.distances[strangers])

    def same(self, inside: Bools, most: int | None = MOST_OF_ONE, seed: int = 1) -> Distances:
        """Distances of one person, `most` of each at random, so that the much-photographed do not decide."""
        i, j, track = np.nonzero(self._same()[:, :, None] & inside)
        order = np.random.default_rng(seed).permutation(len(i))
        taken, kept = Counter[str](), []
        for k in order:
            name = str(self.templates[i[k]])
            taken[name] += 1
            if most is None or taken[name] <= most:
                kept.append(k)
        return np.asarray(self.distances[i[kept], j[kept], track[kept]])

    def correlations(self) -> tuple[float, float]:
        """Of distances of one template to two photos of one person: the template's own, and a stranger."""
        same: list[tuple[int, int]] = []
        other: list[tuple[int, int]] = []
        itself = self._itself()
        for name in np.unique(self.seen):
            photos = np.flatnonzero(self.seen == name)
            for a, b in pairwise(photos):
                mine = (self.templates == name) & ~(itself & np.isin(np.arange(len(self.templates)), (a, b)))
                first, second = self.distances[:, a, 0], self.distances[:, b, -1]
                same += list(zip(first[mine][:MOST_OF_ONE], second[mine][:MOST_OF_ONE], strict=True))
                strange = self.templates != name
                other += list(zip(first[strange][::10], second[strange][::10], strict=True))
        return _correlation(same), _correlation(other)

    def template_spread(self) -> float:
        """Standard deviation, over templates, of the distance that one stranger in twenty is within."""
        strangers = self.templates[:, None] != self.seen[None]
        rows = zip(self.distances[:, :, 0], strangers, strict=True)
        return float(np.std([np.quantile(row[strange], 0.05) for row, strange in rows]))

    def _itself(self) -> bool:
        return self.templates is self.seen

    def _same(self) -> Bools:
        same = self.templates[:, None] == self.seen[None]
        if self._itself():
            np.fill_diagonal(same, False)
        return np.asarray(same)


def embed_faces(photos: Sequence[Path], vision: ModelVision, seed: int = 1) -> Faces:
    """Photos in which no face is found are left out."""
    random, rows = np.random.default_rng(seed), []
    for photo in photos:
        rgb = _read(photo)
        if not (found := vision.find_faces(rgb)):
            continue
        middle = np.array(rgb.shape[1::-1]) / 2  # others may stand behind the person whose photo it is
        face = min(found, key=lambda one: float(np.linalg.norm(one.box.reshape(2, 2).mean(axis=0) - middle)))
        shot, walker = FaceShot(rgb, face, 1.0), Walker(rgb, face)
        bare = _tracks(vision, walker, FaceMask.ABSENT, random)
        masked = _tracks(vision, with_mask(walker, random), FaceMask.WORN, random)
        templates = vision.embed_face(shot, FaceMask.ABSENT), vision.embed_face_masked(shot)
        rows.append((photo.parent.name, *templates, *bare, *masked))
    who, bare_t, masked_t, seen_b, quality_b, seen_m, quality_m = map(np.array, zip(*rows, strict=True))
    return Faces(who, bare_t, masked_t, seen_b, seen_m, quality_b, quality_m)


def face_bands(faces: Faces) -> tuple[list[Band], float]:
    """Bands of faces: bare ones, masked ones with and without a masked template, and those of unknown state; and the
    spread of templates."""
    bare, worn = faces.seen_bare, faces.seen_masked
    bare_to, worn_to = (
        [_between(template, seen, FACE_BITS) for template in (faces.bare, faces.masked)] for seen in (bare, worn)
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


def clothes_bands(folder: Path, vision: ModelVision) -> tuple[list[Band], float]:
    """One band of clothes, from `person/camera_orientation.png`: templates of one camera, sightings of the others."""
    files = sorted(folder.glob("*/*.png"))
    who, camera = np.array([f.parent.name for f in files]), np.array([f.stem.split("_")[0] for f in files])
    x = np.stack([vision.embed_appearance(_read(file)) for file in files])
    first = camera == min(camera.tolist())
    distances = _between(x[first], x[~first][:, None], APPEARANCE_BITS)
    pairs = Pairs(who[first], who[~first], distances)
    everything = np.ones(distances.shape[1:], bool)
    law = fit(pairs.same(everything, most=None), pairs.other(everything), APPEARANCE_BITS, share=1e-2)
    band = Band(frozenset(FaceMask), 0.0, False, Curve(APPEARANCE_BITS, *law, *pairs.correlations()))
    return [band], pairs.template_spread()


def _between(templates: npt.NDArray[np.float32], seen: npt.NDArray[np.float32], bits: int) -> Distances:
    """Hamming distances int [templates, photos, tracks], each track under one of a few keys."""
    distances = np.empty((len(templates), *seen.shape[:2]), np.int64)
    for track in range(seen.shape[1]):
        key = bytes([1 + track % KEYS]) * 32
        a, b = (np.unpackbits(encode(x, key, bits), axis=1) * np.float32(2) - 1 for x in (templates, seen[:, track]))
        distances[:, :, track] = np.rint((bits - a @ b.T) / 2)
    return distances


def _bands(pairs: Pairs, quality: Floats, masks: Sequence[FaceMask], masked_template: bool) -> Iterator[Band]:
    correlations = pairs.correlations()
    for lowest, highest in zip(LOWEST, (*LOWEST[1:], 2.0), strict=True):
        inside = (quality >= lowest) & (quality < highest)
        curve = Curve(FACE_BITS, *fit(pairs.same(inside), pairs.other(inside), FACE_BITS), *correlations)
        yield Band(frozenset(masks), lowest, masked_template, curve)


def _tracks(
    vision: ModelVision, walker: Walker, mask: FaceMask, random: np.random.Generator
) -> tuple[list[npt.NDArray[np.float32]], list[float]]:
    """What a box would report of TRACKS walks past it: the fused embedding and the best quality of each."""
    walks = [shots(walker, SHOTS, random) for _ in range(TRACKS)]
    weights = [[shot.quality for shot in kept] for kept in walks]
    fused = [
        fuse([vision.embed_face(shot, mask) for shot in kept], some) for kept, some in zip(walks, weights, strict=True)
    ]
    return [one for one in fused if one is not None], [max(some) for some in weights]


def _correlation(pairs: Sequence[tuple[int, int]]) -> float:
    a, b = np.array(pairs, np.float64).T
    return float(np.clip(np.corrcoef(a, b)[0, 1], 0.0, 0.95))


def _read(path: Path) -> Picture:
    return np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)


def main() -> None:
    """Measure both modalities and write the calibration file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, default=DATA / "lfw_view1_test" / "images")
    parser.add_argument("--clothes", type=Path, default=DATA / "pku_reid")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    vision = ModelVision.load()
    faces = embed_faces(sorted(arguments.faces.glob("*/*.jpg")), vision)
    measured = {Modality.FACE: face_bands(faces), Modality.APPEARANCE: clothes_bands(arguments.clothes, vision)}
    bands = {modality: found for modality, (found, _) in measured.items()}
    spread = {modality: round(bits, 1) for modality, (_, bits) in measured.items()}
    today = datetime.now(UTC).date().isoformat()
    models = {modality: MODELS[modality.value] for modality in Modality}
    about = " ".join((__doc__ or "").split())
    calibration = Calibration(f"public-photos-{today}", today, about, models, bands, spread)
    arguments.out.write_text(json.dumps(calibration_to_map(calibration), indent=1) + "\n")


if __name__ == "__main__":
    main()
