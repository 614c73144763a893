"""Who witnesses this authority's log, and which logs this office witnesses for others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from central.audit.notes import BadNote, Kind, Verifier
from central.audit.witness import Witness, Witnessing, open_witness
from central.audit.witness_client import WitnessClient
from central.authority.client import client
from central.errors import BadSettings
from shared.clock import Clock
from shared.keys import read_signing_key

if TYPE_CHECKING:
    from central.authority.settings import AuthoritySettings


def witnesses_of(settings: AuthoritySettings) -> Mapping[Verifier, Witnessing]:
    """By verifier key. BadInput kinds for keys and addresses that cannot be used."""
    found: dict[Verifier, Witnessing] = {}
    for url, text in settings.witnesses.items():
        key = Verifier.parse(text)
        if key.kind is not Kind.WITNESS:
            raise BadNote(f"the key of {key.name} is a log's, not a witness's", hint="give the witness's own line")
        found[key] = WitnessClient(client(url, settings.tls))
    if len({key.name for key in found}) < len(settings.witnesses):
        raise BadSettings("two witnesses have one name", hint="give each witness a name of its own")
    return found


def witness_of(settings: AuthoritySettings, clock: Clock) -> Witness | None:
    """What this office cosigns for others, or None. The key is another than the authority's own."""
    if settings.witness_key is None or settings.witness_store is None:
        return None
    name = settings.witness_name or f"cairn/witness/{settings.name}"
    key = read_signing_key(settings.witness_key)
    return open_witness(name, key, settings.witness_logs, settings.witness_store, clock)
