"""Settings of the probe service's process, from the environment (CAIRN_PROBES_*) or keyword arguments."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class ProbeSettings(BaseSettings):
    """`authorities` maps each authority's name to its URL, as JSON in the environment."""

    model_config = SettingsConfigDict(env_prefix="CAIRN_PROBES_", frozen=True)

    key: Path
    templates: Path
    authorities: dict[str, str]

    host: str = "127.0.0.1"
    port: int = 8481
    ca: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None

    @property
    def tls(self) -> tuple[Path, Path, Path] | None:
        """CA, certificate and its key when all three are set."""
        if self.ca and self.certificate and self.certificate_key:
            return self.ca, self.certificate, self.certificate_key
        return None
