"""What the demo says while it works: one line a stage, with the seconds that it took."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class Stage:
    """A running stage; `detail` is added to its line when it is done."""

    detail: str = ""


@dataclass(slots=True)
class Teller:
    """Prints to standard output. On a terminal the running stage is shown too."""

    began: float = field(default_factory=monotonic)

    @contextmanager
    def stage(self, what: str) -> Iterator[Stage]:
        """One line when it is done; nothing when it fails, because the error says it."""
        stage, began, live = Stage(), monotonic(), sys.stdout.isatty()
        if live:
            sys.stdout.write(f"  … {what}")
            sys.stdout.flush()
        try:
            yield stage
        except BaseException:
            if live:
                self.line("")
            raise
        words = f"{what}: {stage.detail}" if stage.detail else what
        self.line(("\r\033[K" if live else "") + f"✓ {monotonic() - began:5.1f} s  {words}")

    def line(self, text: str = "") -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    @property
    def seconds(self) -> float:
        return monotonic() - self.began
