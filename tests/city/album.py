"""Real people of whom there are photos, and which of them a city may have as patients or hold out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge.calibrate.bands import of_faces
from edge.calibrate.walks import WALKS
from shared.calibration.curves import Calibration
from shared.errors import BadInput
from tests.city.bank import FOLDER, Bank, Tell, bank_of, walks_of
from tests.city.photos import read_people
from tests.city.plan import CityPlan
from tests.city.streets import Ints


class TooFewPhotographed(BadInput):
    """There are not so many real people, or not so many of them on two photos."""


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """`people` are rows of `bank`, each person's photos that show a face. `about` says whose they are."""

    bank: Bank = field(repr=False)
    people: tuple[Ints, ...]
    about: str

    def __len__(self) -> int:
        return len(self.people)

    @property
    def patients(self) -> Ints:
        """Who may be a patient: on a photo that registration accepts, and on another one to be seen by."""
        fit = [len(rows) > 1 and bool(self.bank["accepts"][rows].any()) for rows in self.people]
        return np.flatnonzero(fit)

    @property
    def once(self) -> int:
        """How many are on one photo only."""
        return sum(len(rows) == 1 for rows in self.people)

    def of(self, chosen: Ints) -> Album:
        """Some of the people."""
        return replace(self, people=tuple(self.people[k] for k in chosen.tolist()))


def read_album(folders: Sequence[Path], kept: Path = FOLDER, tell: Tell = lambda _: None) -> Album:
    """Everybody on photos in these folders, by the bank in `kept`. Raises NoPhotos, and as bank_of does."""
    people = read_people(folders)
    bank = bank_of([photo for one in people for photo in one.photos], kept, tell)
    ends = np.cumsum([len(one.photos) for one in people])
    rows = [np.arange(end - len(one.photos), end) for one, end in zip(people, ends, strict=True)]
    shown = [some[bank["has_face"][some]] for some in rows]
    about = ", ".join(folder.parent.name if folder.name == "images" else folder.name for folder in folders)
    return Album(bank, tuple(some for some in shown if len(some)), about)


def held_out(plan: CityPlan, album: Album, share: float) -> tuple[Album, Album]:
    """Who lives in the city and who does not, at random by the plan's seed."""
    order = plan.random("held out").permutation(len(album))
    count = round(share * len(album))
    return album.of(np.sort(order[count:])), album.of(np.sort(order[:count]))


def measured_on(album: Album, calibration: Calibration) -> Calibration:
    """The calibration with faces as `cairn-edge calibrate` measures them on these people. Raises BadMaterial."""
    photos = np.concatenate(album.people) if len(album) else np.zeros(0, np.int64)
    who = np.repeat(np.arange(len(album)), [len(rows) for rows in album.people])
    walks = walks_of(album.bank[photos], WALKS)
    name = dict(zip(walks.names, who.astype(str).tolist(), strict=True))
    seen = walks.found()
    measured = of_faces(seen, np.array([name[one] for one in seen.names]))
    modality = measured.modality
    return replace(
        calibration,
        name=f"{len(album)} others of {album.about}",
        bands={**calibration.bands, modality: measured.bands},
        template_spread={**calibration.template_spread, modality: round(measured.spread, 1)},
        origins={**calibration.origins, modality: f"{measured.how}, of {album.about}, none of whom is in the city"},
    )
