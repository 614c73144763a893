"""A search job, opened: everything that a worker knows of one case while it lives."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.released import CombinedShares, Recipient, ReleasedShares, combined, not_covered, open_released
from central.probes.hand_off import Clothes, HandOffRefused, seal_clothes
from central.probes.probe_sets import Probes, open_probes
from central.search.job import MOST_CANDIDATES, Job
from central.search.opened import Opened
from shared.epochs import Modality
from shared.errors import BadInput
from shared.keys import sealing_public
from shared.sightings import sighting_id


@dataclass(frozen=True, slots=True)
class Search:
    """Everything that one case's job needs, opened: seal shares and probes by epoch, the window, the radius in bits.

    `probe_service` is the one that every authority names, `hand_off` the model whose clothes may be handed on.
    `clothes` are those of the hits so far, None where they cannot be; they leave only sealed to the probe service.
    `most` candidates of each modality are answered.
    """

    case: str
    shares: CombinedShares = field(repr=False)
    probes: Probes = field(repr=False)
    start: datetime
    end: datetime
    radius: Mapping[Modality, int]
    not_covered: Mapping[str, tuple[str, ...]]
    probe_service: bytes
    hand_off: str
    clothes: dict[str, Clothes | None] = field(default_factory=dict, repr=False)
    most: int = MOST_CANDIDATES

    def handed_off(self, sightings: Iterable[str], public: bytes) -> bytes:
        """The clothes of confirmed candidates, sealed to the probe service; empty when none has any.

        Raises HandOffRefused.
        """
        named = list(dict.fromkeys(sightings))
        if not self.hand_off or not self.probes.ticket:
            hint = "the scope appearance and one probe service, which all authorities name, are needed"
            raise HandOffRefused("no clothes are handed on in this case", hint=hint)
        if not named or any(name not in self.clothes for name in named):
            raise HandOffRefused("no candidate is named so", hint="hand on what this search has found")
        clothes = [worn for name in named if (worn := self.clothes[name]) is not None]
        if not clothes:
            return b""
        return seal_clothes(self.case, self.probes.ticket, public, clothes, sealing_public(self.probe_service))

    def forget(self) -> None:
        """Overwrite shares and probes, as far as they are in memory of our own."""
        self.clothes.clear()
        for array in (self.shares.array, *(columns.codes for columns in self.probes.columns)):
            if array.nbytes and array.flags.c_contiguous:
                ctypes.memset(array.ctypes.data, 0, array.nbytes)

    @property
    def window_ms(self) -> tuple[int, int]:
        """The window in Unix milliseconds."""
        return round(self.start.timestamp() * 1000), round(self.end.timestamp() * 1000)

    def keep_clothes(self, opened: Opened, rows: Iterable[int]) -> None:
        """Of what was found, in case it is confirmed."""
        columns, model = opened.columns, opened.models.get(Modality.APPEARANCE.value, "")
        for row in rows:
            name = sighting_id(columns.node, columns.boot, int(columns.number[row]))
            self.clothes[name] = None
            if columns.has_appearance[row] and model == self.hand_off:
                self.clothes[name] = Clothes(name, columns.epoch, model, columns.appearance[row].tobytes())


def open_job(job: Job, private: X25519PrivateKey) -> Search:
    """Open what was sealed to this worker. Raises CannotOpen, or BadInput without an authority."""
    released = {
        name: open_released(private, sealed, name, job.case, Recipient.SEARCH) for name, sealed in job.releases.items()
    }
    if not released:
        raise BadInput("a job without any release", hint="ask every authority for this worker's shares")
    return Search(
        case=job.case,
        shares=combined(released),
        probes=open_probes(job.case, job.probes, private),
        start=max(one.start for one in released.values()),
        end=min(one.end for one in released.values()),
        radius=job.radius,
        not_covered={day.isoformat(): tuple(names) for day, names in not_covered(released).items()},
        probe_service=next(iter(released.values())).probes_public,
        hand_off=job.hand_off if _may_hand_off(released) else "",
        most=job.most,
    )


def _may_hand_off(released: Mapping[str, ReleasedShares]) -> bool:
    """The authorities' word, sealed with their shares, so that the centre in between can name no other service."""
    services = {one.probes_public for one in released.values()}
    consented = all(Modality.APPEARANCE in one.consents for one in released.values())
    return consented and len(services) == 1 and b"" not in services
