"""A patient's case on a replayed site: consent, template and two signatures, by the centre's own services."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from sqlmodel import Session

from central.accounts.tables import Account
from central.cases import service as cases
from central.cases.tables import Case
from central.consents.terms import Said, Terms, receipt_on
from central.database import writing
from central.nodes.service import cells
from central.probes.templates import Kept
from central.replay.scenario import Float32, Floats, Patient, Scenario
from central.replay.site import APPROVER, TRACER, Site
from shared.codes import quantise
from shared.face_mask import FaceMask
from shared.keys import sealing_public
from shared.releases import MAX_PHOTOS, CaseScope, ConsentReceipt, Release, sign
from shared.templates import FacePart, Template, seal_template

TERMS, BASIS = Terms.load(), "consent-only"
# Masked faces of strangers have a cosine of about 0.16 with a masked reference, and 0.02 with a bare one.
_NEARER = 0.03
_FEWEST, _MOST = 2_000, 20_000


def approved_case(site: Site, case: str, patient: Patient, kept: Kept) -> Release:
    """Open a case over all cells, take the consent down, and have it approved by another person.

    The template must be registered already; `kept` is what `register` returned. Raises ReleaseRefused for what no
    authority would release, such as a window of 15 days.
    """
    now = site.clock.now()
    expires = now + timedelta(days=1)
    with writing(site.engine) as session:
        start, end = patient.window
        scope = CaseScope(case, BASIS, TRACER, start, end, tuple(sorted(cells(session))), patient.consent, expires)
        said = Said(f"receipt-{case}", case, patient.consent, now - timedelta(minutes=5), expires, TRACER)
        receipt = receipt_on(TERMS.notice, TERMS.bases[BASIS], said)
        _sign_all(session, site, scope, receipt, kept)
        release = cases.release_of(session.get_one(Case, case))
        session.commit()
    return release


def register(site: Site, case: str, template: Template) -> Kept:
    """Seal a template as a box does, and hand it to the probe service."""
    return site.probes.register(case, seal_template(template, case, sealing_public(site.probes.public)))


def template_of(scenario: Scenario, patient: Patient) -> Template:
    """A patient's references, fused as a box fuses photos: into a bare face, and one for masked sightings, which holds
    the face with and without a mask in equal parts.

    The first reference is a bare face. A scenario does not say which of the others wear a mask: those that are nearer
    to its masked faces, and farther from its bare ones, than the first; and all of them where there are too few faces
    to tell. Without a masked one the bare face stands for both.
    """
    references = scenario.references[list(patient.faces)]
    worn, bare = _usual(scenario, references, FaceMask.WORN), _usual(scenario, references, FaceMask.ABSENT)
    nearer = np.ones(len(references)) if worn is None or bare is None else (worn - bare) - (worn - bare)[0]
    masked = np.append(False, nearer[1:] > _NEARER)
    of_bare = _fused(references[~masked])
    both = _fused(np.stack([of_bare, _fused(references[masked])])) if masked.any() else of_bare
    rows = quantise(np.stack([of_bare, both]))
    return Template(min(len(references), MAX_PHOTOS), FacePart(scenario.face_model, rows[0], rows[1]), None)


def close_case(site: Site, case: str) -> None:
    """Stop its releases and erase its template: only ten cases may be live at once."""
    for authority in site.authorities:
        authority.withdraw(case)
    site.probes.erase(case)


def _sign_all(session: Session, site: Site, scope: CaseScope, receipt: ConsentReceipt, kept: Kept) -> None:
    tracer, approver, now = site.people[TRACER], site.people[APPROVER], site.clock.now()
    own, other = session.get_one(Account, TRACER), session.get_one(Account, APPROVER)
    cases.open_case(session, own, scope, sign(scope, "opener", tracer), now, TERMS.bases)
    cases.take_consent(session, own, receipt, sign(receipt, "witness", tracer), now, TERMS)
    cases.registered(session, own, scope.case, kept, now)
    asked = cases.approval_of(session.get_one(Case, scope.case), APPROVER, now)
    cases.approve(session, other, scope.case, now, sign(asked, "approver", approver), now, TERMS.bases)


def _fused(rows: Float32) -> Float32:
    """The mean direction of unit vectors [n, d], at length 1."""
    total = rows.sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _usual(scenario: Scenario, references: Float32, mask: FaceMask) -> Floats | None:
    """The median cosine of each reference with the faces of this mask state: the patient's own hardly move it."""
    rows = scenario.sightings.face[(scenario.sightings.mask == mask) & (scenario.sightings.face >= 0)]
    if len(rows) < _FEWEST:
        return None
    some = np.sort(rows)[:: -(-len(rows) // _MOST)]
    return np.asarray(np.median(scenario.faces[some] @ references.T, axis=0), np.float64)
