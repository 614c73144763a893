"""One key authority: it publishes shares to nodes, releases them for approved cases, and destroys old days.

It trusts no other party's word: every signature, consent and limit is checked here, against its own registry.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from central.audit.notes import Verifier
from central.audit.witness import Witnessing
from central.authority.book import Book
from central.authority.clock_guard import ClockGuard
from central.authority.day_secrets import DaySecrets, SecretDestroyed, day_of_hour
from central.authority.kek import KeyEncryptionKey, passphrase_key
from central.authority.limits import Limits, check_case, count_probes, enter_case, forget_counters
from central.authority.registry import CANARY_CELL, Registry
from central.authority.released import Recipient, ReleasedShares, ShareGrid, seal_released
from central.authority.self_check import Findings, self_check
from central.authority.statements import Destruction, sign_destruction
from central.authority.tables import CaseEntry, DestructionEntry, LogEntry, open_database, wipe_journal
from central.authority.token_place import TokenPlace
from central.cases.bases import Bases, check_basis, load_bases
from central.database import writing
from shared.clock import SteadyClock
from shared.epochs import HOUR_S, Epoch, Shares
from shared.errors import BadInput, BadRelease, CairnError, ReleaseRefused
from shared.ids import check_id
from shared.keys import sealing_public
from shared.node_shares import MAX_HOURS_AHEAD, seal_grant
from shared.releases import CaseScope, Release, check_release, release_from_bytes
from shared.topics import grants
from shared.transport import Message, Transport

log = logging.getLogger(__name__)

RETENTION = timedelta(days=14)
# A box's clock may be this wrong, and a box that starts just after the hour may still have a track of the last one.
CLOCK_ERROR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class AuthorityFiles:
    """What an authority is made of. `probes_public` is the one key that code shares are ever sealed to.

    With a `token`, day secrets are wrapped by its key, and the passphrase file is not read. `private` are further files
    that nobody else may read, `witnesses` hold checkpoints of its log.
    """

    name: str
    database: Path
    passphrase_file: Path | None
    signing_key: Ed25519PrivateKey = field(repr=False)
    probes_public: bytes
    token: TokenPlace | None = None
    limits: Limits = field(default_factory=Limits)
    bases: Bases = field(default_factory=load_bases, repr=False)
    private: tuple[Path, ...] = ()
    witnesses: Mapping[Verifier, Witnessing] = field(default_factory=dict)

    def key(self, engine: Engine) -> KeyEncryptionKey:
        """The key that day secrets are wrapped under. Raises BadInput for a passphrase that is none."""
        if self.token is None:
            if self.passphrase_file is None:
                raise BadInput("no key for day secrets is configured", hint="set passphrase_file, or a token")
            return passphrase_key(engine, self.passphrase_file)
        from central.authority.token_key import TokenKey  # noqa: PLC0415  (an office without a token loads no driver)

        return TokenKey(self.token)


class Authority:
    """Thread-safe; every public method is one transaction with a line in the log."""

    def __init__(self, files: AuthorityFiles, clock: SteadyClock) -> None:
        self.name = check_id(files.name, "authority")
        self.files = files
        self.engine: Engine = open_database(files.database)
        wipe_journal(self.engine)  # of a destruction that ended before it had done so
        self.clock = ClockGuard(self.engine, clock)
        self.book = Book(self.engine, self.clock, self.name, files.signing_key, files.witnesses)
        self._secrets = DaySecrets(self.name, self.engine, files.key(self.engine))
        self._signing_key = files.signing_key
        self._lock = threading.Lock()
        self._found: Findings | None = None
        self.registry = Registry(self.engine, self.book.enter)

    @property
    def public(self) -> bytes:
        """Raw Ed25519: what its statements and checkpoints are verified with."""
        return self._signing_key.public_key().public_bytes_raw()

    def publish_grants(self, transport: Transport, hours_ahead: int = MAX_HOURS_AHEAD) -> int:
        """Publish, retained, every node's shares from this hour on; returns the number of nodes served.

        Raises BadInput above 24 hours, ClockInDoubt, and TransportDown when the broker is away; run it again later.
        """
        if not 0 <= hours_ahead <= MAX_HOURS_AHEAD:
            raise BadInput("Shares are published at most 24 hours ahead.", hint="Use a smaller number.")
        with self._lock:
            now, nodes = self.clock.now(), self.registry.nodes()
            coming = self._coming({known.cell for known in nodes}, now, hours_ahead)
            for known in nodes:
                sealed = seal_grant(self.name, known.node, coming[known.cell], known.public)
                transport.publish(Message(grants(known.node, self.name), sealed, retain=True))
            for node in self.registry.dropped():
                self._clear(transport, node)
            self.book.note("granted", detail=f"{len(nodes)} nodes, {hours_ahead} hours ahead")
        return len(nodes)

    def revoke_node(self, transport: Transport, node: str) -> None:
        """Forget a node and clear its retained grant, so that a stolen box gets no hour that it has not yet."""
        with self._lock:
            self.registry.drop_node(node)
            self._clear(transport, node)

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes, cells: Sequence[str] = ()) -> bytes:
        """Sealed shares of the cell-hours in scope, of all cells or of some: each of several workers gets its own.

        ReleaseRefused kinds, BadRelease and Refused are logged.
        """
        with self._lock:
            case = ""
            try:
                release = release_from_bytes(release_bytes)
                case = release.scope.case
                self._fit()
                with writing(self.engine) as session:
                    released = self._released(session, release, (recipient, public), cells)
                    sealed = seal_released(released, sealing_public(public))
                    detail = f"{recipient}: {len(released.shares)} cell-hours"
                    self.book.enter(session, "released", case, detail + _without(released.missing))
                    session.commit()
            except CairnError as refusal:
                self.book.note("refused", case, f"{recipient}: {type(refusal).__name__}: {refusal.message}")
                raise
            return sealed

    def canary(self, day: date, public: bytes) -> bytes:
        """The seal share of the reserved cell in the day's first hour, sealed to the centre's key.

        Raises SecretDestroyed for a day that is gone, Refused for one that has not begun; both are logged.
        """
        with self._lock:
            try:
                epoch = canary_epoch(day)
                now = self.clock.now()
                if day == now.date():
                    self._secrets.draw(day)  # an office without a box yet has a canary all the same
                if epoch.start > now:
                    raise SecretDestroyed(f"{day.isoformat()} has not begun.", hint="Ask again on that day.")
                hours, array = self._secrets.grid(Recipient.CANARY.part, (epoch.cell,), (epoch.hour,))
                if not hours:
                    raise SecretDestroyed(f"There is no secret for {day.isoformat()}.", hint="Its canary stays shut.")
            except CairnError as refusal:
                self.book.note("canary refused", detail=f"{day.isoformat()}: {type(refusal).__name__}")
                raise
            grid = ShareGrid((epoch.cell,), hours, array)
            shares = ReleasedShares(self.name, CANARY_CELL, Recipient.CANARY, epoch.start, epoch.end, (), grid)
            sealed = seal_released(shares, sealing_public(public))
            self.book.note("canary", detail=day.isoformat())
            return sealed

    def check_up(self) -> None:
        """It is here, in this process."""

    def withdraw(self, case: str) -> None:
        """Nothing is released for this case any more, known or not, for ever. Whatever the clock says."""
        with self._lock, writing(self.engine) as session:
            row = session.get(CaseEntry, check_id(case, "case")) or CaseEntry(case=case)
            row.withdrawn_at = row.withdrawn_at or self.clock.read().stamp
            session.add(row)
            self.book.enter(session, "withdrawn", case)
            session.commit()

    def ended(self, cases: Iterable[str]) -> list[str]:
        """Which of these cases were withdrawn here: what a centre restored from a backup must not go on with."""
        asked = {check_id(case, "case") for case in cases}
        with Session(self.engine) as session:
            gone = session.exec(select(CaseEntry.case).where(col(CaseEntry.withdrawn_at).is_not(None))).all()
        return sorted(asked & set(gone))

    def destroy(self, day: date) -> Destruction:
        """Destroy a day's secret and sign that it is done. Nothing opens the day's batches afterwards.

        Raises ClockInDoubt: the statement says when.
        """
        with self._lock:
            return self._destroy(day, self.clock.now())

    def destroy_expired(self) -> list[Destruction]:
        """Destroy every day that ended longer ago than retention; meant to run every hour. Raises ClockInDoubt.

        Counts with the time that it is for sure, so that a clock that was set forward destroys nothing early.
        """
        with self._lock:
            reading = self.clock.believed()
            oldest = (reading.sure - RETENTION).date()
            return [self._destroy(day, reading.now) for day in self._secrets.days() if day < oldest]

    def statements(self) -> list[Destruction]:
        """A signed statement for every day that was ever destroyed, in order."""
        with self._lock, writing(self.engine) as session:
            for day, at in self._secrets.destroyed().items():
                if session.get(DestructionEntry, day) is None:  # destroyed by the first version, which kept none
                    self._state(session, day, at)
            session.commit()
            rows = session.exec(select(DestructionEntry).order_by(col(DestructionEntry.day))).all()
            return [Destruction(self.name, row.day, row.destroyed_at, row.signature) for row in rows]

    def accept_clock(self) -> datetime:
        """A person looked, and this is the time; what was in doubt goes on."""
        with self._lock:
            was, now = self.clock.read().doubt, self.clock.accept()
            self.book.note("clock accepted", detail=f"it {was}" if was else "")
            return now

    def check_at_start(self) -> None:
        """Look, and say in the process's log what is wrong; releases stay refused until it is right."""
        for error in self.check().problems:
            log.error("self-check: %s", error)

    def check(self) -> Findings:
        """Look at everything that this authority stands on; what is found wrong stops releases until it is right."""
        with self._lock:
            self._found = self_check(self.files, self._secrets, self.book, self.clock)
            return self._found

    def accept_restore(self, statements: Sequence[Destruction]) -> list[date]:
        """Go on from a restored database, once what it brought back is destroyed again; returns those days.

        `statements` are this authority's own, as others keep them. Days past retention go as well. Raises ClockInDoubt.
        """
        from central.authority.restored import gone_again  # noqa: PLC0415  (needed once in an office's life)

        with self._lock:
            reading = self.clock.believed()
            expired = (reading.sure - RETENTION).date()
            days = gone_again(self.name, self.public, statements, self._secrets.days(), expired)
            for day, at in days.items():
                self._destroy(day, at or reading.now)
            self.book.publisher.compare()
            if self.book.publisher.alarms():
                self.book.publisher.restart("console", f"a restored database; {len(days)} days destroyed again")
            self.book.note("restored", detail=f"{len(days)} days destroyed again")
            self._found = None
            return sorted(days)

    def rewrap(self, key: KeyEncryptionKey) -> int:
        """Move the live secrets under another key-encryption key, all or none; returns how many were moved."""
        with self._lock:
            moved = self._secrets.rewrap(key)
            wipe_journal(self.engine)
            self.book.note("rewrapped", detail=f"{moved} days under {key.id}")
            return moved

    def log_entries(self) -> list[LogEntry]:
        """The whole log, oldest first."""
        return self.book.entries()

    def _fit(self) -> None:
        self.clock.believed()
        if self._found is None or self._found.problems:
            self._found = self_check(self.files, self._secrets, self.book, self.clock)
        self._found.raise_first()
        self.book.publisher.must_hold()

    def _destroy(self, day: date, now: datetime) -> Destruction:
        with writing(self.engine) as session:
            at = self._secrets.destroy(session, day, now)
            statement = self._state(session, day, at)
            left = self._secrets.days()
            forget_counters(session, canary_epoch(min(left)).hour if left else 0)
            session.commit()
        wipe_journal(self.engine)
        return statement

    def _state(self, session: Session, day: date, at: datetime) -> Destruction:
        statement = sign_destruction(self.name, day, at, self._signing_key)
        session.merge(DestructionEntry(day=day, destroyed_at=at, signature=statement.signature))
        self.book.enter(session, "destroyed", detail=f"{day.isoformat()} {statement.signature.hex()}")
        return statement

    def _clear(self, transport: Transport, node: str) -> None:
        transport.publish(Message(grants(node, self.name), b"", retain=True))
        self.registry.cleared(node)
        self.book.note("revoked", detail=node)

    def _released(
        self, session: Session, release: Release, to: tuple[Recipient, bytes], cells: Sequence[str]
    ) -> ReleasedShares:
        now, scope, (recipient, public) = self.clock.read().now, release.scope, to
        try:
            check_release(release, self.registry.people(), now)
            check_basis(self.files.bases, release.scope, now)
        except (TypeError, AttributeError):  # a field of another type than the document's
            raise BadRelease("a release is malformed", hint="make it again") from None
        if recipient is Recipient.PROBES and public != self.files.probes_public:
            hint = "Register the probe service's key with this authority."
            raise ReleaseRefused("Code shares go to the registered probe service only.", hint=hint)
        check_case(session, release, self.files.limits, now)
        if not set(cells) <= set(scope.cells):
            raise ReleaseRefused("A cell is asked for that is not in scope.", hint="Ask for the case's own cells.")
        grid, missing = self._in_scope(replace(scope, cells=tuple(cells) or scope.cells), recipient, now)
        if recipient is Recipient.PROBES:
            count_probes(session, scope.case, grid.cells, grid.hours, self.files.limits.probes_per_epoch)
        enter_case(session, release)
        return ReleasedShares(
            self.name, scope.case, recipient, scope.start, scope.end, scope.consents, grid, missing,
            self.files.probes_public,
        )  # fmt: skip

    def _in_scope(self, scope: CaseScope, recipient: Recipient, now: datetime) -> tuple[ShareGrid, tuple[date, ...]]:
        first, last = int(scope.start.timestamp()) // HOUR_S, -(-int(scope.end.timestamp()) // HOUR_S)
        # Hours to come stay closed: a release looks back, it does not follow anybody.
        begun = range(first, min(last, int(now.timestamp()) // HOUR_S + 1))
        cells = tuple(sorted(set(scope.cells)))
        hours, array = self._secrets.grid(recipient.part, cells, begun)
        if not hours:
            raise ReleaseRefused("No secret of the window exists.", hint="The days were destroyed or never drawn.")
        missing = sorted({day_of_hour(hour) for hour in begun} - {day_of_hour(hour) for hour in hours})
        return ShareGrid(cells, hours, array), tuple(missing)

    def _coming(self, cells: Iterable[str], now: datetime, hours_ahead: int) -> dict[str, dict[Epoch, Shares]]:
        """By cell: every secret is unwrapped once a round, however many boxes there are."""
        this, last, soon = (int(at.timestamp()) // HOUR_S for at in (now, now - CLOCK_ERROR, now + CLOCK_ERROR))
        hours = range(this, max(this + hours_ahead, soon) + 1)
        for day in sorted({day_of_hour(hour) for hour in hours}):
            self._secrets.draw(day)
        coming: dict[str, dict[Epoch, Shares]] = {cell: {} for cell in cells}
        epochs = (Epoch(cell, hour) for cell in coming for hour in {last, *hours})
        for epoch, shares in self._secrets.shares(epochs).items():
            coming[epoch.cell][epoch] = shares
        return coming


def canary_epoch(day: date) -> Epoch:
    """The epoch that a day's canary is sealed under: the reserved cell in the day's first hour."""
    return Epoch(CANARY_CELL, (day - date(1970, 1, 1)).days * 24)


def _without(missing: Sequence[date]) -> str:
    return f"; no secret for {', '.join(day.isoformat() for day in missing)}" if missing else ""
