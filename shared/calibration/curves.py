"""Curves of distances by modality, mask state, quality and kind of template, and the models that they hold for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

from shared.calibration.laws import Curve, radius
from shared.epochs import Modality
from shared.errors import CalibrationMissing
from shared.face_mask import FaceMask


class Compared(Protocol):
    """What decides which curve a distance is read by: the kind of code and the quality 0..1 of the sighting."""

    @property
    def modality(self) -> Modality: ...
    @property
    def bits(self) -> int: ...
    @property
    def mask(self) -> FaceMask: ...
    @property
    def quality(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Band:
    """A curve and the sightings that it is for: mask states, quality from `lowest` up, and the kind of template."""

    masks: frozenset[FaceMask]
    lowest: float
    masked_template: bool
    curve: Curve


@dataclass(frozen=True)
class Calibration:
    """Curves by modality, and the models that they hold for.

    `template_spread` is by how many bits strangers are nearer to one patient's template than to another's (standard
    deviation). `masked_template` says that the template has a masked face too, as registration makes it. `origins` say
    how each modality was measured, where that is known one by one.
    """

    name: str
    measured: str
    how: str
    models: Mapping[Modality, str]
    bands: Mapping[Modality, Sequence[Band]]
    template_spread: Mapping[Modality, float] = field(default_factory=dict)
    masked_template: bool = True
    origins: Mapping[Modality, str] = field(default_factory=dict)

    def check(self, models: Mapping[Modality, str]) -> None:
        """Raises CalibrationMissing unless every one of the models is the one that was calibrated."""
        for modality, model in models.items():
            if self.models.get(modality) != model:
                known = self.models.get(modality, "none")
                hint = f"this calibration holds for {known}; measure {model[:63]} and add its calibration"
                raise CalibrationMissing(f"no calibration of the {modality} model {model[:63]}", hint=hint)

    def curve(self, candidate: Compared) -> Curve:
        """The curve for one candidate. Raises CalibrationMissing for a modality or code length without one."""
        for band in self.bands_for(candidate.modality, candidate.mask):
            if band.curve.bits == candidate.bits and candidate.quality >= band.lowest:
                return band.curve
        what = f"{candidate.modality} codes of {candidate.bits} bits"
        raise CalibrationMissing(f"no calibration of {what}", hint="use the calibration of the models in use")

    def bands_for(self, modality: Modality, mask: FaceMask) -> Sequence[Band]:
        """Those of this kind of template, the best quality first; nothing for a modality that was not measured."""
        return self._bands.get((modality, mask), ())

    def radius(self) -> dict[Modality, int]:
        """How far a search looks for this kind of template, in bits by modality: over bare and masked sightings."""
        return {modality: radius(self._curves(modality)) for modality in self.bands}

    def for_template(self, masked: bool) -> Calibration:
        """The same for a patient who gave a template with a face mask too, or none."""
        return replace(self, masked_template=masked)

    def _curves(self, modality: Modality) -> list[Curve]:
        clear = (FaceMask.ABSENT, FaceMask.WORN)
        return [band.curve for mask in clear for band in self.bands_for(modality, mask)]

    @cached_property
    def _bands(self) -> dict[tuple[Modality, FaceMask], list[Band]]:
        """Bands by modality and mask, the best quality first; those of the patient's kind of template before others."""
        found = {}
        for modality, bands in self.bands.items():
            for mask in FaceMask:
                fitting = [band for band in bands if mask in band.masks]
                own = [band for band in fitting if band.masked_template == self.masked_template] or fitting
                found[modality, mask] = sorted(own, key=lambda band: -band.lowest)
        return found
