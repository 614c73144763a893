"""Makes probe codes of a patient's template for the cell-hours that all authorities released, and for no others."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from central.authority.client import Releases
from central.authority.released import Recipient, ReleasedShares, combined, open_released
from central.probes.probe_sets import ProbeSet, seal_probe_sets
from central.probes.templates import Kept, SealedTemplates, Template, open_template
from shared.codes import BITS, encode_quantised
from shared.epochs import Epoch, Modality, code_key
from shared.errors import BadRelease, ReleaseRefused
from shared.face_mask import FaceMask
from shared.releases import release_from_bytes

log = logging.getLogger(__name__)

# Keys are turned into codes in groups: one key of 1,024 bits needs a few KB of signs, a fortnight of a city does not.
KEYS_AT_ONCE = 64


class ProbeService:
    """Holds the service's private key, the sealed templates, and the way to every authority."""

    def __init__(self, private: X25519PrivateKey, templates: SealedTemplates, authorities: Iterable[Releases]) -> None:
        self._private = private
        self._templates = templates
        self._authorities = sorted(authorities, key=lambda authority: authority.name)

    @property
    def public(self) -> bytes:
        """Raw X25519: what templates and code shares are sealed to."""
        return self._private.public_key().public_bytes_raw()

    def check_up(self) -> None:
        """It is here, in this process."""

    def register(self, case: str, sealed: bytes) -> Kept:
        """Keep a template that a box sealed to this service; refused unless it opens for this case."""
        template = open_template(self._private, case, sealed)
        self._templates.put(case, sealed)
        log.info("template of case %s kept", case)
        return Kept(sha256(sealed).digest(), template.photos, template.model, FaceMask.WORN in template.masks)

    def erase(self, case: str) -> bool:
        """Erase the case's template; True when there was one."""
        erased = self._templates.erase(case)
        log.info("template of case %s erased: %s", case, erased)
        return erased

    def probes(self, release_bytes: bytes, worker: X25519PublicKey) -> bytes:
        """Probe sets of every epoch in scope, sealed to one search worker.

        Asks every authority itself. Raises ReleaseRefused as they do, NoTemplate without a template.
        """
        case = release_from_bytes(release_bytes).scope.case
        sealed = {a.name: a.release(release_bytes, Recipient.PROBES, self.public) for a in self._authorities}
        released = {
            name: open_released(self._private, answer, name, case, Recipient.PROBES) for name, answer in sealed.items()
        }
        sets = face_probes(self._template(case, released), combined(released))
        log.info("case %s: probes for %d cell-hours", case, len(sets))
        return seal_probe_sets(case, sets, worker)

    def _template(self, case: str, released: dict[str, ReleasedShares]) -> Template:
        if not released:
            raise BadRelease("no authority is configured", hint="name the authorities in the settings")
        if any(Modality.FACE not in one.consents for one in released.values()):
            hint = "only a face can start a search; ask for the scope face"
            raise ReleaseRefused("the case has no scope face", hint=hint)
        return open_template(self._private, case, self._templates.get(case))


def face_probes(template: Template, shares: dict[Epoch, tuple[bytes, ...]]) -> list[ProbeSet]:
    """One ProbeSet an epoch: every face of the template under the key of that epoch."""
    epochs = sorted(shares)
    sets: list[ProbeSet] = []
    for first in range(0, len(epochs), KEYS_AT_ONCE):
        sets += _group(template, shares, epochs[first : first + KEYS_AT_ONCE])
    return sets


def _group(template: Template, shares: dict[Epoch, tuple[bytes, ...]], epochs: Sequence[Epoch]) -> list[ProbeSet]:
    keys = [code_key(shares[epoch], Modality.FACE, template.model, epoch) for epoch in epochs]
    codes = encode_quantised(template.faces, keys, BITS[Modality.FACE])
    return [
        ProbeSet(epoch, Modality.FACE, template.model, code, template.masks)
        for epoch, code in zip(epochs, codes, strict=True)
    ]
