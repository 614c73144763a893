"""Where a token with the key-encryption key is; known without loading its driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

KEY_LABEL = "cairn day secrets"


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Which driver, token and key; the PIN lies in a file. `key` is the key's label."""

    module: Path
    token: str
    pin_file: Path = field(repr=False)
    key: str = KEY_LABEL
