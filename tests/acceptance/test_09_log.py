"""9 · The audit log proves what is in it and that it only grew; who edits, cuts or forks it is found out.

Proofs are held here against a computation from RFC 9162's text that shares no line with the log's; every single edit
is in tests/central/test_audit.py, rollback and fork against witnesses in tests/central/test_publisher.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, delete, select, text, update

from central.audit.checking import check
from central.audit.columns import leaf_data
from central.audit.log import Head
from central.audit.service import LOG, record
from central.audit.tables import AuditEntry
from central.database import open_database, writing

MOST = 33
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A centre's database with a log of 33 entries."""
    made = open_database(f"sqlite:///{tmp_path / 'centre.sqlite'}")
    for n in range(MOST):
        with writing(made) as session:
            record(
                session, NOON + timedelta(seconds=n), f"account-{n % 3}", "read route", f"case-{n % 5}", f"detail {n}"
            )
    yield made
    made.dispose()


def leaves(session: Session) -> list[bytes]:
    rows = session.exec(select(AuditEntry).order_by(col(AuditEntry.id))).all()
    return [leaf_data(row.at, row.action, row.commitment or b"") for row in rows]


def half(n: int) -> int:
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def mth(d: Sequence[bytes]) -> bytes:
    """Merkle Tree Hash, RFC 9162, 2.1.1."""
    if len(d) < 2:
        return sha256(b"\x00" + d[0]).digest() if d else sha256().digest()
    k = half(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    """Inclusion proof of leaf m, 2.1.3.1."""
    if len(d) == 1:
        return []
    k = half(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: Sequence[bytes], whole: bool) -> list[bytes]:
    """Consistency proof with the first m leaves, 2.1.4.1."""
    if m == len(d):
        return [] if whole else [mth(d)]
    k = half(len(d))
    if m <= k:
        return [*subproof(m, d[:k], whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


def test_roots_and_proofs_of_every_size_are_the_rfcs_own(engine: Engine) -> None:
    """For all sizes up to 33, the root, each inclusion proof and each consistency proof of the stored log are right."""
    with Session(engine) as session:
        d = leaves(session)
        assert len(d) == MOST
        for size in range(MOST + 1):
            assert LOG.head(session, size) == Head(size, mth(d[:size]))
            for m in range(size):
                assert LOG.inclusion(session, m + 1, size) == path(m, d[:size])
            for old in range(1, size):
                assert LOG.consistency(session, old, size) == subproof(old, d[:size], True)


def heads(engine: Engine) -> list[Head]:
    """What witnesses elsewhere have of the log."""
    with Session(engine) as session:
        return [LOG.head(session, size) for size in (5, 20, MOST)]


@pytest.mark.parametrize(
    "forged",
    [
        update(AuditEntry).where(col(AuditEntry.id) == 7).values(detail="nothing happened"),
        update(AuditEntry).where(col(AuditEntry.id) == 7).values(account="somebody-else"),
        update(AuditEntry).where(col(AuditEntry.id) == 7).values(at=NOON),
        delete(AuditEntry).where(col(AuditEntry.id) == 7),
        delete(AuditEntry).where(col(AuditEntry.id) > 30),
    ],
    ids=["words", "account", "time", "deleted", "truncated"],
)
def test_an_edit_is_found(engine: Engine, forged: object) -> None:
    """Whoever owns the database and lifts its triggers cannot change, delete or cut off an entry unnoticed."""
    known = heads(engine)
    with engine.begin() as connection:
        for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(forged)  # type: ignore[call-overload]
    with Session(engine) as session:
        assert check(LOG, session, known).wrong is not None


def test_a_log_that_was_written_anew_from_some_entry_is_a_fork(engine: Engine, tmp_path: Path) -> None:
    """A whole log, in itself without a fault, in which entry 10 was another: the checkpoints of the real one say so."""
    known, other = heads(engine), open_database(f"sqlite:///{tmp_path / 'forged.sqlite'}")
    for n in range(MOST):
        with writing(other) as session:
            record(session, NOON, "account-0", "read route", "case-1", "forged" if n == 9 else f"detail {n}")
    with Session(other) as session:
        assert check(LOG, session).wrong is None
        assert check(LOG, session, known).wrong is not None
    other.dispose()


def test_erasing_a_case_leaves_the_log_whole(engine: Engine) -> None:
    """Who and what of a case are gone for good, and every checkpoint of the past still fits."""
    known = heads(engine)
    with writing(engine) as session:
        assert LOG.erase_case(session, NOON, "retention", "case-2")
        session.commit()
    with Session(engine) as session:
        assert check(LOG, session, known).wrong is None
        assert not LOG.entries(session, "case-2", 0, 100)
