"""The one file that holds a table of ways: numpy's npz, with its version, its source and a checksum of what it says."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from central.walking.errors import BadWays
from central.walking.ways import ATTRIBUTION, Source, Ways
from shared.clock import as_utc
from shared.errors import CairnError
from shared.files import write_whole
from shared.ids import check_id

VERSION: Final = 1
MOST_BYTES: Final = 2**28  # five million pairs take a quarter of it
_ABOUT: Final = "about"
_ARRAYS: Final = {
    "latitude": np.float64, "longitude": np.float64, "near_way": np.bool_, "one": np.int32, "other": np.int32,
    "metres": np.float32,
}  # fmt: skip
_OF_CAMERAS: Final = ("latitude", "longitude", "near_way")
_BUILD: Final = "build it again with: cairn-central walking build"


def write_ways(path: Path, ways: Ways) -> None:
    """Replace the file in one step. Raises CannotWrite."""
    arrays: dict[str, Any] = {name: np.asarray(getattr(ways, name), kind) for name, kind in _ARRAYS.items()}
    source = ways.source
    about = {
        "version": VERSION,
        "names": list(ways.names),
        "reach_m": ways.reach_m,
        "source": source.name,
        "dated": source.dated.isoformat() if source.dated else None,
        "read_at": source.read_at.isoformat(),
        "licence": ATTRIBUTION,
    }
    told = json.dumps(about | {"digest": _digest(about, arrays)}, ensure_ascii=False).encode()
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays, **{_ABOUT: np.frombuffer(told, np.uint8)})
    write_whole(path, content.getvalue())


def read_ways(path: Path) -> Ways:
    """Raises BadWays for a file that is none, of another version, damaged, or too large."""
    raw = _bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            if sum(one.file_size for one in packed.infolist()) > MOST_BYTES:
                raise BadWays(f"{path.name} unpacks to over {MOST_BYTES >> 20} MiB", hint=_BUILD)
        with np.load(io.BytesIO(raw), allow_pickle=False) as file:
            about = json.loads(file[_ABOUT].tobytes())
            if not isinstance(about, dict) or about.get("version") != VERSION:
                raise BadWays(f"{path.name} is of another version", hint=_BUILD)
            arrays = {name: file[name] for name in _ARRAYS}
        return _checked(about, arrays)
    except BadWays:
        raise
    except (
        ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, MemoryError, RuntimeError, zlib.error,
        zipfile.BadZipFile, NotImplementedError, OverflowError, CairnError,
    ):  # fmt: skip
        raise BadWays(f"{path.name} is no file of walking ways, or is damaged", hint=_BUILD) from None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadWays(f"cannot read {path}: {error.strerror}", hint="check its name and its owner") from None
    if len(raw) > MOST_BYTES:
        raise BadWays(f"{path.name} is over {MOST_BYTES >> 20} MiB", hint=_BUILD)
    return raw


def _checked(about: dict[str, Any], arrays: dict[str, Any]) -> Ways:
    """What was written, or ValueError."""
    given = about.pop("digest")
    _must(given == _digest(about, arrays))
    _must(all(arrays[name].dtype == kind and arrays[name].ndim == 1 for name, kind in _ARRAYS.items()))
    names, reach_m = tuple(check_id(name, "camera") for name in about["names"]), float(about["reach_m"])
    _must(all(len(arrays[name]) == (len(names) if name in _OF_CAMERAS else len(arrays["one"])) for name in _ARRAYS))
    one, other, metres = (arrays[name] for name in ("one", "other", "metres"))
    _must(list(names) == sorted(set(names)) and len(names) > 0 and 0 < reach_m < np.inf)
    _must(bool(((one >= 0) & (one < other) & (other < len(names))).all()))
    _must(bool((np.diff(one * np.int64(len(names)) + other) > 0).all() and ((metres >= 0) & (metres < np.inf)).all()))
    _must(all(bool((np.abs(arrays[name]) <= most).all()) for name, most in (("latitude", 90), ("longitude", 180))))
    dated = as_utc(datetime.fromisoformat(about["dated"])) if about["dated"] else None
    source = Source(str(about["source"]), dated, as_utc(datetime.fromisoformat(about["read_at"])))
    return Ways(names, **arrays, reach_m=reach_m, source=source)


def _digest(about: dict[str, Any], arrays: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in _ARRAYS:
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _must(holds: bool) -> None:
    if not holds:
        raise ValueError
