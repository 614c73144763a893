"""What `cairn-central audit verify` and its neighbours do, without the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from central.audit.checking import Checked, check
from central.audit.evidence import BadProof, LogBroken, check_proof, cosigned
from central.audit.export import Tell, check_export, checkpoint_in, export
from central.audit.history import CheckpointFile
from central.audit.log import Head
from central.audit.notes import BadNote, Checkpoint, Note, Verifier, opened
from central.audit.published import Tables
from central.audit.publisher import Publisher
from central.audit.service import LOG, PUBLISHED
from shared.errors import BadInput


@dataclass(frozen=True, slots=True)
class Keys:
    """Whom the checker trusts: the log's key, and the witnesses who must have cosigned."""

    log: Verifier | None
    witnesses: tuple[Verifier, ...]

    @classmethod
    def parse(cls, log: str | None, witnesses: Iterable[str]) -> Keys:
        """BadNote for a key that is none."""
        found = tuple(Verifier.parse(text) for text in witnesses)
        if found and log is None:
            raise BadInput("a witness's key alone proves nothing", hint="give --log-key as well")
        return cls(Verifier.parse(log) if log else None, found)

    def needed(self) -> Verifier:
        if self.log is None:
            hint = "give --log-key; its holder prints it with: cairn-central audit key"
            raise BadInput("the log's verifier key is missing", hint=hint)
        return self.log


def proof_file(path: Path, keys: Keys) -> dict[str, Any]:
    """Check one entry's proof with public keys only."""
    try:
        document = json.loads(_text(path))
    except (ValueError, RecursionError):
        raise BadProof(f"{path} cannot be read", hint="it is damaged or incomplete; get it again") from None
    return check_proof(document, keys.needed(), keys.witnesses)


def export_file(path: Path, keys: Keys, checkpoint: Path | None, tell: Tell) -> dict[str, Any]:
    """Check an exported log; without a key only whether it fits itself, which `signed` tells."""
    written = checkpoint_in(path)
    heads, answer = _signed([written] if written and keys.log else [], checkpoint, keys)
    return _told(check_export(path, heads, tell)) | answer


def database(
    engine: Engine, publisher: Publisher | None, keys: Keys, checkpoint: Path | None, tell: Tell
) -> dict[str, Any]:
    """Check the log where it is written, against everything that was signed of it and can be reached."""
    answer: dict[str, Any] = {}
    if publisher is not None:
        publisher.compare()
        publisher.must_hold()
        keys = keys if keys.log else Keys(publisher.log_key(), keys.witnesses)
        answer["published"] = publisher.state()
    with Session(engine) as session:
        written = newest_checkpoint(session, PUBLISHED) if keys.log else ""
        heads, signed = _signed([written] if written else [], checkpoint, keys)
        return _told(check(LOG, session, heads, tell)) | signed | answer


def newest_checkpoint(session: Session, tables: Tables) -> str:
    """The newest signed checkpoint; empty when nothing was ever signed."""
    table = tables.checkpoint
    row = session.exec(select(table).where(table.note != "").order_by(col(table.generation).desc()).limit(1)).first()
    return row.note if row else ""


def write_export(engine: Engine, path: Path, tell: Tell) -> dict[str, Any]:
    """Write the whole log into a new file; half a file never gets its name."""
    part = path.with_name(path.name + ".part")
    with Session(engine) as session:
        written = newest_checkpoint(session, PUBLISHED)
        origin = Checkpoint.parse(Note.parse(written).text).origin if written else ""
        try:
            # Names of accounts and cases are for whoever exported them, from the first byte on.
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.writelines(export(LOG, session, origin, written, tell))
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise _unwritable(path, error) from None
    return {"file": str(path), "entries": LOG.size(session), "signed": bool(written)}


def write_json(path: Path, document: dict[str, Any]) -> None:
    write_text(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise _unwritable(path, error) from None


def _signed(notes: list[str], file: Path | None, keys: Keys) -> tuple[list[Head], dict[str, Any]]:
    """The heads that were signed, and what the answer says of the newest: how far, and cosigned by whom."""
    heads: list[Head] = []
    answer: dict[str, Any] = {"signed": 0, "cosigned": {}}
    for written in notes:
        point, note = opened(written, keys.needed())
        heads.append(Head(point.size, point.root))
        answer = {"signed": point.size, "cosigned": cosigned(note, keys.witnesses)}
    if file is not None:
        points = list(_points(file, keys.needed()))
        heads += [Head(point.size, point.root) for point in points]
        answer["signed"] = max([answer["signed"], *(point.size for point in points)])
    if keys.witnesses and not notes:
        raise BadInput("nothing here was cosigned", hint="it was exported before the log was published")
    return heads, answer


def _points(path: Path, key: Verifier) -> list[Checkpoint]:
    text = _text(path)
    found = list(CheckpointFile(path).all(key)) if text.startswith("{") else [opened(text, key)[0]]
    if not found:
        raise BadNote(f"{path} holds no checkpoint of {key.name}", hint="give the key of the log that is checked")
    return found


def _told(found: Checked) -> dict[str, Any]:
    if found.wrong is not None:
        hint = "entries before it are as they were written; compare with an earlier export or backup"
        raise LogBroken(f"entry {found.wrong}: {found.reason}", hint=hint)
    return {"whole": True, "entries": found.size, "erased": found.erased, "root": found.root.hex()}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path} ({type(error).__name__})", hint="check the path") from None


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(f"cannot write {path}: {error.strerror}", hint="check the folder and its owner")
