"""Measured comparisons become the bands of a calibration."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.calibrate import BadMaterial
from edge.calibrate.comparisons import Comparisons, Distances, Names, between
from edge.calibrate.walks import Walks
from shared.calibration.curves import Band
from shared.calibration.laws import Curve, fit
from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.epochs import Modality
from shared.face_mask import FaceMask

QUALITIES: Final = (0.0, 0.25, 0.45)  # from where the quality bands of faces begin
FEWEST_PEOPLE: Final = 100
FEWEST_TWICE: Final = 50  # people on two photos or more
FEWEST_DRESSED: Final = 20
FEWEST_IN_BAND: Final = 100  # genuine comparisons
_CLOTHES_TAIL: Final = 1e-2  # fewer were compared, so the tail begins earlier

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """One modality of a calibration; `spread` is that of templates, in bits."""

    modality: Modality
    bands: Sequence[Band]
    spread: float
    how: str


def of_faces(walks: Walks, who: Names) -> Measured:
    """Bands of bare faces, of masked ones with and without a masked template, and of those of unknown state.

    `who` [n] is on each photo. Raises BadMaterial for too few people.
    """
    check_enough(who)
    bare_to, worn_to = (
        [between(template, seen, FACE_BITS) for template in (walks.bare, walks.masked)]
        for seen in (walks.seen_bare, walks.seen_masked)
    )
    alone = np.concatenate([bare_to[0], worn_to[0]], axis=2)
    nearest = np.concatenate([np.minimum(*bare_to), np.minimum(*worn_to)], axis=2)
    quality = np.concatenate([walks.quality_bare, walks.quality_masked], axis=1)
    unclear = (FaceMask.INCORRECT, FaceMask.UNKNOWN)
    kinds: list[tuple[Distances, Floats, Sequence[FaceMask], bool]] = [
        (bare_to[0], walks.quality_bare, (FaceMask.ABSENT,), False),
        (worn_to[0], walks.quality_masked, (FaceMask.WORN,), False),
        (worn_to[1], walks.quality_masked, (FaceMask.WORN,), True),
        (alone, quality, unclear, False),
        (nearest, quality, unclear, True),
    ]
    compared = [Comparisons(who, who, distances) for distances, *_ in kinds]
    bands = [
        band
        for some, (_, seen, masks, masked) in zip(compared, kinds, strict=True)
        for band in _by_quality(some, seen, masks, masked)
    ]
    how = (
        f"{len(who):,} photos of {len(np.unique(who)):,} people, each a template (bare, and with the mask that "
        f"registration draws) and walkers past a street camera (faces of 32 to 90 pixels, bare and with another mask)"
    )
    return Measured(Modality.FACE, bands, float(np.mean([some.template_spread() for some in compared])), how)


def of_clothes(templates: Names, seen: Names, distances: Distances) -> Measured:
    """One band of clothes, for the quality of a sighting is that of its face; distances [templates, sightings, 1]."""
    compared, everything = Comparisons(templates, seen, distances), np.ones((len(seen), 1), np.bool_)
    law = fit(compared.same(everything, most=None), compared.other(everything), APPEARANCE_BITS, share=_CLOTHES_TAIL)
    band = Band(frozenset(FaceMask), 0.0, False, Curve(APPEARANCE_BITS, *law, *compared.correlations()))
    people = len(np.unique(templates))
    how = f"{len(templates):,} pictures of one camera with {len(seen):,} of another, of {people:,} people"
    return Measured(Modality.APPEARANCE, [band], compared.template_spread(), how)


def check_enough(who: Names) -> None:
    """Raises BadMaterial, with the numbers needed."""
    _, counts = np.unique(who, return_counts=True)
    people, twice = len(counts), int((counts > 1).sum())
    if people < FEWEST_PEOPLE or twice < FEWEST_TWICE:
        hint = f"a calibration needs {FEWEST_PEOPLE} people or more, and two photos or more of {FEWEST_TWICE} of them"
        raise BadMaterial(f"too few people: {people}, and {twice} of them on two photos or more", hint=hint)


def check_dressed(people: Collection[object]) -> None:
    """`people` are seen by both cameras. Raises BadMaterial, with the number needed."""
    if len(people) < FEWEST_DRESSED:
        hint = f"a calibration needs {FEWEST_DRESSED} people or more, each seen by both cameras"
        raise BadMaterial(f"too few people: {len(people)} are seen by both cameras", hint=hint)


def _by_quality(compared: Comparisons, quality: Floats, masks: Sequence[FaceMask], masked: bool) -> Iterator[Band]:
    correlations = compared.correlations()
    for lowest, inside in _cut(compared, quality):
        laws = fit(compared.same(inside), compared.other(inside), FACE_BITS)
        yield Band(frozenset(masks), lowest, masked, Curve(FACE_BITS, *laws, *correlations))


def _cut(compared: Comparisons, quality: Floats) -> list[tuple[float, npt.NDArray[np.bool_]]]:
    """The quality bands; one with too few genuine comparisons joins the band below it, and the lowest the one above."""
    limits = list(QUALITIES)
    while True:
        cut = [
            (lowest, (quality >= lowest) & (quality < highest))
            for lowest, highest in zip(limits, [*limits[1:], np.inf], strict=True)
        ]
        scarce = [k for k, (_, inside) in enumerate(cut) if len(compared.same(inside)) < FEWEST_IN_BAND]
        if not scarce or len(limits) == 1:
            return cut
        del limits[max(scarce[-1], 1)]
