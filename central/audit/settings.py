"""Settings of the published log and of a witness, and what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy import Engine

from central.audit.history import CheckpointFile
from central.audit.notes import BadNote, Kind, Verifier
from central.audit.publisher import Publisher
from central.audit.service import PUBLISHED
from central.audit.witness import Witness, open_witness
from central.audit.witness_client import WitnessClient
from central.authority.client import client
from central.errors import BadSettings
from central.settings import ServiceSettings
from central.tls import Tls
from shared.clock import Clock
from shared.keys import read_signing_key


class Publishing(Protocol):
    """The part of the centre's settings that its log is published by."""

    @property
    def audit_key(self) -> Path | None: ...
    @property
    def audit_name(self) -> str: ...
    @property
    def witnesses(self) -> dict[str, str]: ...
    @property
    def checkpoint_file(self) -> Path | None: ...
    @property
    def tls(self) -> Tls | None: ...


class AuditSettings(ServiceSettings):
    """The centre's database and how its log is published, for commands (CAIRN_CENTRE_*)."""

    model_config = SettingsConfigDict(env_prefix="CAIRN_CENTRE_")

    database: SecretStr
    audit_key: Path | None = None
    audit_name: str = "cairn/centre"
    witnesses: dict[str, str] = Field(default={})
    checkpoint_file: Path | None = None


class WitnessSettings(ServiceSettings):
    """A witness (CAIRN_WITNESS_*). `logs` are the verifier keys of the logs that it watches, as JSON.

    `name` is what its own verifier key is called, such as health.example/witness.
    """

    model_config = SettingsConfigDict(env_prefix="CAIRN_WITNESS_")

    name: str = Field(min_length=1)
    signing_key: Path
    store: Path
    logs: list[str] = Field(min_length=1)
    host: str = "127.0.0.1"
    port: int = Field(default=8474, ge=0, le=65535)

    def open(self, clock: Clock) -> Witness:
        """BadInput kinds for a key, a name or a store that cannot be used."""
        return open_witness(self.name, read_signing_key(self.signing_key), self.logs, self.store, clock)


def open_publisher(engine: Engine, clock: Clock, settings: Publishing) -> Publisher | None:
    """The centre's publisher, or None without a key. BadInput kinds for keys and addresses that cannot be used."""
    if settings.audit_key is None:
        return None
    signer = (settings.audit_name, read_signing_key(settings.audit_key))
    keys = {url: _witness_key(text) for url, text in settings.witnesses.items()}
    if len({key.name for key in keys.values()}) < len(keys):
        raise BadSettings("two witnesses have one name", hint="give each witness a name of its own")
    witnesses = {key: WitnessClient(client(url, settings.tls)) for url, key in keys.items()}
    file = CheckpointFile(settings.checkpoint_file) if settings.checkpoint_file else None
    return Publisher(engine, clock, PUBLISHED, signer, witnesses, file)


def _witness_key(text: str) -> Verifier:
    key = Verifier.parse(text)
    if key.kind is not Kind.WITNESS:
        raise BadNote(
            f"the key of {key.name} is a log's, not a witness's", hint="give the line that the witness printed"
        )
    return key
