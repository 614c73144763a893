"""Photos of real people, a folder for each person, where they lie: public material that the project measures on.

It is found beside the project, or where CAIRN_TEST_DATA says: a copy of the project elsewhere finds it too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import BadInput

DATA = "CAIRN_TEST_DATA"
_BESIDE = Path(__file__).parents[3] / "shared" / "data"
# Labelled Faces in the Wild, the pairs of View 1's test (Huang et al. 2007): research use.
_SETS = ("lfw_view1_test/images",)
_PICTURES = {".jpg", ".jpeg", ".png", ".pgm"}


class NoPhotos(BadInput):
    """A folder holds no photos of people, or is not there."""


@dataclass(frozen=True, slots=True)
class Photographed:
    """One person's photos, in order of their names."""

    photos: tuple[Path, ...]


def photo_folders() -> list[Path]:
    """The sets of photos that are at hand; none where there are none."""
    data = Path(os.environ.get(DATA) or _BESIDE)
    return [data / one for one in _SETS if (data / one).is_dir()]


def read_people(folders: Sequence[Path]) -> list[Photographed]:
    """Everybody in these folders, in order of folder and name. Raises NoPhotos."""
    found: list[Photographed] = []
    for folder in folders:
        hint = "give a folder that holds a folder with photos for each person"
        if not folder.is_dir():
            raise NoPhotos(f"there is no folder {folder}", hint=hint)
        people = [_of_person(one) for one in sorted(folder.iterdir()) if one.is_dir()]
        if not any(people):
            raise NoPhotos(f"there are no photos in the folders of {folder}", hint=hint)
        found += [Photographed(photos) for photos in people if photos]
    return found


def _of_person(folder: Path) -> tuple[Path, ...]:
    return tuple(path for path in sorted(folder.iterdir()) if path.suffix.lower() in _PICTURES)
