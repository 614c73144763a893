"""Dated rules of retention. They are data beside this file; an office may keep its own in a file of the same form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from central.cases.bases import Bases, load_bases
from central.errors import BadSettings
from shared.errors import BadIdentifier
from shared.ids import check_id
from shared.releases import MAX_WINDOW

RULES: Final = Path(__file__).parent / "rules"
_LONGEST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Rules:
    """Days that each class is kept: batches after their hour, routes after they were found, cases after their end,
    the words of the audit log after they were written, of a case's after its end."""

    name: str
    dated: str
    source: str
    batches: timedelta
    routes: timedelta
    refused_batches: timedelta
    cases: timedelta
    audit: timedelta
    cases_by_basis: Mapping[str, timedelta]

    def case(self, basis: str) -> timedelta:
        """How long after its end a case of this legal basis is kept."""
        return self.cases_by_basis.get(basis, self.cases)

    @property
    def shortest_case(self) -> timedelta:
        """No case goes earlier than this."""
        return min([self.cases, *self.cases_by_basis.values()])


def load_rules(file: Path | None = None, bases: Bases | None = None) -> Rules:
    """An office's own rules, or the newest that come with the software. Raises BadSettings.

    A case is kept as long as its legal basis says; the rules may name other days for one, and say it for the rest.
    """
    path = file or max(RULES.glob("*.json"))
    known = load_bases() if bases is None else bases
    try:
        return _rules(json.loads(path.read_bytes()), {one.name: one.case_days for one in known.values()})
    except OSError as error:
        raise BadSettings(f"cannot read {path}: {error.strerror}", hint="set CAIRN_CENTRE_RETENTION") from None
    except (KeyError, TypeError, ValueError, AttributeError, BadIdentifier) as error:
        hint = f"copy {max(RULES.glob('*.json'))} and change its numbers"
        raise BadSettings(f"the rules of retention in {path} are malformed ({error})", hint=hint) from None


def _rules(value: Mapping[str, Any], known: Mapping[str, int]) -> Rules:
    named = {str(basis): days for basis, days in value["cases_days_by_basis"].items()}
    bases = {basis: _days(days) for basis, days in {**known, **named}.items()}
    rules = Rules(
        name=check_id(value["name"], "rules"),
        dated=str(value["dated"]),
        source=str(value["source"]),
        batches=_days(value["batches_days"]),
        routes=_days(value["routes_days"]),
        refused_batches=_days(value["refused_batches_days"]),
        cases=_days(value["cases_days"]),
        audit=_days(value["audit_days"]),
        cases_by_basis=bases,
    )
    if rules.batches > MAX_WINDOW:
        raise ValueError(f"batches_days is over {MAX_WINDOW.days}, when no key opens them any more")
    if rules.audit < max([rules.cases, *bases.values()]):
        raise ValueError("audit_days is shorter than a case is kept")
    return rules


def _days(value: Any) -> timedelta:
    if type(value) is not int or not 1 <= value <= _LONGEST_DAYS:
        raise ValueError(f"{value!r} is no number of days")
    return timedelta(days=value)
