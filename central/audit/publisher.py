"""Publish a log: sign what it has become, put it where its operator cannot rewrite it, and hold the log against that.

A checkpoint goes to a file and to every witness with a proof that it continues the one before. What comes back is
compared: a log that is shorter than what was signed, or another one, raises an alarm that stays until somebody with a
reason begins a new generation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from sqlmodel import Session

from central.audit.history import BadHistory, CheckpointFile
from central.audit.notes import BadNote, Checkpoint, Kind, Note, Verifier, check_name, opened, sign
from central.audit.published import Contradicted, Published, Tables, check_reason
from central.audit.witness import AddCheckpoint, Behind, NotConsistent, Witnessing
from central.audit.witness_client import WitnessClient
from central.database import writing
from central.errors import LogRolledBack
from shared.clock import Clock
from shared.errors import BadInput, CairnError

FILE, ITSELF = "checkpoint file", "this database"
_ATTEMPTS = 3


class Publisher:
    """One log's voice. `name` is its origin, and `who` acts in its entries; witnesses are given by verifier key.

    `round` is meant for one thread at a time; the questions may be asked from any.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        tables: Tables,
        signer: tuple[str, Ed25519PrivateKey],
        witnesses: Mapping[Verifier, Witnessing],
        file: CheckpointFile | None = None,
        *,
        who: str = "centre",
    ) -> None:
        self._engine, self._clock, self._tables = engine, clock, tables
        self._private, self._witnesses, self._file = signer[1], dict(witnesses), file
        self._kept = Published(engine, clock, tables, check_name(signer[0]), who)
        self._unseen = set(self._witnesses)
        self._compared = False

    def round(self) -> None:
        """Compare, sign when the log grew, and bring everybody up to date who can be reached."""
        self._watch(ITSELF, lambda: self._compare_note(self._kept.newest(), self.log_key()))
        if not self._compared:
            self.compare()
        if self._kept.alarms():
            return
        point, note = self._signed()
        self._to_file(point, note)
        for key, witness in self._witnesses.items():
            known = self._kept.of(key.name)
            if key in self._unseen or (known.size, known.origin) != (point.size, point.origin):
                self._bring_up(key, witness, point, note)

    def compare(self) -> None:
        """Hold the log against what the file and the witnesses have of it; who cannot be reached is asked again."""
        key = self.log_key()
        self._compared = self._file is None or self._watch(FILE, self._compare_file)
        for one, witness in self._witnesses.items():
            self._compared &= self._watch(one.name, partial(self._compare_seen, one, witness, key))

    def must_hold(self) -> None:
        """Raises LogRolledBack while an alarm stands."""
        for who, words in self.alarms().items():
            hint = "find out why; after a restore: cairn-central audit restart --reason …"
            raise LogRolledBack(f"the audit log is not the one that {who} knows: {words}", hint=hint)

    def alarms(self) -> dict[str, str]:
        """Who holds what against this log; empty while everything fits."""
        return self._kept.alarms()

    def log_key(self) -> Verifier:
        """The verifier key of the generation that is being written."""
        return Verifier.of(self._kept.origin(), Kind.LOG, self._private)

    @property
    def witness_keys(self) -> list[Verifier]:
        return list(self._witnesses)

    def newest(self) -> str:
        """The newest checkpoint with the cosignatures that it has; empty before the first."""
        return self._kept.newest()

    def state(self) -> list[dict[str, Any]]:
        """How far each witness and the file are, and what keeps them."""
        names = [*([FILE] if self._file else []), *(key.name for key in self._witnesses), *self.alarms()]
        return [self._kept.of(name).model_dump(exclude={"note"}) for name in dict.fromkeys(names)]

    def restart(self, account: str, reason: str) -> Verifier:
        """Begin a new generation: its first entry names what the old one had signed elsewhere. Returns its key.

        Raises BadInput while nothing contradicts the log: then there is nothing to begin anew.
        """
        words = check_reason(reason)
        self.compare()
        if not self.alarms():
            hint = "it is meant for after a restore; `cairn-central audit verify` tells how the log is"
            raise BadInput("nothing contradicts the log", hint=hint)
        self._kept.restart(account, words)
        return self.log_key()

    def close(self) -> None:
        """Let go of the connections to witnesses."""
        for witness in self._witnesses.values():
            if isinstance(witness, WitnessClient):
                witness.http.close()

    def _signed(self) -> tuple[Checkpoint, Note]:
        """Today's checkpoint; signed anew only when the log grew, or when another key had signed it."""
        with writing(self._engine) as session:
            self._tables.log.lock(session)
            self._tables.log.adopt(session)
            head, row = self._tables.log.head(session), self._kept.generation(session)
            point = Checkpoint(row.origin, head.size, head.root)
            try:
                found, note = opened(row.note, Verifier.of(row.origin, Kind.LOG, self._private))
            except BadNote:
                found = None
            if found != point:
                note = sign(point, self._private)
                row.size, row.note, row.signed_at = head.size, str(note), self._clock.now()
                session.add(row)
            session.commit()
        return point, note

    def _to_file(self, point: Checkpoint, note: Note) -> None:
        known = self._kept.of(FILE)
        if self._file is None or (known.size, known.origin) == (point.size, point.origin):
            return
        try:
            self._file.append(str(note), self._clock.now())
        except CairnError as error:
            self._kept.trouble(FILE, error)
        else:
            self._kept.reached(FILE, point, note, [])

    def _bring_up(self, key: Verifier, witness: Witnessing, point: Checkpoint, note: Note) -> None:
        known = self._kept.of(key.name)
        old = known.size if known.origin == point.origin and known.size <= point.size else 0
        try:
            line = self._submit(witness, old, point, note)
            whole = note.with_signatures(Note.parse(f"{point.text}\n{line}"), [key])
            if key not in whole.verified([key]):
                raise BadInput("its answer is not signed with its key", hint="compare the verifier keys")
        except Contradicted as against:
            self._kept.alarm(key.name, against)
        except CairnError as error:
            self._kept.trouble(key.name, error)
        else:
            self._kept.reached(key.name, point, whole, [key])
            self._unseen.discard(key)

    def _submit(self, witness: Witnessing, old: int, point: Checkpoint, note: Note) -> str:
        for _ in range(_ATTEMPTS):
            try:
                return witness.add(AddCheckpoint(old, tuple(self._proof(old, point.size)), str(note)).to_bytes())
            except Behind as behind:
                if behind.size == old or behind.size > point.size:
                    raise self._against(witness, f"it cosigned other {behind.size} entries") from None
                old = behind.size
            except NotConsistent:
                raise self._against(witness, "what it cosigned is not continued") from None
        raise BadInput("it names another size each time", hint="look into its log")

    def _against(self, witness: Witnessing, words: str) -> Contradicted:
        """The witness's word, with the checkpoint that proves it where it shows one."""
        key = self.log_key()
        try:
            self._compare_note(witness.latest(key.name) or "", key)
        except Contradicted as proven:
            return proven
        except CairnError:
            pass
        return Contradicted(f"{words} (it shows no checkpoint)")

    def _proof(self, old: int, size: int) -> list[bytes]:
        with Session(self._engine) as session:
            return self._tables.log.consistency(session, old, size)

    def _compare_file(self) -> None:
        point = self._file.last(self.log_key()) if self._file else None
        if point is not None:
            self._kept.compare(point, point.text)
        elif self._file and (known := self._kept.of(FILE)).size and known.origin == self.log_key().name:
            hint = "find out who changed it; it is written on from here"
            raise BadHistory("it has lost the checkpoints that were in it", hint=hint)

    def _compare_seen(self, key: Verifier, witness: Witnessing, log_key: Verifier) -> None:
        written = witness.latest(log_key.name)
        if written:
            self._compare_note(written, log_key)
            self._unseen.discard(key)

    def _compare_note(self, written: str, log_key: Verifier) -> None:
        if written:
            self._kept.compare(opened(written, log_key)[0], written)

    def _watch(self, who: str, compare: Callable[[], None]) -> bool:
        """Whether it could be compared; what contradicts the log raises the alarm."""
        try:
            compare()
        except Contradicted as against:
            self._kept.alarm(who, against)
        except CairnError as error:
            self._kept.trouble(who, error)
            return False
        return True
