"""Refusals of the centre, each with the HTTP status that stands for it.

BadInput ── NotFound, BadSettings (NewerDatabase), BadRequest, TooMuch, NoPictures
Refused ─── NotSignedIn, TooManyAttempts, NotAllowed, WrongCaller, WrongState (CaseEnded), LogRolledBack
TransportDown ── ServiceDown
"""

from __future__ import annotations

from shared.errors import BadInput, CairnError, Refused, TooLarge, TransportDown


class NotFound(BadInput):
    """There is no such thing, or it is not yours to know."""


class BadSettings(BadInput):
    """A program's settings are missing, malformed or still hold a placeholder."""


class NewerDatabase(BadSettings):
    """A later version of the software has changed this database; this one would not understand it."""


class BadRequest(BadInput):
    """A request does not have the form that the API describes."""


class TooMuch(BadInput):
    """A request's body is over the size limit."""


class NoPictures(BadInput):
    """Somebody sent an image; the centre takes none, not even a patient's."""


class NotSignedIn(Refused):
    """No valid token was shown."""


class TooManyAttempts(Refused):
    """Too many wrong tokens came from one address; it may try again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, hint: str = "", retry_after_s: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class NotAllowed(Refused):
    """The account's role does not permit this."""


class WrongCaller(Refused):
    """Another service's certificate was shown than the one that may ask this."""


class WrongState(Refused):
    """The case is not in a state in which this can be done."""


class CaseEnded(WrongState):
    """The case was withdrawn or closed; nothing of it can be searched any more."""


class LogRolledBack(Refused):
    """A witness holds a checkpoint that the audit log does not continue; nothing is searched until it is dealt with."""


class ServiceDown(TransportDown):
    """An authority or the probe service does not answer; the case waits."""


STATUS: dict[type[CairnError], int] = {
    NotFound: 404,
    NotSignedIn: 401,
    TooManyAttempts: 429,
    NotAllowed: 403,
    WrongState: 409,
    LogRolledBack: 503,
    TooMuch: 413,
    TooLarge: 413,
    NoPictures: 415,
    Refused: 403,
    BadInput: 422,
    TransportDown: 503,
    CairnError: 500,
}


def status_of(error: CairnError) -> int:
    """The status of the nearest class above the error's own."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
