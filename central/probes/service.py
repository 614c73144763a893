"""Makes probe codes of a patient's template for the cell-hours that all authorities released, and for no others."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from central.authority.asking import ask
from central.authority.client import Releases
from central.authority.released import CombinedShares, Recipient, combined, open_released
from central.probes.hand_off import Clothes, HandOffRefused, Targets, check_targets, handed_on, open_clothes
from central.probes.making import Wanted, make, wanted
from central.probes.probe_sets import Probes, seal_probes
from central.probes.templates import Kept, SealedTemplates, kept
from shared.codes import DIMENSIONS
from shared.epochs import Modality
from shared.errors import BadRelease, CairnError, ReleaseRefused
from shared.releases import Release, release_from_bytes
from shared.templates import Template, open_template

log = logging.getLogger(__name__)


class OtherTemplate(ReleaseRefused):
    """The template that lies here is not the one that the approver signed for."""


class NothingToSearchFor(ReleaseRefused):
    """The template holds nothing that the patient consented to be searched by."""


class ProbesAsked(NamedTuple):
    """A signed release, the search worker that the probes are sealed to, and the scope's cells that it searches: all,
    when none is named."""

    release: bytes
    worker: X25519PublicKey
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A release that every authority granted: the consents that all of them name, and their shares."""

    release: Release
    consents: tuple[str, ...]
    shares: CombinedShares

    @property
    def case(self) -> str:
        return self.release.scope.case


