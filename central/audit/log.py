"""An append-only Merkle log over a pair of tables: append, roots and proofs each cost a handful of rows.

    LOG = MerkleLog(AuditEntry, AuditNode)
    with writing(engine) as session:
        LOG.append(session, clock.now(), "kim", "read route", "case-17")
        session.commit()

Two writers cannot fork it: entries and nodes are numbered without a gap, and a number can be taken once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, func, select, text

from central.audit.columns import EntryColumns, NodeColumns, leaf_of, sealed
from central.audit.merkle import (
    Frontier,
    Range,
    consistency_ranges,
    inclusion_ranges,
    leaves_in,
    node_count,
    proof,
    subtrees,
)

ERASED = "erased entries"
_PAGE = 2000

E = TypeVar("E", bound=EntryColumns)
N = TypeVar("N", bound=NodeColumns)


@dataclass(frozen=True, slots=True)
class Head:
    """A tree at one size: its root commits to every entry up to there, and to their order."""

    size: int
    root: bytes


class MerkleLog(Generic[E, N]):
    """Stateless; every method works in the caller's session, and nothing is committed here.

    Whatever writes needs a session from central.database.writing, or one that nobody else writes beside.
    """

    def __init__(self, entry: type[E], node: type[N]) -> None:
        self.entry, self.node = entry, node

    def append(self, session: Session, now: datetime, account: str, action: str, case: str = "", detail: str = "") -> E:
        """Enter one act; the caller commits it with the rest of its work. `detail` never holds personal data."""
        self.lock(session)
        size = self.adopt(session)
        entry = self.entry(id=size + 1, **sealed(now, account, action, case, detail))
        session.add(entry)
        self._grow(session, self._frontier(session, size), [entry])
        return entry

    def lock(self, session: Session) -> None:
        """Keep other writers out until the transaction ends; SQLite's lock is taken when it begins."""
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text(f"LOCK TABLE {self.entry.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))

    def adopt(self, session: Session) -> int:
        """Give entries that are in no tree yet, such as an older log's, their place in it; returns the size.

        Costs two look-ups when there is nothing to do. An entry that never had a commitment gets one now; gaps in
        the numbers of such entries are closed. Entries that had one keep it, so no edit is covered up.
        """
        size, last = self.size(session), session.exec(select(func.max(self.entry.id))).one() or 0
        if last <= size:
            return size
        session.execute(delete(self.node).where(col(self.node.position) >= node_count(size)))
        frontier = self._frontier(session, size)
        while rows := self._rows(session, size, _PAGE):
            for number, row in enumerate(rows, size + 1):
                self._take_in(session, row, number)
            size += len(rows)
            self._grow(session, frontier, rows)
        return size

    def size(self, session: Session) -> int:
        """How many entries are in the tree."""
        last = session.exec(select(func.max(self.node.position))).one()
        return 0 if last is None else leaves_in(last + 1)

    def head(self, session: Session, size: int | None = None) -> Head:
        """The tree's root now, or as it was at `size`."""
        size = self.size(session) if size is None else size
        return Head(size, self._frontier(session, size).root())

    def inclusion(self, session: Session, number: int, size: int) -> list[bytes]:
        """The proof that entry `number` (from 1) is in the tree of that size. ValueError when it is not."""
        return self._proof(session, inclusion_ranges(number - 1, size))

    def consistency(self, session: Session, old: int, size: int) -> list[bytes]:
        """The proof that the tree of `size` continues that of `old`. ValueError when old > size."""
        return self._proof(session, consistency_ranges(old, size))

    def entries(self, session: Session, case: str | None, after: int, limit: int) -> list[E]:
        """Entries with a greater number than `after`, oldest first, of one case or of all."""
        query = select(self.entry).where(col(self.entry.id) > after).order_by(col(self.entry.id)).limit(limit)
        if case is not None:
            query = query.where(self.entry.case == case)
        return list(session.exec(query).all())

    def newest(self, session: Session, case: str | None, before: int | None, limit: int) -> list[E]:
        """Entries with a smaller number than `before`, newest first, of one case or of all."""
        query = select(self.entry).order_by(col(self.entry.id).desc()).limit(limit)
        if before is not None:
            query = query.where(col(self.entry.id) < before)
        if case is not None:
            query = query.where(self.entry.case == case)
        return list(session.exec(query).all())

    def erase_case(self, session: Session, now: datetime, account: str, case: str) -> int:
        """Erase who, which case and what of all entries of a case; the tree still holds. Returns how many.

        When and which kind of act stay. How many were erased is entered in the log, so that nobody erases unseen.
        """
        if not case:
            raise ValueError("entries of no case are not erased by case")
        return self._erase(session, now, account, col(self.entry.case) == case)

    def erase_before(self, session: Session, now: datetime, account: str, before: datetime) -> int:
        """The same for all entries up to a moment, of whatever case."""
        return self._erase(session, now, account, col(self.entry.at) <= before)

    def _erase(self, session: Session, now: datetime, account: str, which: Any) -> int:
        self.lock(session)
        self.adopt(session)
        there = which & col(self.entry.salt).is_not(None)
        # An older entry about erasing that goes as well leaves its count to the new one.
        older = select(self.entry.detail).where(there, col(self.entry.action) == ERASED)
        before = sum(int(count) for count in session.exec(older) if count.isdecimal())
        gone = update(self.entry).where(there).values({"account": "", "case": "", "detail": "", "salt": None})
        done: Any = session.execute(gone)
        if done.rowcount:
            self.append(session, now, account, ERASED, detail=str(done.rowcount + before))
        return int(done.rowcount)

    def _take_in(self, session: Session, row: E, number: int) -> None:
        if row.commitment is None:
            for name, value in sealed(row.at, row.account, row.action, row.case, row.detail).items():
                setattr(row, name, value)
        if row.id != number:
            row.id = number
        session.add(row)

    def _rows(self, session: Session, after: int, limit: int) -> Sequence[E]:
        query = select(self.entry).where(col(self.entry.id) > after).order_by(col(self.entry.id)).limit(limit)
        return session.exec(query).all()

    def _grow(self, session: Session, frontier: Frontier, rows: Sequence[E]) -> None:
        place, made = node_count(frontier.size), list[bytes]()
        for row in rows:
            made += frontier.add(leaf_of(row))
        session.flush()
        session.execute(insert(self.node), [{"position": place + n, "hash": one} for n, one in enumerate(made)])

    def _frontier(self, session: Session, size: int) -> Frontier:
        peaks = subtrees(0, size)
        kept = self._kept(session, peaks)
        return Frontier(size, [kept[place] for place in peaks])

    def _proof(self, session: Session, ranges: list[Range]) -> list[bytes]:
        places = [place for leaves in ranges for place in subtrees(*leaves)]
        return proof(ranges, self._kept(session, places).__getitem__)

    def _kept(self, session: Session, places: list[int]) -> dict[int, bytes]:
        """The hashes at these positions; zeros in place of one that is missing."""
        query = select(self.node.position, self.node.hash).where(col(self.node.position).in_(places))
        found = dict(session.exec(query).all())
        # A damaged table must not stop the log: what is made up here fits nothing, and check() names the place.
        return {place: found.get(place, bytes(32)) for place in places}
