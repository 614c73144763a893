"""A patient's answer as tests need it: on the shipped notice, under a shipped legal basis."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from central.consents.terms import Said, Terms, receipt_on
from shared.releases import ConsentReceipt

BASIS = "kr-idcpa-76-2"


@cache
def terms() -> Terms:
    """The notice and the legal bases that ship."""
    return Terms.load()


def a_consent(case: str, now: datetime, scopes: tuple[str, ...] = ("face",), **changes: Any) -> ConsentReceipt:
    """Given an hour ago for ten days to kim; what is not in `scopes` is refused."""
    said = Said(f"receipt-{case}", case, scopes, now - timedelta(hours=1), now + timedelta(days=10), "kim")
    receipt = receipt_on(terms().notice, terms().bases[BASIS], said)
    return dataclasses.replace(receipt, **changes)
