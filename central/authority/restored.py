"""A restored database brings destroyed days back. Before anything else goes on, they are destroyed again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from central.authority.statements import Destruction, check_destruction
from shared.errors import BadInput
from shared.keys import signing_public


def gone_again(
    authority: str, public: bytes, statements: Sequence[Destruction], live: Iterable[date], expired: date
) -> dict[date, datetime | None]:
    """The days to destroy anew, with the time of their statement if there is one: those that this authority's own
    statements say are destroyed, whether they are live here or not even known, and those before `expired`.

    Raises BadInput for a statement that this authority did not sign: nobody else may have days destroyed.
    """
    days: dict[date, datetime | None] = {day: None for day in live if day < expired}
    for statement in statements:
        if statement.authority != authority:
            hint = f"fetch the statements of {authority} from the centre's /statements"
            raise BadInput(f"a statement is one of authority {statement.authority}", hint=hint)
        check_destruction(statement, signing_public(public))
        days[statement.day] = statement.destroyed_at
    return days
