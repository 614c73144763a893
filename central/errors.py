"""Refusals of the centre, each with the HTTP status that stands for it."""

from __future__ import annotations

from shared.errors import BadInput, CairnError, Refused, TransportDown


class NotFound(BadInput):
    """There is no such thing, or it is not yours to know."""


class NotSignedIn(Refused):
    """No valid token was shown."""


class NotAllowed(Refused):
    """The account's role does not permit this."""


class WrongState(Refused):
    """The case is not in a state in which this can be done."""


STATUS: dict[type[CairnError], int] = {
    NotFound: 404,
    NotSignedIn: 401,
    NotAllowed: 403,
    WrongState: 409,
    Refused: 403,
    BadInput: 422,
    TransportDown: 503,
    CairnError: 500,
}


def status_of(error: CairnError) -> int:
    """The status of the nearest class above the error's own."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
