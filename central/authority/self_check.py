"""What an authority looks at before it releases anything: its secrets, its log, its files, its keys and its clock."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from central.authority.book import Book
from central.authority.clock_guard import ClockGuard
from central.authority.day_secrets import DaySecrets
from shared.errors import BadInput, CairnError, Refused
from shared.keys import seal_to, sealing_public

if TYPE_CHECKING:
    from central.authority.service import AuthorityFiles


class LogBroken(Refused):
    """The authority's log was edited, or something of it is missing."""


class FilesOpen(Refused):
    """Others than the authority's own user may read one of its files."""


class BadServiceKey(Refused):
    """The key that code shares are to be sealed to is no usable key."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was looked at, in order, with what was wrong there, or None."""

    parts: tuple[tuple[str, CairnError | None], ...]

    @property
    def problems(self) -> list[CairnError]:
        return [error for _, error in self.parts if error is not None]

    def raise_first(self) -> None:
        """Raises the first problem as the named error that it is."""
        if self.problems:
            raise self.problems[0]


def self_check(files: AuthorityFiles, secrets: DaySecrets, book: Book, clock: ClockGuard) -> Findings:
    """Look at everything; nothing is repaired. Reads the whole log once."""
    looks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("clock", clock.believed),
        ("day secrets", secrets.check),
        ("log", lambda: _check_log(book)),
        ("witnesses", book.compare),
        ("files", lambda: _check_files(files)),
        ("probe service's key", lambda: _check_key(files.probes_public)),
    )
    return Findings(tuple((what, _error(look)) for what, look in looks))


def _error(look: Callable[[], object]) -> CairnError | None:
    try:
        look()
    except CairnError as error:
        return error
    return None


def _check_log(book: Book) -> None:
    found = book.check()
    if found.wrong is not None:
        hint = "keep the database as it is, and compare it with the witness and with a backup"
        raise LogBroken(f"this authority's log is not whole at entry {found.wrong}: {found.reason}", hint=hint)


def _check_files(files: AuthorityFiles) -> None:
    secret = files.passphrase_file if files.token is None else files.token.pin_file
    for path in (files.database, Path(f"{files.database}-journal"), secret, *files.private):
        if path and path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IRGRP:
            hint = f"chmod 600 {path}; if others may have read it, replace what is in it"
            raise FilesOpen(f"others may use the file {path}", hint=hint)


def _check_key(public: bytes) -> None:
    try:
        seal_to(sealing_public(public), b"self-check", b"")
    except (BadInput, ValueError):
        hint = "copy the public key that `cairn-central key sealing` wrote for the probe service"
        raise BadServiceKey("the probe service's key cannot be sealed to", hint=hint) from None
