"""The real models see the demo's rendered films as people with faces, and tell the patient from the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.search.job import DEFAULT_RADIUS
from edge.model_vision import ModelVision
from edge.register import register
from shared.codes import FACE_BITS, encode, encode_quantised, hamming
from shared.epochs import Modality
from shared.face_mask import FaceMask
from shared.templates import open_template
from tests.demo.films import film_path, render
from tests.demo.heads import portrait
from tests.demo.looking import Seen, look, who
from tests.demo.script import PATIENT, Place, places

WATCHED = ("bus-stop", "market")
KEY = bytes(range(32))


@dataclass(frozen=True, slots=True)
class Watched:
    """A film and what a box saw in it."""

    place: Place
    seen: Seen

    def tracks_of(self, name: str) -> list[int]:
        """Positions of a walker's tracks."""
        owners = [who(self.place, track) for track in self.seen.tracks]
        return [at for at, owner in enumerate(owners) if owner and owner[0].person.name == name]


@pytest.fixture(scope="module")
def vision() -> ModelVision:
    """The real models."""
    return ModelVision.load()


@pytest.fixture(scope="module")
def watched(vision: ModelVision, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Watched]:
    """Two films: in one the patient wears a face mask, in the other none."""
    folder = tmp_path_factory.mktemp("films")
    render(folder, list(WATCHED))
    chosen = [place for place in places() if place.film.name in WATCHED]
    return {
        place.film.name: Watched(place, look(place, film_path(folder, place.film.name), vision)) for place in chosen
    }


@pytest.mark.parametrize("film", WATCHED)
def test_everybody_who_passes_is_one_track_with_a_face(watched: Mapping[str, Watched], film: str) -> None:
    """Each walker of a rendered film is followed as one person, whose face is seen."""
    one = watched[film]
    for walk in one.place.film.walks:
        found = one.tracks_of(walk.person.name)
        assert len(found) == 1, f"{walk.person.name} was seen as {len(found)} people"
        assert one.seen.tracks[found[0]].face is not None, f"{walk.person.name}'s face was never seen"
    assert len(one.seen.tracks) == len(one.place.film.walks)


@pytest.mark.parametrize("film", WATCHED)
def test_places_on_the_ground_are_those_that_were_drawn(watched: Mapping[str, Watched], film: str) -> None:
    """The ground plane that the films are rendered with gives back where people walked, to less than a metre."""
    one = watched[film]
    off = [owner[1] for track in one.seen.tracks if (owner := who(one.place, track))]
    assert off
    assert max(off) < 0.8


@pytest.mark.parametrize(("film", "mask"), [("bus-stop", FaceMask.WORN), ("market", FaceMask.ABSENT)])
def test_the_patients_face_mask_is_told(watched: Mapping[str, Watched], film: str, mask: FaceMask) -> None:
    """What the patient wears on the face in a film is what the box reports."""
    one = watched[film]
    assert [one.seen.tracks[at].mask for at in one.tracks_of(PATIENT)] == [mask]


def test_only_the_patient_lies_within_the_search_radius(
    watched: Mapping[str, Watched], vision: ModelVision, tmp_path: Path
) -> None:
    """Under a key, the patient's tracks are near the template made from the portrait, and everybody else's are not."""
    photo, probes = tmp_path / "photo.png", X25519PrivateKey.generate()
    cv2.imwrite(str(photo), cv2.cvtColor(portrait(), cv2.COLOR_RGB2BGR))
    template = open_template(register([photo], "case-1", probes.public_key(), vision), "case-1", probes)
    assert template.face is not None
    codes = encode_quantised(template.face.rows, [KEY], FACE_BITS)[0]
    near: list[int] = []
    far: list[int] = []
    for one in watched.values():
        mine = set(one.tracks_of(PATIENT))
        for at, track in enumerate(one.seen.tracks):
            if track.face is not None:
                least = int(hamming(codes, encode(track.face[None, :], KEY, FACE_BITS)[0]).min())
                (near if at in mine else far).append(least)
    assert len(near) == len(WATCHED)
    assert max(near) <= DEFAULT_RADIUS[Modality.FACE] < min(far), f"patient {near}, others {far}"


def test_the_same_seed_gives_the_same_film() -> None:
    """Rendering is repeatable, so that a demo that fails can be looked at again."""
    from tests.demo.clips import frames

    film = next(place.film for place in places() if place.film.name == "park")
    first, again = (next(frames(film, 3)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, next(frames(film, 4)))
