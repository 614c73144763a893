"""Recompute a whole log from its entries, and name the first place where it is not what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select as plain
from sqlmodel import Session, col, func, select

from central.audit.columns import EntryColumns, leaf_of, words_do_not_fit
from central.audit.log import ERASED, Head, MerkleLog
from central.audit.merkle import EMPTY_ROOT, Frontier, node_count

_PAGE = 2000


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the size and root that the entries make, and the first entry that is wrong, with why."""

    size: int
    root: bytes
    erased: int
    wrong: int | None = None
    reason: str = ""


@dataclass(slots=True)
class Recount:
    """Grows the tree anew from entries; what is known of it from elsewhere is held against it on the way."""

    heads: dict[int, list[bytes]] = field(default_factory=dict)
    tree: Frontier = field(default_factory=Frontier)
    erased: int = 0
    accounted: int = 0

    def take(self, entry: EntryColumns) -> tuple[list[bytes], str]:
        """The hashes that this entry makes, and what is wrong with it, if anything."""
        number = self.tree.size + 1
        wrong = self._wrong(entry, number)
        made = self.tree.add(leaf_of(entry))
        if any(root != self.tree.root() for root in self.heads.get(number, ())):
            wrong = wrong or "the log up to here is not the one of which a checkpoint was signed"
        return made, wrong

    def at_end(self) -> str:
        """What is wrong with the whole, once all entries were taken."""
        if any(size > self.tree.size for size in self.heads):
            return f"the log ends here, and a checkpoint was signed of {max(self.heads)} entries"
        if self.erased > self.accounted:
            return f"{self.erased - self.accounted} entries were erased without an entry that says so"
        return ""

    def _wrong(self, entry: EntryColumns, number: int) -> str:
        if entry.id != number:
            return "this entry is missing"
        if entry.commitment is None:
            return "this entry is not in the tree"
        if entry.salt is None:
            self.erased += 1
        elif entry.action == ERASED and entry.detail.isdecimal():
            self.accounted += int(entry.detail)
        return words_do_not_fit(entry)


def check(
    log: MerkleLog[Any, Any],
    session: Session,
    heads: Iterable[Head] = (),
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Checked:
    """Read every entry and every hash once. `heads` are checkpoints known from elsewhere; `tell` hears how far it is.

    Without `heads` an edit shows only as far as the tree was not recomputed with it: whoever owns the database can
    do that, and cannot change what a witness has signed.
    """
    size, recount = log.size(session), Recount()
    for head in heads:
        recount.heads.setdefault(head.size, []).append(head.root)
    if any(root != EMPTY_ROOT for root in recount.heads.pop(0, ())):
        return Checked(size, EMPTY_ROOT, 0, 1, "a checkpoint of no entries has a root of its own")
    for entry, stored in _beside(log, session, size):
        number = recount.tree.size + 1
        made, wrong = recount.take(entry)
        if not wrong and made != stored:
            wrong = "this entry was edited" if made[:1] != stored[:1] else "the stored tree does not fit from here on"
        if wrong:
            return Checked(number - 1, EMPTY_ROOT, recount.erased, number, wrong)
        if number % _PAGE == 0 or number == size:
            tell(number, size)
    ended = _beyond(log, session, recount.tree.size, size) or (recount.tree.size + 1, recount.at_end())
    found = Checked(recount.tree.size, recount.tree.root(), recount.erased)
    return found if not ended[1] else Checked(found.size, found.root, found.erased, *ended)


def _beside(log: MerkleLog[Any, Any], session: Session, size: int) -> Iterator[tuple[EntryColumns, list[bytes]]]:
    """Each entry up to `size`, in order, with the stored hashes that its coming had completed."""
    done, columns = 0, [getattr(log.entry, name) for name in EntryColumns.model_fields]
    while done < size:
        until = min(done + _PAGE, size)
        numbers = col(log.entry.id)
        # Plain columns: a million objects that know how to be written back would take half the time.
        asked = plain(*columns).where(numbers > done, numbers <= until).order_by(numbers)
        rows: Any = session.execute(asked).all()
        places = col(log.node.position)
        within = (places >= node_count(done)) & (places < node_count(until))
        hashes = dict(session.exec(select(log.node.position, log.node.hash).where(within)).all())
        for number, row in enumerate(rows, done + 1):
            yield row, [hashes.get(at, b"") for at in range(node_count(number - 1), node_count(number))]
        if len(rows) < until - done:
            return
        done = until


def _beyond(log: MerkleLog[Any, Any], session: Session, reached: int, size: int) -> tuple[int, str] | None:
    """An entry that is missing at the end, or that stands where the tree has nothing."""
    if reached < size:
        return reached + 1, "this entry is missing"
    numbers = col(log.entry.id)
    strange = session.exec(select(func.min(log.entry.id)).where((numbers > size) | (numbers < 1))).one()
    return None if strange is None else (strange, "this entry is not in the tree")
