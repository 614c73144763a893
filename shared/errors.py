"""The error tree of every room. A refusal is a named error that says what to do next.

CairnError
├── BadInput                 what came in is not what it claims to be
│   ├── BadIdentifier
│   ├── BadEmbedding
│   ├── BadRelease
│   ├── BadCalibration
│   └── BadBatch
│       ├── BadSignature
│       ├── UnknownVersion
│       ├── CannotOpen
│       └── TooLarge
├── Refused                  well-formed, and not allowed
│   ├── ReleaseRefused
│   └── CalibrationMissing
└── TransportDown            nobody is listening just now
"""

from __future__ import annotations


class CairnError(Exception):
    """Something a person should be told in words; `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class BadInput(CairnError):
    """What came in is not what it claims to be."""


class BadIdentifier(BadInput):
    """A name breaks the rules for names."""


class BadEmbedding(BadInput):
    """An embedding is empty, not finite or of the wrong shape."""


class BadRelease(BadInput):
    """A release document cannot be read."""


class BadCalibration(BadInput):
    """A calibration cannot be read, or leaves a kind of sighting out."""


class BadBatch(BadInput):
    """A batch is malformed."""


class BadSignature(BadBatch):
    """A batch was not signed by the node that it names."""


class UnknownVersion(BadBatch):
    """A batch has a schema version that this software does not know."""


class CannotOpen(BadBatch):
    """A seal does not open: the wrong key, or the bytes were changed."""


class TooLarge(BadBatch):
    """A batch is over the size limit."""


class Refused(CairnError):
    """Well-formed, and not allowed."""


class ReleaseRefused(Refused):
    """An authority will not release keys for this request."""


class CalibrationMissing(Refused):
    """No calibration was made with the models that made these codes."""


class TransportDown(CairnError):
    """The other side cannot be reached just now; nothing was sent."""
