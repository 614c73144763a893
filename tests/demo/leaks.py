"""Looks through bytes for what must never be in them: pictures, float embeddings, names."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

# How files of pictures begin. Sealed bytes hold such a beginning by chance now and then: it counts if it decodes.
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\x00", b"MM\x00*", b"\x00\x00\x00\x0cjP  ")
_RUN = 24  # consecutive bytes of a picture or an embedding, which occur by chance with probability 2^-192
_HEAD = 8  # of them are looked up first
_LEAST_VARIED = 6  # different bytes in a run: less is a white wall, or padding


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is looked for: vectors as their makers had them, pixels as the cameras gave them, and words."""

    vectors: Sequence[npt.NDArray[np.floating]] = field(repr=False)
    pictures: Sequence[npt.NDArray[np.uint8]] = field(repr=False)
    names: Sequence[str]


class Searcher:
    """Built once from the secrets; `leaks` says what is wrong with some bytes, in words."""

    def __init__(self, secrets: Secrets) -> None:
        runs = [
            (run, f"an embedding as {k}") for v in secrets.vectors for k, raw in _spellings(v) for run in _pieces(raw)
        ]
        runs += [(run, "raw pixels") for picture in secrets.pictures for run in _rows(picture)]
        self._runs: dict[int, list[tuple[bytes, str]]] = {}
        for run, what in runs:
            if len(set(run)) >= _LEAST_VARIED:
                self._runs.setdefault(int.from_bytes(run[:_HEAD], "little"), []).append((run, what))
        self._heads = np.array(sorted(self._runs), np.uint64)
        self._names = {name: _name_pattern(name) for name in secrets.names}

    def leaks(self, topic: str, payload: bytes) -> list[str]:
        """Everything that was found, nothing when all is well."""
        found = [
            f"the name {name}" for name, pattern in self._names.items() if pattern.search(topic.encode() + payload)
        ]
        found += [what for head in self._heads_in(payload) for run, what in self._runs[head] if run in payload]
        return found + [f"a picture at byte {at}" for at in _picture_starts(payload) if _decodes(payload[at:])]

    def _heads_in(self, payload: bytes) -> Iterator[int]:
        """Heads of runs that occur, at whatever byte."""
        for shift in range(_HEAD):
            count = max(0, len(payload) - shift) // _HEAD
            words = np.frombuffer(payload, "<u8", count, shift) if count else np.empty(0, np.uint64)
            yield from (int(word) for word in np.intersect1d(words, self._heads))


def _spellings(vector: npt.NDArray[np.floating]) -> Iterator[tuple[str, bytes]]:
    for kind in ("<f4", ">f4", "<f2", ">f2", "<f8"):
        yield kind, vector.astype(kind).tobytes()


def _pieces(raw: bytes) -> Iterator[bytes]:
    """Runs that must not occur, plain and in base64 at each of its three alignments."""
    for start in (0, len(raw) // 2, len(raw) - _RUN):
        yield raw[start : start + _RUN]
    for shift in range(3):
        whole = base64.b64encode(raw[shift : shift + 3 * (_RUN // 3) + 9])
        yield whole[:_RUN]


def _rows(picture: npt.NDArray[np.uint8]) -> Iterator[bytes]:
    """Runs of a picture in both orders of colours, from a grid of places."""
    height, width = picture.shape[:2]
    for order in (picture, picture[:, :, ::-1]):
        for y in range(0, height, 4):
            for x in range(0, width - _RUN, max(1, width // 8)):
                yield np.ascontiguousarray(order[y, x : x + _RUN // 3]).tobytes()


def _name_pattern(name: str) -> re.Pattern[bytes]:
    spelt = {name.encode(), name.encode("utf-16-le"), name.encode().hex().encode()}
    spelt |= {part.encode() for part in name.split("-") if len(part) > 4}  # shorter ones occur by chance
    spelt |= {_aligned(name.encode(), shift) for shift in range(3)}
    return re.compile(b"|".join(re.escape(one) for one in sorted(spelt)), re.IGNORECASE)


def _aligned(raw: bytes, shift: int) -> bytes:
    """The part of the base64 of `raw` that does not depend on its neighbours, when it begins at an alignment."""
    text = base64.b64encode(bytes(shift) + raw)
    return text[-(-8 * shift // 6) : (len(raw) + shift) * 8 // 6]


def _picture_starts(payload: bytes) -> Iterable[int]:
    return sorted(match.start() for start in _BEGINNINGS for match in re.finditer(re.escape(start), payload))


def _decodes(raw: bytes) -> bool:
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR) is not None
    except cv2.error:
        return False
    finally:
        cv2.utils.logging.setLogLevel(level)
