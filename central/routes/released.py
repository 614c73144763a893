"""Who released keys for a search: that is in the log whatever became of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

from central.authority.client import Releases
from central.authority.released import Recipient
from central.search.case_search import SearchParts
from shared.releases import CaseScope


@dataclass(slots=True)
class ReleasesMade:
    """The names of authorities that gave their part, in order, and how many cell-hours that was for."""

    names: list[str] = field(default_factory=list)
    cell_hours: int = 0

    def noting(self, parts: SearchParts, scope: CaseScope) -> SearchParts:
        """The same parts, whose authorities are noted here when they release."""
        self.cell_hours = len(scope.cells) * len(scope.hours)
        return replace(parts, authorities=[cast(Releases, _Noting(one, self.names)) for one in parts.authorities])

    def in_words(self, batches: int) -> str:
        """For the audit log; central.reports.log_details reads it back."""
        return f"by {', '.join(self.names)}; {self.cell_hours} cell-hours, {batches} batches searched"


class _Noting:
    """One authority; whatever else it is asked goes through."""

    def __init__(self, authority: Releases, names: list[str]) -> None:
        self._authority, self._names = authority, names

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes) -> bytes:
        sealed = self._authority.release(release_bytes, recipient, public)
        if self._authority.name not in self._names:
            self._names.append(self._authority.name)
        return sealed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._authority, name)
