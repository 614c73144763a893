"""One entry with everything that proves it: a JSON document that is checked with public keys and nothing else."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from central.audit.columns import EntryColumns, leaf_of, words_do_not_fit
from central.audit.log import MerkleLog
from central.audit.merkle import HASH_BYTES, inclusion_holds
from central.audit.notes import Checkpoint, Kind, Note, Unsigned, Verifier, opened
from central.errors import NotFound
from shared.errors import BadInput

FORMAT = "cairn audit proof, version 1"
_WORDS = ("account", "action", "case", "detail")


class BadProof(BadInput):
    """A proof cannot be read, or does not prove what it says."""


class LogBroken(BadInput):
    """An entry of the log was edited, is missing, or stands elsewhere than it did."""


def prove(log: MerkleLog[Any, Any], session: Session, number: int, checkpoint: str) -> dict[str, Any]:
    """The document for entry `number`, under a signed checkpoint. NotFound when that does not reach so far."""
    size = Checkpoint.parse(Note.parse(checkpoint).text).size if checkpoint else 0
    entry = session.get(log.entry, number) if number > 0 else None
    if entry is None or number > size:
        hint = "see the numbers in the log; the newest entries are signed for within a minute"
        raise NotFound(f"there is no signed entry {number}", hint=hint)
    path = log.inclusion(session, number, size)
    return {
        "format": FORMAT,
        "entry": entry_to_json(entry),
        "inclusion": [base64.b64encode(one).decode() for one in path],
        "checkpoint": checkpoint,
    }


def check_proof(document: object, log_key: Verifier, witnesses: Iterable[Verifier] = ()) -> dict[str, Any]:
    """What was proven. BadProof, BadNote or Unsigned when it was not: each of `witnesses` must have cosigned."""
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise BadProof("this is not a proof of a log's entry", hint="make one with: cairn-central audit prove NUMBER")
    entry = entry_from_json(document.get("entry"), BadProof)
    inclusion, written = document.get("inclusion"), document.get("checkpoint")
    if not isinstance(inclusion, Sequence) or isinstance(inclusion, str) or not isinstance(written, str):
        raise _damaged(BadProof)
    point, note = opened(written, log_key)
    path = [_bytes(one, BadProof, HASH_BYTES) for one in inclusion]
    if wrong := words_do_not_fit(entry):
        raise BadProof(f"the entry was changed: {wrong}", hint="ask the log for the proof again")
    number = entry.id or 0
    if not inclusion_holds(leaf_of(entry), number - 1, point.size, path, point.root):
        raise BadProof("the entry is not in the log that was signed", hint="the entry or the proof was changed")
    shown = {name: getattr(entry, name) for name in _WORDS if entry.salt is not None or name == "action"}
    return {
        "entry": number,
        "at": entry.at.isoformat(),
        **shown,
        "erased": entry.salt is None,
        "log": point.origin,
        "entries": point.size,
        "cosigned": cosigned(note, witnesses),
    }


def cosigned(note: Note, witnesses: Iterable[Verifier]) -> dict[str, str]:
    """When each witness cosigned. Unsigned names one that did not."""
    wanted = list(witnesses)
    if any(key.kind is not Kind.WITNESS for key in wanted):
        raise BadInput(
            "a log's key was given as a witness's", hint="--log-key is for the log, --witness-key for others"
        )
    found = note.verified(wanted)
    for key in wanted:
        if key not in found:
            hint = "take a later checkpoint: a witness that was away cosigns when it is back"
            raise Unsigned(f"{key.name} has not cosigned this checkpoint", hint=hint)
    return {key.name: at.isoformat() for key, at in found.items() if at is not None}


def entry_to_json(entry: EntryColumns) -> dict[str, Any]:
    """One entry for files; what is binary in base64."""
    return {
        "number": entry.id,
        "at": entry.at.isoformat(timespec="microseconds"),
        **{name: getattr(entry, name) for name in _WORDS},
        "salt": None if entry.salt is None else base64.b64encode(entry.salt).decode(),
        "commitment": base64.b64encode(entry.commitment or b"").decode(),
    }


def entry_from_json(read: object, error: type[BadInput]) -> EntryColumns:
    """Raises `error` for anything that entry_to_json would not write."""
    if not isinstance(read, Mapping) or set(read) != {"number", "at", "salt", "commitment", *_WORDS}:
        raise _damaged(error)
    words = {name: read[name] for name in _WORDS}
    number, at = read["number"], read["at"]
    if type(number) is not int or not all(isinstance(text, str) for text in (at, *words.values())):
        raise _damaged(error)
    try:
        moment = datetime.fromisoformat(at)
        for text in words.values():
            text.encode()
    except ValueError:
        raise _damaged(error) from None
    if moment.tzinfo is None:
        raise _damaged(error)
    salt = None if read["salt"] is None else _bytes(read["salt"], error)
    return EntryColumns(
        id=number, at=moment, salt=salt, commitment=_bytes(read["commitment"], error, HASH_BYTES), **words
    )


def _bytes(text: object, error: type[BadInput], length: int | None = None) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        raise _damaged(error) from None
    if not isinstance(text, str) or (length is not None and len(raw) != length):
        raise _damaged(error)
    return raw


def _damaged(error: type[BadInput]) -> BadInput:
    return error("this cannot be read as what was written", hint="it is damaged or incomplete; get it again")
