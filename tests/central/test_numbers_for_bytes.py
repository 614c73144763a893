"""A number where a document holds bytes is refused at once: read carelessly, it would be that many zeros in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.accounts.passkeys import KIND, passkey_from_bytes
from central.authority.released import Recipient, open_released
from central.probes.hand_off import open_clothes
from central.probes.probe_sets import open_probes
from shared.errors import BadInput, CairnError
from shared.keys import seal_to
from shared.wire import as_bytes, pack

KEY = X25519PrivateKey.generate()
MANY = 2**40  # a terabyte of zeros


def sealed(info: str, document: object) -> bytes:
    return seal_to(KEY.public_key(), info.encode(), pack(document))


RELEASED = {
    "window": [0, 3600], "missing": [], "consents": ["face"], "cells": [], "hours": b"", "shares": b"", "probes": MANY,
}  # fmt: skip
READ: dict[str, Callable[[], object]] = {
    "a ticket": lambda: open_probes(
        "case-1", sealed("cairn/v1 probe set case-1", {"columns": [], "ticket": MANY}), KEY
    ),
    "a hand-off": lambda: open_clothes(
        "case-1", sealed("cairn/v1 hand-off case-1", {"ticket": MANY, "worker": b"", "clothes": []}), KEY
    ),
    "an authority's answer": lambda: open_released(
        KEY, sealed("cairn/v1 shares north case-1 search", RELEASED), "north", "case-1", Recipient.SEARCH
    ),
    "a passkey": lambda: passkey_from_bytes(
        pack({"kind": KIND, "key": MANY, "credential": b"", "origin": "https://cairn.example"})
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_number_is_not_taken_for_bytes(name: str) -> None:
    """Named, with what to do next, and nothing of that size is ever made."""
    with pytest.raises(CairnError) as refusal:
        READ[name]()
    assert refusal.value.hint
    assert isinstance(refusal.value, BadInput) or name == "a hand-off"


def test_bytes_stay_as_they_are() -> None:
    """Bytes pass; a number, a text and a list do not."""
    assert as_bytes(b"abc") == b"abc"
    for wrong in (3, "abc", [1, 2], None):
        with pytest.raises(TypeError):
            as_bytes(wrong)
