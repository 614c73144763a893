"""The address under which browsers see the pages: what a passkey is bound to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

# A name, not an IP address, which no passkey can be bound to; in the spelling that browsers use, without port 443.
_ORIGIN: Final = re.compile(
    r"(https://|http://(?=localhost(:|$)))(?!.*:(443|80)$)([a-z0-9-]+\.)*[a-z][a-z0-9-]*(:\d{1,5})?"
)


@dataclass(frozen=True, slots=True)
class Site:
    """An origin, such as https://cairn.example.kr; its host is the RP ID of WebAuthn. ValueError for what is none."""

    origin: str

    def __post_init__(self) -> None:
        check_origin(self.origin)

    @property
    def host(self) -> str:
        return urlsplit(self.origin).hostname or ""


def check_origin(origin: str) -> None:
    """Raises ValueError unless passkeys can be bound to this address: https, or http on localhost."""
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("write it as browsers do, https://HOST or https://HOST:PORT, a name and nothing behind it")
