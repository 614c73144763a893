"""What a benchmark gives: rows with stable names, printed as a table and written as JSON (design/figures.md)."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Say = Callable[[str], None]
NOISE = "The machine is shared, so the best of several turns counts; ratios hold, times move by half."


@dataclass(frozen=True, slots=True)
class Goal:
    """The figure to reach: `value` or more, `value` or less, or within `tolerance` of `value`."""

    sense: Literal["≥", "≤", "≈"]
    value: float
    tolerance: float = 0.0

    def met_by(self, value: float) -> bool:
        if self.sense == "≈":
            return abs(value - self.value) <= self.tolerance
        return value >= self.value if self.sense == "≥" else value <= self.value

    def __str__(self) -> str:
        return f"{self.sense} {self.value:g}" + (f" ± {self.tolerance:g}" if self.tolerance else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `peers` are others' values in the same run and unit; `note` says what was measured and how surely."""

    name: str
    value: float
    unit: str
    note: str
    goal: Goal | None = None
    peers: Mapping[str, float] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.goal.met_by(self.value)

    def to_map(self) -> dict[str, object]:
        return asdict(self) | {"goal": str(self.goal) if self.goal else None, "met": self.met}


def machine() -> dict[str, object]:
    """What the figures were measured on, and how busy it was with other things."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def table(rows: Sequence[Row]) -> str:
    """The rows as text, a missed goal marked."""
    marks = {None: " ", True: "✓", False: "✗"}
    lines = [("", "figure", "value", "unit", "goal", "beside")]
    for row in rows:
        beside = ", ".join(f"{name} {short(value)}" for name, value in row.peers.items())
        goal = str(row.goal) if row.goal else ""
        lines.append((marks[row.met], row.name, short(row.value), row.unit, goal, beside))
    widths = [max(len(line[at]) for line in lines) for at in range(5)]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=False)] for line in lines)
    return "\n".join("  ".join([*cells, line[5]]).rstrip() for cells, line in zip(padded, lines, strict=True))


def short(value: float) -> str:
    """Three significant digits, or all of a large number."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write(path: Path, about: Mapping[str, object], rows: Sequence[Row]) -> None:
    """Write build/bench.json whole or not at all; rows of other benchmarks that stand in it are kept."""
    kept = _rows_in(path)
    fresh = {row.name: row.to_map() for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    document = {"machine": dict(about), "rows": [*(kept | fresh).values()]}
    new.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    new.replace(path)


def _rows_in(path: Path) -> dict[str, dict[str, object]]:
    try:
        return {str(row["name"]): row for row in json.loads(path.read_text())["rows"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
