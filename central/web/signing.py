"""A person's own key on the pages: enrolling a passkey, and approving a case with it.

The centre sees public halves and signatures only. What is signed is shown in words that are read from the very bytes.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from fastapi import Request, Response
from sqlmodel import Session

from central.accounts.endpoints import At
from central.accounts.passkeys import Passkey, enrolled, enrolment_options, passkey_from_bytes, signature_blob
from central.accounts.service import Role, known, put_key, require, role_ends
from central.accounts.tables import Account
from central.answers import Name
from central.audit.service import record
from central.cases.client import ToApprove
from central.cases.endpoints import approve as approve_case
from central.cases.endpoints import show_case
from central.cases.schemas import Approve, CaseOut
from central.cases.service import State
from central.centre import Centre
from central.database import writing
from central.errors import BadRequest, NotAllowed, NotFound, WrongState
from central.nodes.service import cells
from central.signers import fingerprint, kind_of
from central.sites import Site
from central.web.rendering import language_of
from central.web.routing import page_router, shown, to
from central.web.visitors import Form, Sender, Visit, Visitor
from central.web.words import word
from shared.clock import as_utc
from shared.errors import ReleaseRefused
from shared.releases import consent_from_bytes, scope_from_bytes, signed_bytes

SIGN_WITHIN: Final = timedelta(minutes=15)
_ERRORS: Final = ("NotAllowedError", "InvalidStateError", "SecurityError", "other")

router = page_router()


@router.get("/key")
def show_key(request: Request, centre: At, visit: Visit) -> Response:
    """Who one is here, until when, and with what one signs."""
    with Session(centre.engine) as session:
        row = known(session, visit.account.name)
        session.expunge(row)
        ends = {role: until for (name, role), until in role_ends(session).items() if name == row.name}
    site, now = site_of(request, centre), centre.clock.now()
    open_now = row.enrol_until is not None and now < row.enrol_until
    making = _making(site, row, visit) if site and open_now else None
    roles = visit.account.roles.split()
    return shown(
        request, visit, "key.html", script="passkey.js" if making else "", person=row, roles=roles,
        ends=ends, kind=kind_of(row.signing_public), print=fingerprint(row.signing_public), open_now=open_now,
        site=site, making=making, errors=_errors(request),
    )  # fmt: skip


@router.post("/key")
def enrol(request: Request, centre: At, fields: Form, visit: Sender) -> Response:
    """Takes the public half of a new passkey, once, while an administrator allows it."""
    site, now = site_of(request, centre), centre.clock.now()
    if site is None:
        hint = "an administrator sets CAIRN_CENTRE_ORIGIN to the address of these pages"
        raise WrongState("passkeys do not work under this address", hint=hint)
    name = visit.account.name
    with writing(centre.engine) as session:
        row = known(session, name)
        if row.enrol_until is None or now >= row.enrol_until:
            hint = "ask an administrator for: cairn-central account passkey"
            raise NotAllowed("no passkey may be enrolled now", hint=hint)
        made = enrolled(site, _challenge(visit), fields.get("client_data", ""), fields.get("attestation", ""))
        public = made.passkey.to_bytes()
        put_key(session, name, public, made.counter)
        kept = "its maker may copy it to other devices" if made.may_be_synced else "stays on its device"
        record(session, now, name, "enrolled passkey", detail=f"{fingerprint(public)}, {kept}")
    return to("/key")


@router.get("/key/public")
def public_file(centre: At, visit: Visit) -> Response:
    """The public half, for its person to bring to the offices."""
    with Session(centre.engine) as session:
        public = known(session, visit.account.name).signing_public
    if kind_of(public) != "passkey":
        raise NotFound("you hold no passkey here", hint="make one on the page Your key")
    name = f'attachment; filename="{visit.account.name}.passkey"'
    return Response(public, media_type="application/octet-stream", headers={"Content-Disposition": name})


@router.get("/cases/{case}/approve")
def ask_approval(request: Request, case: Name, centre: At, visit: Visit) -> Response:
    """Everything that a signature would stand for, and the two ways to give it."""
    require(visit.account, Role.APPROVER)
    found = show_case(case, centre, visit.account)
    asked, now = _to_approve(found, visit.account), centre.clock.now()
    document = signed_bytes(asked.approval(visit.account.name, now), "approver")
    with Session(centre.engine) as session:
        all_cells = len(cells(session))
    passkey = _passkey_of(request, centre, visit)
    return shown(
        request, visit, "approve.html", script="passkey.js" if passkey else "", case=case, asked=asked,
        all_cells=all_cells, document=_web(document), approved_at=now.isoformat(), passkey=passkey,
        credential=_web(passkey.credential) if passkey else "", minutes=int(SIGN_WITHIN.total_seconds()) // 60,
        errors=_errors(request),
    )  # fmt: skip


@router.post("/cases/{case}/approve")
def give_approval(case: Name, centre: At, fields: Form, visit: Sender) -> Response:
    """The second signature, as the browser's passkey gave it; each authority checks it again for itself."""
    require(visit.account, Role.APPROVER)
    approved_at, now = _moment(fields.get("approved_at", "")), centre.clock.now()
    found = show_case(case, centre, visit.account)
    document = signed_bytes(_to_approve(found, visit.account).approval(visit.account.name, approved_at), "approver")
    if fields.get("document", "") != _web(document):
        hint = "open the page again and look at what there is to sign now"
        raise WrongState("the case has changed since it was shown", hint=hint)
    if not now - SIGN_WITHIN <= approved_at <= now:
        raise WrongState("this page was open for too long", hint="open it again, look, and sign")
    parts = (_bytes(fields.get(name, "")) for name in ("authenticator_data", "client_data", "signature"))
    signature = base64.b64encode(signature_blob(*parts)).decode()
    approve_case(case, Approve(approved_at=approved_at, approver_signature=signature), centre, visit.account)
    return to(f"/cases/{case}")


