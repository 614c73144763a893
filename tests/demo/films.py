"""`python -m tests.demo.films FOLDER [NAME …]`: render the day's films into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

from tests.demo.clips import record
from tests.demo.script import places

SEED = 7


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


if __name__ == "__main__":
    cv2.setNumThreads(1)
    render(Path(sys.argv[1]), sys.argv[2:])
