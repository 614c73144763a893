"""Whom this authority knows: people whose signatures count, and nodes that get shares. Kept by its own office."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import Engine, delete
from sqlmodel import Session, col, select

from central.authority.tables import DroppedNode, NodeEntry, PersonEntry
from central.database import writing
from central.errors import NotFound
from central.signers import fingerprint, verifier
from shared.errors import BadInput
from shared.fleet import Fleet
from shared.ids import check_id
from shared.keys import sealing_public
from shared.releases import Person

ROLES = frozenset({"tracer", "approver"})
CANARY_CELL = "canary"  # no box's: batches are sealed under it that must not open once a day is destroyed


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node, its cell, and the key that its shares are sealed to."""

    node: str
    cell: str
    public: X25519PublicKey


class Enter(Protocol):
    """Writes an entry in the authority's log within the session's transaction."""

    def __call__(self, session: Session, action: str, case: str = "", detail: str = "") -> None: ...


class Registry:
    """The people and the nodes in the authority's database. Every change is in its log: an approver whom somebody
    entered unseen could sign for anybody."""

    def __init__(self, engine: Engine, enter: Enter) -> None:
        self._engine, self._enter = engine, enter

    def put_person(self, name: str, roles: frozenset[str], public_key: bytes) -> None:
        """Add or replace a person; BadInput for an unknown role or a key that is no Ed25519 key."""
        if not roles or not roles <= ROLES:
            raise BadInput("A role is unknown.", hint=f"Use {' or '.join(sorted(ROLES))}.")
        verifier(public_key)
        row = PersonEntry(name=check_id(name, "person"), roles=" ".join(sorted(roles)), public_key=public_key)
        with writing(self._engine) as session:
            session.merge(row)
            self._enter(session, "person entered", detail=f"{name} {row.roles} {fingerprint(public_key)}")
            session.commit()

    def put_node(self, node: str, cell: str, public_key: bytes) -> None:
        """Add or replace a node; it gets shares of this cell's hours and of no other's."""
        with writing(self._engine) as session:
            _enter(session, NodeEntry(node=check_id(node, "node"), cell=check_id(cell, "cell"), public_key=public_key))
            self._enter(session, "node entered", detail=f"{node} {cell} {fingerprint(public_key)}")
            session.commit()

    def drop_person(self, name: str) -> None:
        """A person who left signs nothing more. Raises NotFound, so that a misspelt name does not leave them in."""
        with writing(self._engine) as session:
            if (row := session.get(PersonEntry, name)) is None:
                hint = "see who is known with: cairn-central authority list"
                raise NotFound(f"this authority knows no person {name[:40]!r}", hint=hint)
            session.delete(row)
            self._enter(session, "person dropped", detail=name)
            session.commit()

    def drop_node(self, node: str) -> None:
        """A revoked node gets no further shares; an unknown name is no error. Its grant is to be cleared: `dropped`."""
        with writing(self._engine) as session:
            if _drop(session, node):
                self._enter(session, "node dropped", detail=node)
            session.commit()

    def dropped(self) -> list[str]:
        """Nodes whose retained grants are still on the broker."""
        with Session(self._engine) as session:
            return list(session.exec(select(DroppedNode.node).order_by(DroppedNode.node)).all())

    def cleared(self, node: str) -> None:
        """The node's retained grant is gone."""
        with writing(self._engine) as session:
            session.execute(delete(DroppedNode).where(col(DroppedNode.node) == node))
            session.commit()

    def stamp(self) -> bytes:
        """Changes whenever a node was entered, changed or dropped, by this process or by a command beside it."""
        with Session(self._engine) as session:
            known = session.exec(select(NodeEntry.node, NodeEntry.cell, NodeEntry.public_key).order_by(NodeEntry.node))
            digest = sha256(repr(known.all()).encode())
        return sha256(digest.digest() + repr(self.dropped()).encode()).digest()

    def take_over(self, fleet: Fleet) -> dict[str, int]:
        """Enter the boxes of a fleet file and drop its revoked ones; again is harmless."""
        with writing(self._engine) as session:
            for one in fleet.nodes:
                if one.revoked:
                    _drop(session, one.node)
                else:
                    _enter(session, NodeEntry(node=one.node, cell=one.cell, public_key=one.sealing_public))
            dropped = sum(one.revoked for one in fleet.nodes)
            nodes = len(fleet.nodes) - dropped
            self._enter(session, "fleet imported", detail=f"{nodes} nodes, {dropped} dropped")
            session.commit()
        return {"nodes": nodes, "dropped": dropped}

    def people(self) -> dict[str, Person]:
        with Session(self._engine) as session:
            rows = session.exec(select(PersonEntry)).all()
        return {row.name: Person(frozenset(row.roles.split()), verifier(row.public_key)) for row in rows}

    def nodes(self) -> list[KnownNode]:
        with Session(self._engine) as session:
            rows = session.exec(select(NodeEntry).order_by(NodeEntry.node)).all()
        return [KnownNode(row.node, row.cell, sealing_public(row.public_key)) for row in rows]


def _enter(session: Session, row: NodeEntry) -> None:
    sealing_public(row.public_key)
    if row.cell == CANARY_CELL:
        raise BadInput(f"the cell {CANARY_CELL!r} is reserved", hint="give this box's cell another name")
    session.merge(row)
    session.execute(delete(DroppedNode).where(col(DroppedNode.node) == row.node))


def _drop(session: Session, node: str) -> bool:
    known = session.get(NodeEntry, node)
    if known is None:
        return False
    session.delete(known)
    session.merge(DroppedNode(node=node))
    return True
