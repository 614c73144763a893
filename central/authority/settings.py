"""Settings of one authority's process, from the environment (CAIRN_AUTHORITY_*) or keyword arguments."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.transport.mqtt import MqttSettings


class AuthoritySettings(BaseSettings):
    """Paths and addresses; no secret is ever a setting, only the file that holds it."""

    model_config = SettingsConfigDict(env_prefix="CAIRN_AUTHORITY_", frozen=True)

    name: str
    database: Path
    passphrase_file: Path
    signing_key: Path
    probes_public: Path = Field(description="Raw X25519 public key of the one probe service.")
    hours_ahead: int = Field(default=24, ge=0, le=24)

    host: str = "127.0.0.1"
    port: int = 8471
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    broker_host: str = ""
    broker_port: int = 8883

    @property
    def tls(self) -> tuple[Path, Path, Path] | None:
        """CA, certificate and key when all three are set: then clients must bring a certificate too."""
        if self.ca and self.certificate and self.key:
            return self.ca, self.certificate, self.key
        return None

    def mqtt(self) -> MqttSettings | None:
        """Where grants are published, or None when no broker is configured."""
        if not self.broker_host or self.tls is None:
            return None
        ca, certificate, key = self.tls
        name = f"svc-{self.name}"
        return MqttSettings(self.broker_host, self.broker_port, name, ca, certificate, key)
