"""One key authority: it publishes shares to nodes, releases them for approved cases, and destroys old days.

It trusts no other party's word: every signature, consent and limit is checked here, against its own registry.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from central.authority.day_secrets import DaySecrets, read_passphrase
from central.authority.registry import Registry
from central.authority.released import Recipient, ReleasedShares, seal_released
from central.authority.statements import Destruction, sign_destruction
from central.authority.tables import CaseEntry, LogEntry, open_database
from shared.clock import Clock
from shared.epochs import Epoch, Shares
from shared.errors import BadInput, BadRelease, CairnError, ReleaseRefused
from shared.ids import check_id
from shared.keys import sealing_public
from shared.node_shares import MAX_HOURS_AHEAD, seal_grant
from shared.releases import CaseScope, Release, check_release, release_from_bytes
from shared.topics import grants
from shared.transport import Message, Transport

log = logging.getLogger(__name__)

MAX_CONCURRENT_CASES = 10
RETENTION = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class AuthorityFiles:
    """What an authority is made of. `probes_public` is the one key that code shares are ever sealed to."""

    name: str
    database: Path
    passphrase_file: Path
    signing_key: Ed25519PrivateKey = field(repr=False)
    probes_public: bytes


class Authority:
    """Thread-safe; every public method is one transaction with a line in the log."""

    def __init__(self, files: AuthorityFiles, clock: Clock) -> None:
        self.name = check_id(files.name, "authority")
        self._clock = clock
        self._engine: Engine = open_database(files.database)
        self._secrets = DaySecrets(self.name, self._engine, read_passphrase(files.passphrase_file))
        self._signing_key = files.signing_key
        self._probes_public = files.probes_public
        self._lock = threading.Lock()
        self.registry = Registry(self._engine)

    def publish_grants(self, transport: Transport, hours_ahead: int = MAX_HOURS_AHEAD) -> int:
        """Publish, retained, every node's shares from this hour on; returns the number of nodes served.

        Raises BadInput above 24 hours and TransportDown when the broker is away; run it again later.
        """
        if not 0 <= hours_ahead <= MAX_HOURS_AHEAD:
            raise BadInput("Shares are published at most 24 hours ahead.", hint="Use a smaller number.")
        with self._lock:
            nodes = self.registry.nodes()
            for known in nodes:
                shares = self._coming(known.cell, hours_ahead)
                sealed = seal_grant(self.name, known.node, shares, known.public)
                transport.publish(Message(grants(known.node, self.name), sealed, retain=True))
            for node in self.registry.dropped():
                self._clear(transport, node)
            self._note("granted", detail=f"{len(nodes)} nodes, {hours_ahead} hours ahead")
        return len(nodes)

    def revoke_node(self, transport: Transport, node: str) -> None:
        """Forget a node and clear its retained grant, so that a stolen box gets no hour that it has not yet."""
        with self._lock:
            self.registry.drop_node(node)
            self._clear(transport, node)

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes) -> bytes:
        """Sealed shares of the cell-hours in scope; ReleaseRefused or BadRelease, each of them logged."""
        with self._lock:
            case = ""
            try:
                release = release_from_bytes(release_bytes)
                case = release.scope.case
                released = self._released(release, recipient, public)
                sealed = seal_released(released, sealing_public(public))
            except CairnError as refusal:
                self._note("refused", case, f"{recipient}: {type(refusal).__name__}: {refusal.message}")
                raise
            self._open_case(release.scope)
            self._note("released", case, f"{recipient}: {len(released.shares)} cell-hours")
            return sealed

    def check_up(self) -> None:
        """It is here, in this process."""

    def withdraw(self, case: str) -> None:
        """Nothing is released for this case any more, known or not, for ever."""
        with self._lock, Session(self._engine) as session:
            row = session.get(CaseEntry, check_id(case, "case")) or CaseEntry(case=case)
            row.withdrawn_at = row.withdrawn_at or self._clock.now()
            session.add(row)
            session.commit()
            self._note("withdrawn", case)

    def destroy(self, day: date) -> Destruction:
        """Destroy a day's secret and sign that it is done. Nothing opens the day's batches afterwards."""
        with self._lock:
            now = self._clock.now()
            self._secrets.destroy(day, now)
            self._note("destroyed", detail=day.isoformat())
            return sign_destruction(self.name, day, now, self._signing_key)

    def destroy_expired(self) -> list[Destruction]:
        """Destroy every day that ended longer ago than retention; meant to run every hour."""
        oldest = (self._clock.now() - RETENTION).date()
        return [self.destroy(day) for day in self._secrets.days() if day < oldest]

    def log_entries(self) -> list[LogEntry]:
        """The whole log, oldest first."""
        with Session(self._engine) as session:
            return list(session.exec(select(LogEntry).order_by(col(LogEntry.id))).all())

    def _clear(self, transport: Transport, node: str) -> None:
        transport.publish(Message(grants(node, self.name), b"", retain=True))
        self.registry.cleared(node)
        self._note("revoked", detail=node)

    def _released(self, release: Release, recipient: Recipient, public: bytes) -> ReleasedShares:
        now = self._clock.now()
        try:
            check_release(release, self.registry.people(), now)
        except (TypeError, AttributeError) as error:  # a field of another type than the document's
            raise BadRelease("a release is malformed", hint="make it again") from error
        self._check_limits(release.scope, recipient, public, now)
        scope = release.scope
        shares = self._in_scope(scope, recipient, now)
        return ReleasedShares(self.name, scope.case, recipient, scope.start, scope.end, scope.consents, shares)

    def _check_limits(self, scope: CaseScope, recipient: Recipient, public: bytes, now: datetime) -> None:
        if recipient is Recipient.PROBES and public != self._probes_public:
            hint = "Register the probe service's key with this authority."
            raise ReleaseRefused("Code shares go to the registered probe service only.", hint=hint)
        with Session(self._engine) as session:
            rows = session.exec(select(CaseEntry)).all()
        if any(row.case == scope.case and row.withdrawn_at for row in rows):
            raise ReleaseRefused("The case is withdrawn or closed.", hint="Open a new case with new consent.")
        live = [r for r in rows if r.case != scope.case and not r.withdrawn_at and r.expires and r.expires > now]
        if len(live) >= MAX_CONCURRENT_CASES:
            hint = "Close a finished case first."
            raise ReleaseRefused(f"{MAX_CONCURRENT_CASES} cases are open already.", hint=hint)

    def _in_scope(self, scope: CaseScope, recipient: Recipient, now: datetime) -> dict[Epoch, bytes]:
        # Hours to come stay closed: a release looks back, it does not follow anybody.
        shares = self._secrets.shares(epoch for epoch in scope.epochs() if epoch.start <= now)
        if not shares:
            raise ReleaseRefused("No secret of the window exists.", hint="The days were destroyed or never drawn.")
        if recipient is Recipient.PROBES:
            return {epoch: both.code for epoch, both in shares.items()}
        return {epoch: both.seal for epoch, both in shares.items()}

    def _coming(self, cell: str, hours_ahead: int) -> dict[Epoch, Shares]:
        first = Epoch.at(cell, self._clock.now())
        epochs = [Epoch(cell, first.hour + ahead) for ahead in range(hours_ahead + 1)]
        for day in {epoch.start.date() for epoch in epochs}:
            self._secrets.draw(day)
        return self._secrets.shares(epochs)

    def _open_case(self, scope: CaseScope) -> None:
        with Session(self._engine) as session:
            row = session.get(CaseEntry, scope.case) or CaseEntry(case=scope.case)
            row.expires = max(row.expires or scope.expires, scope.expires)
            session.add(row)
            session.commit()

    def _note(self, event: str, case: str = "", detail: str = "") -> None:
        with Session(self._engine) as session:
            session.add(LogEntry(at=self._clock.now(), event=event, case=case, detail=detail))
            session.commit()
        log.info("%s %s %s", event, case, detail)
