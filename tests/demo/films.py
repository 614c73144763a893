"""`python -m tests.demo.films FOLDER [NAME …]`: render the day's films into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

from tests.demo.clips import record
from tests.demo.script import PATIENT, places

SEED = 7
_TILE = (480, 360)
_EDGE = (250, 250, 250)


def film_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.avi"


def render(folder: Path, names: list[str] | None = None) -> list[Path]:
    """Write the films, all of them or those named; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    films = [place.film for place in places() if not names or place.film.name in names]
    for film in films:
        path = film_path(folder, film.name)
        record(film, path, SEED)
    return [film_path(folder, film.name) for film in films]


def contact_sheet(folder: Path) -> Path:
    """A picture with one frame of each film, the patient in it where there is one."""
    tiles = []
    for place in places():
        film = place.film
        shown = next((walk for walk in film.walks if walk.person.name == PATIENT), film.walks[0])
        middle = shown.steps[0].at_s + 0.7 * (shown.steps[-1].at_s - shown.steps[0].at_s)
        capture = cv2.VideoCapture(str(film_path(folder, film.name)))
        capture.set(cv2.CAP_PROP_POS_FRAMES, round(middle * film.fps))
        _, frame = capture.read()
        capture.release()
        high = frame.shape[1] * _TILE[1] // _TILE[0]  # a square picture loses its lower edge
        tiles.append(cv2.copyMakeBorder(cv2.resize(frame[:high], _TILE), 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=_EDGE))
    sheet = folder.parent / "cameras.jpg"
    cv2.imwrite(str(sheet), cv2.vconcat([cv2.hconcat(tiles[k : k + 3]) for k in range(0, len(tiles), 3)]))
    return sheet


if __name__ == "__main__":
    cv2.setNumThreads(1)
    render(Path(sys.argv[1]), sys.argv[2:])
