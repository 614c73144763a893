"""The dated list of legal bases. They are data beside this file; a city keeps its own list in a folder of its own.

One case has one basis, and it stands in scope, consent and reports under its name. What is not on the list, no longer
in force, or does not cover a scope is refused when a case is opened, approved and searched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from shared.epochs import Modality
from shared.errors import BadIdentifier, BadInput, ReleaseRefused
from shared.ids import check_id
from shared.releases import CaseScope

SHIPPED: Final = Path(__file__).parent / "bases"
LANGUAGES: Final = ("en", "ko")
_MOST_DAYS = 10 * 366


class BasisRefused(ReleaseRefused):
    """The legal basis is not on the list, not in force, or does not cover what is asked."""


class BadBasis(BadInput):
    """The file of a legal basis cannot be read."""


@dataclass(frozen=True, slots=True)
class Basis:
    """A legal basis in force from `valid_from` until `valid_until`, both included, and the scopes that it covers.

    After a case's end `route_days` is how long what was found may be kept, `case_days` the case itself and what the
    patient told, and `evidence_days` after the consent's end what proves it. `texts` says the law by language.
    """

    name: str
    valid_from: date
    valid_until: date | None
    jurisdiction: str
    scopes: frozenset[str]
    route_days: int
    case_days: int
    evidence_days: int
    texts: Mapping[str, str] = field(repr=False)

    def in_force(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


Bases = Mapping[str, Basis]


def load_bases(folder: Path = SHIPPED) -> dict[str, Basis]:
    """Every basis of the folder, by name. Raises BadBasis, which names the file."""
    found = [_read(path) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise BadBasis(f"there is no legal basis in {folder}", hint="copy central/cases/bases and edit the copy")
    return {basis.name: basis for basis in found}


def basis_of(bases: Bases, name: str, day: date) -> Basis:
    """The basis of that name, in force on that day. Raises BasisRefused."""
    basis = bases.get(name)
    if basis is None:
        hint = f"use one of {', '.join(sorted(bases))}"
        raise BasisRefused("the case's legal basis is not on the list", hint=hint)
    if not basis.in_force(day):
        raise BasisRefused(f"the legal basis {name} is not in force", hint="use one that is, or ask counsel")
    return basis


def check_basis(bases: Bases, scope: CaseScope, now: datetime) -> Basis:
    """The basis of this case. Raises BasisRefused unless it is in force and covers what the case asks for."""
    basis = basis_of(bases, scope.purpose, now.date())
    if beyond := sorted(set(scope.consents) - basis.scopes):
        hint = f"it covers {', '.join(sorted(basis.scopes))}"
        raise BasisRefused(f"{basis.name} does not cover a search by {' and '.join(beyond)}", hint=hint)
    return basis


def basis_from(value: Mapping[str, Any]) -> Basis:
    """A basis from its JSON. Raises BadBasis."""
    try:
        return _basis(value)
    except (KeyError, TypeError, ValueError, AttributeError, BadIdentifier):
        raise BadBasis("the legal basis is malformed", hint="compare it with central/cases/bases") from None


def basis_to_map(basis: Basis) -> dict[str, Any]:
    """The same as its file."""
    return {
        "basis": basis.name,
        "valid_from": basis.valid_from.isoformat(),
        "valid_until": basis.valid_until.isoformat() if basis.valid_until else None,
        "jurisdiction": basis.jurisdiction,
        "scopes": sorted(basis.scopes),
        "route_days": basis.route_days,
        "case_days": basis.case_days,
        "evidence_days": basis.evidence_days,
        "texts": dict(basis.texts),
    }


def _read(path: Path) -> Basis:
    try:
        basis = _basis(json.loads(path.read_bytes()))
        if basis.name != path.stem:
            raise ValueError
    except (OSError, KeyError, TypeError, ValueError, AttributeError, BadIdentifier):
        hint = "compare it with the files of central/cases/bases"
        raise BadBasis(f"the legal basis {path.name} is malformed", hint=hint) from None
    return basis


def _basis(value: Mapping[str, Any]) -> Basis:
    until = value["valid_until"]
    basis = Basis(
        name=check_id(value["basis"], "legal basis"),
        valid_from=date.fromisoformat(value["valid_from"]),
        valid_until=None if until is None else date.fromisoformat(until),
        jurisdiction=str(value["jurisdiction"]),
        scopes=frozenset(value["scopes"]),
        route_days=_days(value["route_days"]),
        case_days=_days(value["case_days"]),
        evidence_days=_days(value["evidence_days"]),
        texts={language: _text(value["texts"][language]) for language in LANGUAGES},
    )
    if not basis.scopes <= {modality.value for modality in Modality} or len(basis.jurisdiction) < 2:
        raise ValueError
    return basis


def _days(value: object) -> int:
    if type(value) is not int or not 0 < value <= _MOST_DAYS:
        raise ValueError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value
