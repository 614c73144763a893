"""The whole log as a file, one JSON object a line, and checking such a file without any database.

First a head, then the entries, then an end with the newest checkpoint: a file without its end was cut off.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from sqlmodel import Session

from central.audit.checking import Checked, Recount
from central.audit.columns import EntryColumns
from central.audit.evidence import entry_from_json, entry_to_json
from central.audit.log import Head, MerkleLog
from central.audit.merkle import EMPTY_ROOT
from shared.errors import BadInput

FORMAT = "cairn audit log, version 1"
_PAGE = 2000
_LONGEST_LINE = 256 * 1024
Tell = Callable[[int, int], None]


class BadExport(BadInput):
    """A file is not an exported log, or not the whole of one."""


def export(log: MerkleLog[Any, Any], session: Session, origin: str, checkpoint: str, tell: Tell) -> Iterator[str]:
    """The lines of the file, up to the log's size when it began."""
    head = log.head(session)
    yield _line({"format": FORMAT, "log": origin, "size": head.size})
    done = 0
    while done < head.size:
        rows = log.entries(session, None, done, min(_PAGE, head.size - done))
        if not rows:
            break
        for row in rows:
            yield _line(entry_to_json(row))
        session.expunge_all()
        done = rows[-1].id
        tell(done, head.size)
    yield _line({"end": head.size, "root": base64.b64encode(head.root).decode(), "checkpoint": checkpoint})


def checkpoint_in(path: Path) -> str:
    """The checkpoint at a file's end; empty when it was exported without. BadExport for a file that was cut off."""
    with _open(path) as file:
        file.seek(max(0, file.seek(0, 2) - _LONGEST_LINE))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    read = _read(last, "the last line")
    if not {"end", "root", "checkpoint"} <= set(read) or not isinstance(read["checkpoint"], str):
        raise BadExport(f"{path} ends too early", hint="it was cut off on the way: export or copy it again")
    return str(read["checkpoint"])


def check_export(path: Path, heads: Iterable[Head], tell: Tell) -> Checked:
    """Recount the file; `heads` are what its entries must come to. BadExport names the line that cannot be read."""
    recount = Recount()
    for head in heads:
        if head.size:
            recount.heads.setdefault(head.size, []).append(head.root)
    with _open(path) as file:
        size = _begin(file.readline(_LONGEST_LINE))
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 2):
            read = _read(line, f"line {number}")
            if "end" in read:
                return _end(read, recount, size, more=bool(file.read(1).strip()))
            _, wrong = recount.take(_entry(read, number))
            if wrong:
                return Checked(recount.tree.size - 1, EMPTY_ROOT, recount.erased, recount.tree.size, wrong)
            if recount.tree.size % _PAGE == 0:
                tell(recount.tree.size, size)
    raise BadExport(f"{path} ends too early", hint="it was cut off on the way: export or copy it again")


def _begin(line: bytes) -> int:
    read = _read(line, "the first line")
    if read.get("format") != FORMAT or not isinstance(read.get("size"), int):
        raise BadExport("this is not an exported audit log", hint="make one with: cairn-central audit export FILE")
    return int(read["size"])


def _entry(read: dict[str, Any], number: int) -> EntryColumns:
    try:
        return entry_from_json(read, BadExport)
    except BadExport as error:
        raise BadExport(f"line {number}: {error.message}", hint=error.hint) from None


def _end(read: dict[str, Any], recount: Recount, size: int, *, more: bool) -> Checked:
    found = Checked(recount.tree.size, recount.tree.root(), recount.erased)
    if more:
        raise BadExport("something follows the end", hint="export it again")
    if recount.tree.size != size or read["end"] != size:
        words = "this entry is missing"
    elif read.get("root") != base64.b64encode(found.root).decode():
        words = "the entries do not come to the root that stands at the end"
    else:
        words = recount.at_end()
    return Checked(found.size, found.root, found.erased, found.size + 1, words) if words else found


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadExport(f"cannot read {path}: {error.strerror}", hint="check the path") from None


def _read(line: bytes, where: str) -> dict[str, Any]:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict) or not line:
        raise BadExport(f"{where} cannot be read", hint="the file is damaged or was cut off: export or copy it again")
    return read


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
