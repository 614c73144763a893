"""Whom this authority knows: people whose signatures count, and nodes that get shares. Kept by its own office."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import Engine
from sqlmodel import Session, select

from central.authority.tables import NodeEntry, PersonEntry
from shared.errors import BadInput
from shared.ids import check_id
from shared.keys import sealing_public, signing_public
from shared.releases import Person

ROLES = frozenset({"tracer", "approver"})


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node, its cell, and the key that its shares are sealed to."""

    node: str
    cell: str
    public: X25519PublicKey


class Registry:
    """The people and the nodes in the authority's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put_person(self, name: str, roles: frozenset[str], public_key: bytes) -> None:
        """Add or replace a person; BadInput for an unknown role or a key that is no Ed25519 key."""
        if not roles or not roles <= ROLES:
            raise BadInput("A role is unknown.", hint=f"Use {' or '.join(sorted(ROLES))}.")
        signing_public(public_key)
        self._put(PersonEntry(name=check_id(name, "person"), roles=" ".join(sorted(roles)), public_key=public_key))

    def put_node(self, node: str, cell: str, public_key: bytes) -> None:
        """Add or replace a node; it gets shares of this cell's hours and of no other's."""
        sealing_public(public_key)
        self._put(NodeEntry(node=check_id(node, "node"), cell=check_id(cell, "cell"), public_key=public_key))

    def drop_person(self, name: str) -> None:
        """A person who left signs nothing more; an unknown name is no error."""
        self._drop(PersonEntry, name)

    def drop_node(self, node: str) -> None:
        """A revoked node gets no further shares; an unknown name is no error."""
        self._drop(NodeEntry, node)

    def people(self) -> dict[str, Person]:
        with Session(self._engine) as session:
            rows = session.exec(select(PersonEntry)).all()
        return {row.name: Person(frozenset(row.roles.split()), signing_public(row.public_key)) for row in rows}

    def nodes(self) -> list[KnownNode]:
        with Session(self._engine) as session:
            rows = session.exec(select(NodeEntry).order_by(NodeEntry.node)).all()
        return [KnownNode(row.node, row.cell, sealing_public(row.public_key)) for row in rows]

    def _put(self, row: PersonEntry | NodeEntry) -> None:
        with Session(self._engine) as session:
            session.merge(row)
            session.commit()

    def _drop(self, table: type[PersonEntry] | type[NodeEntry], name: str) -> None:
        with Session(self._engine) as session:
            if (row := session.get(table, name)) is not None:
                session.delete(row)
                session.commit()
