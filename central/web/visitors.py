"""Who is looking at a page, and whether a form that comes back is one that we gave them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request
from sqlmodel import Session

from central.accounts.endpoints import At
from central.accounts.tables import Account
from central.errors import BadRequest, NotSignedIn
from central.web.sessions import Sessions
from shared.errors import Refused

COOKIE: Final = "cairn-session"
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 100


class ForeignForm(Refused):
    """A form did not come from a page that we gave this browser."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in; `form_key` goes into every form on their pages."""

    account: Account
    form_key: str


def sessions_of(request: Request) -> Sessions:
    found: Sessions = request.app.state.web_sessions
    return found


def visitor(request: Request, centre: At) -> Visitor:
    """Raises NotSignedIn. The account is kept with the request, so that a refusal can be put down to it."""
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        raise NotSignedIn("nobody is signed in here", hint="sign in with your token")
    with Session(centre.engine) as session:
        found, account = sessions_of(request).find(cookie, session, centre.clock.now())
    request.state.account = account.name
    request.state.visitor = Visitor(account, found.form_key)
    return Visitor(account, found.form_key)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form of this site. Raises ForeignForm for another site's, BadRequest for what is no form."""
    return await fields_of(request, _MOST_FIELDS)


async def fields_of(request: Request, most: int) -> dict[str, str]:
    """The same for a page whose forms have more fields, empty ones counted."""
    _same_site(request)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise BadRequest("this is not a form of these pages", hint="go back and send it again")
    try:
        fields = parse_qsl((await request.body()).decode("utf-8"), max_num_fields=most)
    except ValueError:
        raise BadRequest("this form cannot be read", hint="go back and send it again") from None
    return dict(fields)


Visit = Annotated[Visitor, Depends(visitor)]
Form = Annotated[dict[str, str], Depends(form)]


def own_form(fields: Form, visit: Visit) -> Visitor:
    """The visitor whose form this is. Raises ForeignForm for one that was not given to them."""
    if not hmac.compare_digest(fields.get("form_key", "").encode(), visit.form_key.encode()):
        raise ForeignForm("this form is old, or not yours", hint="go back, reload the page and send it again")
    return visit


Sender = Annotated[Visitor, Depends(own_form)]


def _same_site(request: Request) -> None:
    # Browsers say where a form comes from; what says nothing is no browser, and has no cookie of ours to misuse.
    fetched = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if fetched not in ("same-origin", "none") or (origin is not None and urlsplit(origin).netloc != host):
        raise ForeignForm("this form comes from another site", hint="open the page here and send it again")