class ProbeService:
    """Holds the service's private key, the sealed templates, and the way to every authority.

    `dimensions` are the lengths of appearance embeddings by model.
    """

    def __init__(
        self,
        private: X25519PrivateKey,
        templates: SealedTemplates,
        authorities: Iterable[Releases],
        dimensions: Mapping[str, int] = DIMENSIONS,
    ) -> None:
        self._private = private
        self._templates = templates
        self._authorities = sorted(authorities, key=lambda authority: authority.name)
        self._dimensions = dimensions
        raw = private.private_bytes_raw()
        self._ticket_key = HKDF(SHA256(), 32, salt=None, info=b"cairn/v1 hand-off ticket").derive(raw)

    @property
    def public(self) -> bytes:
        """Raw X25519: what templates and code shares are sealed to."""
        return self._private.public_key().public_bytes_raw()

    def check_up(self) -> None:
        """It is here, in this process."""

    def register(self, case: str, sealed: bytes) -> Kept:
        """Keep a template that a box sealed to this service; refused unless it opens for this case."""
        told = kept(sealed, open_template(sealed, case, self._private))
        self._templates.put(case, sealed)
        log.info("template of case %s kept", case)
        return told

    def erase(self, case: str) -> bool:
        """Erase the case's template; True when there was one."""
        erased = self._templates.erase(case)
        log.info("template of case %s erased: %s", case, erased)
        return erased

    def probes(self, release_bytes: bytes, worker: X25519PublicKey, cells: Sequence[str] = ()) -> bytes:
        """Probes of every epoch in scope, or of some of its cells, sealed to one search worker.

        Asks every authority itself. Raises ReleaseRefused as they do, NoTemplate without a template, OtherTemplate for
        one that was not approved, and NothingToSearchFor when it holds nothing that the patient consented to.
        """
        (sealed,) = self.probes_for([ProbesAsked(release_bytes, worker, tuple(cells))])
        if isinstance(sealed, CairnError):
            raise sealed
        return sealed

    def probes_for(self, asked: Sequence[ProbesAsked]) -> list[bytes | CairnError]:
        """The same for several cases at once, which share what an epoch's key costs. A refusal is its own case's."""
        ready = [self._ready(one) for one in asked]
        opened = [one for one in ready if not isinstance(one, CairnError)]
        made = iter(make([part for _, some in opened for part in some]))
        sealed: list[bytes | CairnError] = []
        for found, (_, worker, _cells) in zip(ready, asked, strict=True):
            if isinstance(found, CairnError):
                sealed.append(found)
                continue
            one, some = found
            columns = [next(made) for _ in some]
            ticket = self._ticket(one.case, worker.public_bytes_raw())
            sealed.append(seal_probes(one.case, Probes(columns, ticket), worker))
            log.info("case %s: probes for %d cell-hours by %s", one.case, len(one.shares), _words(some))
        return sealed

    def _ready(self, asked: ProbesAsked) -> tuple[_Opened, list[Wanted]] | CairnError:
        """One case's shares and what is wanted with them, or why there are none."""
        try:
            release = release_from_bytes(asked.release)
            template = self._approved(release)
            one = self._open(release, asked.release, asked.cells)
            return one, _parts(template, one)
        except CairnError as error:
            return error

    def hand_on(self, release_bytes: bytes, sealed: bytes, targets: Targets, worker: X25519PublicKey) -> bytes:
        """Clothes of confirmed sightings, which a worker of the case sealed to this service, as probes for `targets`.

        Raises HandOffRefused, CannotOpen for another case's, and ReleaseRefused as the authorities do.
        """
        release = release_from_bytes(release_bytes)
        ticket, of, clothes = open_clothes(release.scope.case, sealed, self._private)
        if not hmac.compare_digest(ticket, self._ticket(release.scope.case, of)):
            hint = "only a worker that was given this case's probes may hand on"
            raise HandOffRefused("a hand-off is not from a search worker of this case", hint=hint)
        opened = self._open(release, release_bytes)
        if Modality.APPEARANCE not in opened.consents:
            hint = "ask the patient for the scope appearance, in a new case"
            raise HandOffRefused("the patient did not consent to a search by clothes", hint=hint)
        check_targets(clothes, targets, opened.shares)
        columns = handed_on(clothes, targets, opened.shares, self._dimension(clothes))
        count = sum(len(one) for one in columns)
        log.info("case %s: clothes of %d sightings handed on to %d cell-hours", opened.case, len(clothes), count)
        return seal_probes(opened.case, Probes(columns), worker)

    def _approved(self, release: Release) -> Template:
        """The template that the approver signed for; open only while probes are made."""
        case, approval = release.scope.case, release.approval
        sealed = self._templates.get(case)
        if not hmac.compare_digest(sha256(sealed).digest(), approval.template):
            hint = "open a new case, register the patient, and have it approved"
            raise OtherTemplate("another template was approved than the one that was registered", hint=hint)
        template = open_template(sealed, case, self._private)
        if template.photos != approval.photos:
            hint = "have the case approved as it is"
            raise OtherTemplate("the template was made from another number of photos than was approved", hint=hint)
        return template

    def _open(self, release: Release, release_bytes: bytes, cells: Sequence[str] = ()) -> _Opened:
        if not self._authorities:
            raise BadRelease("no authority is configured", hint="name the authorities in the settings")
        sealed = {a.name: ask(a, release_bytes, Recipient.PROBES, self.public, cells) for a in self._authorities}
        case = release.scope.case
        released = {
            name: open_released(self._private, answer, name, case, Recipient.PROBES) for name, answer in sealed.items()
        }
        named = [set(one.consents) for one in released.values()]
        consents = set(release.consent.scopes).intersection(*named)
        return _Opened(release, tuple(sorted(consents)), combined(released))

    def _dimension(self, clothes: Sequence[Clothes]) -> int:
        models = {one.model for one in clothes}
        if len(models) != 1 or (dimensions := self._dimensions.get(*models)) is None:
            hint = "hand on clothes of one model, and enter its length in shared/codes.py"
            raise HandOffRefused("how long these clothes' embeddings are is not known", hint=hint)
        return dimensions

    def _ticket(self, case: str, worker: bytes) -> bytes:
        return hmac.digest(self._ticket_key, case.encode() + b"\0" + worker, "sha256")


def _parts(template: Template, opened: _Opened) -> list[Wanted]:
    parts = wanted(template, opened.consents, opened.shares)
    if not parts:
        given = " and ".join(opened.consents) or "nothing"
        held = " and ".join(template.models) or "nothing"
        hint = "register the patient with what they consented to, in a new case"
        raise NothingToSearchFor(f"the patient consented to a search by {given}; the template holds {held}", hint=hint)
    return parts


def _words(parts: Sequence[Wanted]) -> str:
    return " and ".join(part.modality for part in parts)
