"""Settings of the probe service's process, from the environment (CAIRN_PROBES_*), a file or keyword arguments."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from central.settings import ServiceSettings


class ProbeSettings(ServiceSettings):
    """`authorities` maps each authority's name to its URL, as JSON in the environment.

    `sealing_key` is the file with the raw X25519 key that templates and code shares are sealed to; `centre` is the
    name in the certificate of the one service that may ask.
    """

    model_config = SettingsConfigDict(env_prefix="CAIRN_PROBES_")

    sealing_key: Path
    templates: Path
    authorities: dict[str, str] = Field(min_length=1, max_length=3)
    centre: str = "svc-centre"

    host: str = "127.0.0.1"
    port: int = Field(default=8481, ge=0, le=65535)
