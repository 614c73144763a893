"""What every page has in common: refusals are pages too, who sees which links, and where each role begins."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from central.accounts.service import Role, has_role
from central.accounts.tables import Account
from central.answers import retry_after
from central.errors import BadRequest, NotSignedIn, status_of
from central.web.rendering import HEADERS, page
from central.web.visitors import Visitor
from shared.errors import CairnError

ROOT: Final = "/pages"
# Where each role works: path, word, roles; everybody has the last one.
PLACES: Final = (
    ("/cases", "cases", frozenset({Role.TRACER, Role.APPROVER})),
    ("/audit", "audit", frozenset({Role.PRIVACY_OFFICER})),
    ("/log", "log", frozenset({Role.PRIVACY_OFFICER})),
    ("/canaries", "canaries", frozenset({Role.PRIVACY_OFFICER})),
    ("/retention", "retention", frozenset({Role.PRIVACY_OFFICER})),
    ("/transparency", "transparency", frozenset({Role.PRIVACY_OFFICER})),
    ("/withdrawal", "withdrawal", frozenset({Role.PRIVACY_OFFICER})),
    ("/masks", "masks", frozenset({Role.TRACER, Role.PRIVACY_OFFICER})),
    ("/accounts", "accounts", frozenset({Role.ADMINISTRATOR})),
    ("/key", "your_key", frozenset(Role)),
)


class PageRoute(APIRoute):
    """Answers refusals with a page, or with the way to sign in, and gives every answer the pages' headers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        plain = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                answer = await plain(request)
            except RequestValidationError:
                answer = problem(request, BadRequest("there is no such page", hint="go back to the list"))
            except CairnError as error:
                # The API's handler notes the refusal in the audit log; its answer for programs is not shown.
                await request.app.exception_handlers[CairnError](request, error)
                answer = to("/sign-in") if isinstance(error, NotSignedIn) else problem(request, error)
            for name, value in HEADERS.items():
                answer.headers.setdefault(name, value)
            return answer

        return handle


def page_router() -> APIRouter:
    return APIRouter(prefix=ROOT, route_class=PageRoute, include_in_schema=False)


def shown(request: Request, visit: Visitor, template: str, status: int = 200, /, **values: Any) -> Response:
    """A page for somebody signed in. `values` are escaped where they are shown."""
    account, places = visit.account, places_of(visit.account)
    about: dict[str, Any] = {"account": account.name, "form_key": visit.form_key, "places": places, **values}
    return page(request, template, status, **about)


def problem(request: Request, error: CairnError) -> Response:
    """A refusal in words, with the links of whoever is signed in."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    said: dict[str, Any] = {"kinds": kinds, "message": error.message, "hint": error.hint}
    visit: Visitor | None = getattr(request.state, "visitor", None)
    status = status_of(error)
    answer = (
        shown(request, visit, "problem.html", status, **said)
        if visit
        else page(request, "problem.html", status, **said)
    )
    answer.headers.update(retry_after(error))
    return answer


def to(path: str) -> RedirectResponse:
    return RedirectResponse(ROOT + path, 303)


def places_of(account: Account) -> list[tuple[str, str]]:
    """Path and word of the pages that this account may open."""
    return [(ROOT + path, name) for path, name, roles in PLACES if any(has_role(account, role) for role in roles)]


def home_of(account: Account) -> str:
    """Where somebody begins, below ROOT."""
    return next((path for path, _, roles in PLACES if any(has_role(account, role) for role in roles)), "/key")
