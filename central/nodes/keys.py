"""The signing keys of boxes, remembered for a few seconds: a revocation works at once, and a group needs no query."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine
from sqlmodel import Session

from central.nodes.service import signing_keys
from shared.keys import signing_public

REMEMBERED = timedelta(seconds=5)


class NodeKeys:
    """Not thread-safe. Only known boxes are remembered, so one that was just entered is taken at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[datetime, bytes, Ed25519PublicKey]] = {}

    def look_up(self, nodes: Iterable[str], now: datetime) -> dict[str, Ed25519PublicKey]:
        """Keys of those of `nodes` that are in the register and not revoked, as of at most five seconds ago."""
        wanted = set(nodes)
        stale = [node for node in wanted if node not in self._known or now - self._known[node][0] >= REMEMBERED]
        if stale:
            self._ask(stale, now)
        return {node: self._known[node][2] for node in wanted if node in self._known}

    def _ask(self, nodes: list[str], now: datetime) -> None:
        with Session(self._engine) as session:
            current = signing_keys(session, nodes)
        for node in nodes:
            raw, before = current.get(node), self._known.pop(node, None)
            if raw is not None:
                same = before is not None and before[1] == raw
                self._known[node] = (now, raw, before[2] if before and same else signing_public(raw))
