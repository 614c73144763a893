"""Settings of one authority's process, from the environment (CAIRN_AUTHORITY_*), a file or keyword arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from central.authority.limits import MAX_CONCURRENT_CASES, MAX_PROBES_PER_EPOCH, Limits
from central.authority.token_place import KEY_LABEL, TokenPlace
from central.settings import ServiceSettings
from shared.transport.mqtt import MqttSettings


class AuthoritySettings(ServiceSettings):
    """Paths and addresses; no secret is ever a setting, only the file that holds it.

    Day secrets are wrapped under a passphrase's key, or under a token's when `token_module` names its PKCS#11 driver.
    `centre` and `probes` are the names in the certificates of the two services that may ask.
    """

    model_config = SettingsConfigDict(env_prefix="CAIRN_AUTHORITY_")

    name: str
    database: Path
    passphrase_file: Path | None = None
    signing_key: Path
    probes_public: Path = Field(description="Raw X25519 public key of the one probe service.")
    hours_ahead: int = Field(default=24, ge=0, le=24, description="How long boxes work on without this authority.")
    centre: str = "svc-centre"
    probes: str = "svc-probes"

    token_module: Path | None = Field(default=None, description="The PKCS#11 driver of the token.")
    token_label: str = ""
    token_key_label: str = KEY_LABEL
    token_pin_file: Path | None = None

    witnesses: dict[str, str] = Field(default={}, description="Address to verifier key of who witnesses our log.")
    witness_key: Path | None = Field(default=None, description="Signs what this office witnesses for others.")
    witness_store: Path | None = None
    witness_name: str = ""
    witness_logs: list[str] = Field(default=[], description="Verifier keys of the logs that this office witnesses.")

    legal_bases: Path | None = Field(default=None, description="The folder of legal bases that this office accepts.")
    max_cases: int = Field(default=MAX_CONCURRENT_CASES, ge=1, le=MAX_CONCURRENT_CASES)
    max_probes_per_epoch: int = Field(default=MAX_PROBES_PER_EPOCH, ge=1, le=MAX_PROBES_PER_EPOCH)

    host: str = "127.0.0.1"
    port: int = Field(default=8471, ge=0, le=65535)

    broker_host: str = ""
    broker_port: int = Field(default=8883, ge=1, le=65535)

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.token_module is None and self.passphrase_file is None:
            raise ValueError("set passphrase_file, or token_module, token_label and token_pin_file")
        if self.token_module is not None and (not self.token_label or self.token_pin_file is None):
            raise ValueError("token_module, token_label and token_pin_file belong together")
        if len({self.witness_key is None, self.witness_store is None, not self.witness_logs}) > 1:
            raise ValueError("witness_key, witness_store and witness_logs belong together")
        return self

    def token(self) -> TokenPlace | None:
        """Where the key-encryption key is, when a token has it."""
        if self.token_module is None or self.token_pin_file is None:
            return None
        return TokenPlace(self.token_module, self.token_label, self.token_pin_file, self.token_key_label)

    def limits(self) -> Limits:
        """What this office allows; it can lower a limit and never raise it."""
        return Limits(self.max_cases, self.max_probes_per_epoch)

    def mqtt(self) -> MqttSettings | None:
        """Where grants are published, or None when no broker is configured. The broker's ACL knows this name."""
        return self.broker(self.broker_host, self.broker_port, f"svc-authority-{self.name}")
