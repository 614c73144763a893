"""A witness of logs: it remembers the largest checkpoint that it cosigned of each, and never cosigns one that takes
anything of it back. The rules are those of c2sp.org/tlog-witness; central.audit.witness_http serves them.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.audit.merkle import HASH_BYTES, consistency_holds
from central.audit.notes import BadNote, Checkpoint, Kind, Note, Verifier, cosign
from central.audit.witness_store import Seen, WitnessStore
from central.errors import NotFound, TooMuch
from shared.clock import Clock
from shared.errors import BadInput, Refused

log = logging.getLogger(__name__)

MAX_PROOF = 63
MAX_REQUEST_BYTES = 64 * 1024
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class UnknownLog(NotFound):
    """A witness is not configured for the log of this checkpoint."""


class WrongSigner(Refused):
    """A checkpoint is not signed with a key that the witness knows of that log."""


class NotConsistent(BadInput):
    """A signed checkpoint does not continue what the witness cosigned: the log was forked or rewritten."""


class Behind(Refused):
    """The request builds on another size than the witness is at; `size` is the one that it is at."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the witness is at {size} entries", hint="send a proof from that size")
        self.size = size


class Witnessing(Protocol):
    """What a log asks of a witness: a Witness in the same process, or a WitnessClient over HTTP."""

    def add(self, request: bytes) -> str:
        """The cosignature's line. Raises Behind, NotConsistent, UnknownLog, WrongSigner, BadNote or ServiceDown."""

    def latest(self, origin: str) -> str | None:
        """The newest cosigned checkpoint of a log, as a note; None when there is none, or no way to ask."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The body of an add-checkpoint request."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    def to_bytes(self) -> bytes:
        lines = [f"old {self.old}", *(base64.b64encode(one).decode() for one in self.proof)]
        return ("\n".join(lines) + "\n\n" + self.note).encode()

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpoint:
        """BadNote for anything of another form, TooMuch above 64 KiB."""
        if len(body) > MAX_REQUEST_BYTES:
            raise TooMuch("the request is too large", hint=f"at most {MAX_REQUEST_BYTES} bytes are taken")
        try:
            head, blank, note = body.decode().partition("\n\n")
            first, *lines = head.split("\n")
            old, proof = _OLD.fullmatch(first), tuple(base64.b64decode(line, validate=True) for line in lines)
        except ValueError:  # bad UTF-8 and bad base64 are both of this kind
            raise _malformed() from None
        if not old or not blank or len(proof) > MAX_PROOF or any(len(one) != HASH_BYTES for one in proof):
            raise _malformed()
        return cls(int(old[1]), proof, note)


class Witness:
    """Thread-safe, and safe beside another process on the same store. `logs` are the verifier keys of its logs."""

    def __init__(
        self, name: str, key: Ed25519PrivateKey, logs: Iterable[Verifier], store: WitnessStore, clock: Clock
    ) -> None:
        self.key = Verifier.of(name, Kind.WITNESS, key)
        self._private, self._store, self._clock = key, store, clock
        self._logs = tuple(logs)

    def add(self, request: bytes) -> str:
        asked = AddCheckpoint.parse(request)
        point, note = self._opened(asked.note)
        if asked.old > point.size:
            raise BadNote("the old size is above the checkpoint's", hint="a log does not shrink")
        now = self._clock.now()
        with self._store.changing() as store:
            seen = store.seen(point.origin)
            if asked.old != seen.size:
                raise Behind(seen.size)
            if not consistency_holds(seen.size, point.size, asked.proof, seen.root, point.root):
                store.keep_evidence(point.origin, str(note), now)
                log.error("log %s: a signed checkpoint of %d entries does not continue the %d that were cosigned",
                          point.origin, point.size, seen.size)  # fmt: skip
                if seen.size == point.size:
                    raise Behind(seen.size)
                raise _contradiction(point, seen)
            mine = cosign(note.text, self.key.name, self._private, now)
            whole = note.with_signatures(mine, [self.key])
            store.put(Seen(point.origin, point.size, point.root, str(whole), now))
        return str(mine).rpartition("\n\n")[2]

    def latest(self, origin: str) -> str | None:
        return self._store.latest(origin).note or None

    def evidence(self, origin: str) -> list[str]:
        """Checkpoints that this log has signed and that contradict what was cosigned: proof against whoever signed."""
        return self._store.evidence(origin)

    def logs(self) -> list[Seen]:
        """Where each log that it is configured for stands."""
        return [self._store.latest(origin) for origin in dict.fromkeys(known.name for known in self._logs)]

    def _opened(self, written: str) -> tuple[Checkpoint, Note]:
        note = Note.parse(written)
        point = Checkpoint.parse(note.text)
        keys = [known for known in self._logs if known.name == point.origin]
        if not keys:
            hint = "give the witness's office the log's verifier key; a restarted log has a new one"
            raise UnknownLog("this log is not known here", hint=hint)
        try:
            signed = note.verified(keys)
        except BadNote:
            signed = {}
        if not signed:
            raise WrongSigner("this checkpoint is not signed by its log", hint="compare the verifier keys")
        # Only what was verified is kept: strangers' lines would be passed on under our name.
        known = {(key.name, key.key_id) for key in signed}
        return point, Note(note.text, tuple(line for line in note.signatures if line[:2] in known))


def open_witness(name: str, key: Ed25519PrivateKey, logs: Iterable[str], store: Path, clock: Clock) -> Witness:
    """A witness from its settings; `logs` are verifier keys in text. BadNote for one that is none.

    The store must be there (WitnessStore.make): one that was lost must not be replaced by an empty one unnoticed.
    """
    return Witness(name, key, [Verifier.parse(text) for text in logs], WitnessStore(store), clock)


def _contradiction(point: Checkpoint, seen: Seen) -> NotConsistent:
    hint = "the log was forked, rewritten or rolled back: see `cairn-central audit verify`"
    return NotConsistent(f"{point.size} entries do not continue the {seen.size} that were cosigned", hint=hint)


def _malformed() -> BadNote:
    return BadNote("this is not an add-checkpoint request", hint="see c2sp.org/tlog-witness")
