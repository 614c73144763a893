"""Who released keys for a search: that is in the log whatever became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from central.authority.client import Releases
from central.authority.released import Recipient
from central.probes.client import Probes
from central.probes.hand_off import Targets
from central.search.case_search import SearchParts
from shared.releases import CaseScope


@dataclass(slots=True)
class ReleasesMade:
    """The names of authorities that gave their part, in order, and how many cell-hours that was for."""

    names: list[str] = field(default_factory=list)
    cell_hours: int = 0
    handed_on: tuple[int, int] | None = None  # sightings whose clothes were handed on, and to how many cell-hours

    def noting(self, parts: SearchParts, scope: CaseScope) -> SearchParts:
        """The same parts, whose authorities are noted here when they release."""
        self.cell_hours = len(scope.cells) * len(scope.hours)
        authorities = [cast(Releases, _Noting(one, self.names)) for one in parts.authorities]
        return replace(parts, authorities=authorities, probes=cast(Probes, _NotingProbes(parts.probes, self)))

    def in_words(self, batches: int) -> str:
        """For the audit log; central.reports.log_details reads it back."""
        return f"by {', '.join(self.names)}; {self.cell_hours} cell-hours, {batches} batches searched"


class _Noting:
    """One authority; whatever else it is asked goes through."""

    def __init__(self, authority: Releases, names: list[str]) -> None:
        self._authority, self._names = authority, names

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes, *cells: Sequence[str]) -> bytes:
        sealed = self._authority.release(release_bytes, recipient, public, *cells)
        if self._authority.name not in self._names:
            self._names.append(self._authority.name)
        return sealed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._authority, name)


class _NotingProbes:
    """The probe service; whatever else it is asked goes through."""

    def __init__(self, probes: Probes, made: ReleasesMade) -> None:
        self._probes, self._made = probes, made

    def hand_on(self, release_bytes: bytes, sealed: bytes, targets: Targets, worker: X25519PublicKey) -> bytes:
        answer = self._probes.hand_on(release_bytes, sealed, targets, worker)
        self._made.handed_on = len(targets), len({epoch for epochs in targets.values() for epoch in epochs})
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._probes, name)