def site_of(request: Request, centre: Centre) -> Site | None:
    """The address that passkeys are bound to: as it is set, or localhost itself where nothing is set."""
    if centre.site is not None:
        return centre.site
    # Nobody but this machine's own browser ever shows localhost as the origin of a page.
    return Site(f"http://{request.url.netloc}") if request.url.hostname == "localhost" else None


def _to_approve(found: CaseOut, account: Account) -> ToApprove:
    """Raises ReleaseRefused for the opener, and WrongState for a case that does not wait for an approval."""
    if found.opened_by == account.name:
        raise ReleaseRefused("the approver opened this case", hint="another person with the role approver must sign")
    if found.state != State.OPEN:
        raise WrongState(f"case {found.case} is {found.state}", hint="only an open case waits for an approval")
    if found.documents.consent is None or found.template is None:
        missing = (
            "the patient's consent is not taken down" if found.consent is None else "the patient is not registered"
        )
        raise WrongState(missing, hint="wait until the tracer has done so")
    scope, consent = (base64.b64decode(one) for one in (found.documents.scope, found.documents.consent))
    return ToApprove(
        scope_from_bytes(scope), consent_from_bytes(consent), bytes.fromhex(found.template), int(found.photos)
    )


def _making(site: Site, row: Account, visit: Visitor) -> dict[str, Any]:
    present = passkey_from_bytes(row.signing_public).credential if kind_of(row.signing_public) == "passkey" else None
    return enrolment_options(site, row.name, _challenge(visit), present)


def _challenge(visit: Visitor) -> bytes:
    # Known to this session only, and of use once: the permission to enrol ends with the first passkey.
    return hmac.digest(visit.form_key.encode(), f"cairn/v1 enrol {visit.account.name}".encode(), sha256)


def _passkey_of(request: Request, centre: Centre, visit: Visitor) -> Passkey | None:
    with Session(centre.engine) as session:
        public = known(session, visit.account.name).signing_public
    if kind_of(public) != "passkey":
        return None
    passkey = passkey_from_bytes(public)
    return passkey if passkey.site == site_of(request, centre) else None


def _errors(request: Request) -> dict[str, str]:
    language = language_of(request)
    return {name: word(f"passkey_{name}", language) for name in _ERRORS}


def _moment(text: str) -> datetime:
    try:
        return as_utc(datetime.fromisoformat(text))
    except ValueError:
        raise BadRequest("this form cannot be read", hint="go back and send it again") from None


def _web(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise BadRequest("this form cannot be read", hint="go back and send it again") from None
