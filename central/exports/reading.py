"""A case's route for an export: only for who works on the case, only while it may be read, and noted before."""

from __future__ import annotations

import json
from typing import Any

from central.accounts.tables import Account
from central.audit.service import record
from central.cases.access import own_case
from central.cases.service import must_not_be_ended
from central.centre import Centre
from central.contacts.presets import Preset
from central.database import writing
from central.exports.material import Material, OfCase
from central.routes import store


def read_material(centre: Centre, account: Account, case: str, rule: Preset, action: str, detail: str) -> Material:
    """Raises NotFound for a case that is not theirs or has no route, CaseEnded for one that is erased.

    `action` and `detail` stand in the audit log before anything is made; neither holds a word of the caller's choosing.
    """
    now = centre.clock.now()
    with writing(centre.engine) as session:
        row = own_case(session, account, case, now)
        must_not_be_ended(row)
        of = OfCase(row.case, row.purpose, row.opened_at)
        found = store.route_of(session, case)
        found_at, route = found.found_at, found.route
        record(session, now, account.name, action, case, detail)
    plain: dict[str, Any] = json.loads(route)
    return Material.of_route(of, found_at, now, centre.zone, plain, rule)
