"""Settings of one authority's process, from the environment (CAIRN_AUTHORITY_*), a file or keyword arguments."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from central.settings import ServiceSettings
from shared.transport.mqtt import MqttSettings


class AuthoritySettings(ServiceSettings):
    """Paths and addresses; no secret is ever a setting, only the file that holds it.

    `centre` and `probes` are the names in the certificates of the two services that may ask.
    """

    model_config = SettingsConfigDict(env_prefix="CAIRN_AUTHORITY_")

    name: str
    database: Path
    passphrase_file: Path
    signing_key: Path
    probes_public: Path = Field(description="Raw X25519 public key of the one probe service.")
    hours_ahead: int = Field(default=24, ge=0, le=24)
    centre: str = "svc-centre"
    probes: str = "svc-probes"

    host: str = "127.0.0.1"
    port: int = Field(default=8471, ge=0, le=65535)

    broker_host: str = ""
    broker_port: int = Field(default=8883, ge=1, le=65535)

    def mqtt(self) -> MqttSettings | None:
        """Where grants are published, or None when no broker is configured. The broker's ACL knows this name."""
        return self.broker(self.broker_host, self.broker_port, f"svc-authority-{self.name}")
