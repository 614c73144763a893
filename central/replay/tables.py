"""The files of a scenario folder as checked columns; whatever is wrong is named with its file and line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from central.replay.scenario import Float32, Floats, Ints
from shared.clock import as_utc, from_unix
from shared.codes import MAX_DIMENSIONS
from shared.errors import BadInput, CairnError

# Unit vectors to this much; int8 and printed decimals stay well within.
UNIT_TOLERANCE = 0.01
_AT_ONCE = 65_536
_LAST_S = 2**32  # the year 2106; a time beyond is milliseconds by mistake


class BadScenario(BadInput):
    """A scenario folder lacks a file, or one of its files is not as the format says."""


def bad(path: Path, why: str, hint: str, line: int | None = None) -> BadScenario:
    """`line` counts from 1, as editors do."""
    where = path.name if line is None else f"{path.name} line {line}"
    return BadScenario(f"{where}: {why}", hint=hint)


def read_json(path: Path) -> Any:
    """The values of a JSON file; NaN and Infinity are no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise _missing(path, error) from None
    except json.JSONDecodeError as error:
        raise bad(path, f"is no JSON ({error.msg})", "write it with a JSON library", error.lineno) from None
    except (ValueError, RecursionError):
        raise bad(path, "is no JSON in UTF-8", "write it with a JSON library") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def read_vectors(path: Path) -> Float32:
    """float32 [n, d] unit rows, mapped from the disk."""
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise _missing(path, error) from None
    except (ValueError, EOFError):
        raise bad(path, "is no numpy array, or cut short", "write it with numpy.save as float32 [n, d]") from None
    if vectors.ndim != 2 or vectors.dtype != np.float32 or not 2 <= vectors.shape[1] <= MAX_DIMENSIONS:
        why = f"has type {vectors.dtype} and shape {vectors.shape}"
        raise bad(path, why, f"write float32 [n, d] with 2 ≤ d ≤ {MAX_DIMENSIONS}")
    for at in range(0, len(vectors), _AT_ONCE):
        norms = np.linalg.norm(vectors[at : at + _AT_ONCE], axis=1)
        wrong = np.flatnonzero(~(np.abs(norms - 1) <= UNIT_TOLERANCE))  # NaN is wrong too
        if len(wrong):
            raise bad(path, f"row {at + wrong[0]} is no unit vector", "divide each row by its length; no NaN")
    return np.asarray(vectors)


class Table:
    """A CSV's columns as text, with conversions that name the line of what does not convert."""

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        """Read it. Raises BadScenario when it is missing, has other fields, or a line of another length."""
        self.path, (self._length, self._columns) = path, _read_columns(path, fields)

    def __len__(self) -> int:
        return self._length

    def text(self, name: str) -> tuple[str, ...]:
        return self._columns.get(name, ())

    def names(self, name: str, hint: str = "give every row a name of its own") -> tuple[str, ...]:
        """Names that are not empty and stand once."""
        column = self.text(name)
        if len(set(column)) == len(column) and "" not in column:
            return column
        seen: set[str] = set()
        for row, value in enumerate(column):
            if not value or value in seen:
                self.refuse(row, f"{name} {value[:40]!r} is empty or stands twice", hint)
            seen.add(value)
        return column

    def each(self, name: str, convert: Callable[[str], Any], hint: str) -> list[Any]:
        """`convert` applied to every cell; its ValueError, KeyError or CairnError names the line."""
        values = []
        for row, cell in enumerate(self.text(name)):
            try:
                values.append(convert(cell))
            except (ValueError, KeyError, CairnError):
                self.refuse(row, f"{name} is {cell[:40]!r}", hint)
        return values

    def numbers(self, name: str, lowest: float = -np.inf, highest: float = np.inf, blank: bool = False) -> Floats:
        """Finite numbers within limits; with `blank` an empty cell is NaN."""
        column = self.text(name)
        blank_is = "nan" if blank else ""
        try:
            values = np.fromiter((float(cell or blank_is) for cell in column), np.float64, len(column))
        except ValueError:
            values = np.array(self.each(name, lambda cell: float(cell or blank_is), "write a number"), np.float64)
        wrong = ~(np.isfinite(values) & (values >= lowest) & (values <= highest))
        if blank:
            wrong &= np.fromiter((cell != "" for cell in column), np.bool_, len(column))
        self.refuse_any(wrong, f"{name} is no number within limits", f"write a number from {lowest} to {highest}")
        return values

    def rows(self, name: str, count: int, none: bool = True) -> Ints:
        """Whole numbers 0 … count - 1, or -1 for none."""
        values = np.array(self.each(name, int, "write a whole number"), np.int64)
        self.refuse_any(
            (values < (-1 if none else 0)) | (values >= count), f"{name} points at no row", "see the arrays"
        )
        return values

    def known(self, name: str, index: Mapping[str, int], what: str) -> Ints:
        """The row of each name in `index`."""
        return np.array(self.each(name, index.__getitem__, f"name {what} that exists"), np.int64)

    def refuse_any(self, wrong: npt.NDArray[np.bool_], why: str, hint: str) -> None:
        """Refuse at the first row that is wrong, if any is."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            self.refuse(int(rows[0]), why, hint)

    def refuse(self, row: int, why: str, hint: str) -> NoReturn:
        raise bad(self.path, why, hint, row + 2)


def moment(value: object) -> datetime:
    """ISO-8601 with an offset, or Unix seconds. Raises ValueError or BadInput."""
    if isinstance(value, str):
        return as_utc(datetime.fromisoformat(value))
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LAST_S:
        return from_unix(float(value))
    raise ValueError


def _read_columns(path: Path, fields: Sequence[str]) -> tuple[int, dict[str, tuple[str, ...]]]:
    """How many lines there are below the first, and the columns of `fields`, with equal cells kept once."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file, strict=True)
            head = next(lines, None)
            if not head:
                raise bad(path, "is empty", "the first line must name the fields")
            missing = [name for name in fields if name not in head]
            if missing:
                raise bad(path, f"lacks the field {missing[0]}", f"the first line must name {', '.join(fields)}", 1)
            return _columns(path, head, fields, lines)
    except OSError as error:
        raise _missing(path, error) from None
    except (UnicodeDecodeError, csv.Error):
        raise bad(path, "is no CSV in UTF-8", "write it with a CSV library") from None


def _columns(
    path: Path, head: Sequence[str], fields: Sequence[str], lines: Iterator[list[str]]
) -> tuple[int, dict[str, tuple[str, ...]]]:
    at = {name: head.index(name) for name in fields}
    columns: dict[str, list[str]] = {name: [] for name in fields}
    known: dict[str, dict[str, str]] = {name: {} for name in fields}
    count = 0
    while rows := list(islice(lines, _AT_ONCE)):
        for number, row in enumerate(rows, count + 2):
            if len(row) != len(head):
                raise bad(path, f"has {len(row)} fields instead of {len(head)}", "mend or delete this line", number)
        for name, column in columns.items():
            cells = [row[at[name]] for row in rows]
            if len(known[name]) < _AT_ONCE:
                cells = [*map(known[name].setdefault, cells, cells)]
            column.extend(cells)
        count += len(rows)
    return count, {name: tuple(column) for name, column in columns.items()}


def _missing(path: Path, error: OSError) -> BadScenario:
    return bad(path, f"cannot be read ({error.strerror})", "a scenario folder needs this file; see its format")
