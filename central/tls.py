"""What a service shows and whom it trusts, as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """This service's certificate and key, and the CA that the other side must come from; None asks for none."""

    ca: Path | None
    certificate: Path
    key: Path
