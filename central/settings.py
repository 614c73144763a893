"""Settings of the centre's programs: from the environment, an --env-file, or keyword arguments.

A program refuses to start on a placeholder or a misspelt name. No secret is ever a setting, only the file that holds it
(the database's address is the exception, and is never printed).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from central.errors import BadSettings
from central.search.engines import Name
from central.sites import check_origin
from central.tls import Tls
from shared.transport.mqtt import MqttSettings

_PLACEHOLDER = re.compile(r"<[^>]*>|change[-_ ]?me|placeholder|fill[-_ ]?in|^todo$|^x{3,}$|your[-_ ]", re.IGNORECASE)
_FILE_LINE = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=", re.MULTILINE)


class ServiceSettings(BaseSettings):
    """What every program has: the certificate with which it speaks to the others, and whom it trusts."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def load(cls, env_file: Path | None = None) -> Self:
        """From the environment and the file; BadSettings names every wrong line at once, and never what it holds."""
        prefix = str(cls.model_config.get("env_prefix", ""))
        _check_names(prefix, cls.model_fields, env_file)
        try:
            return cls(_env_file=env_file)  # type: ignore[call-arg]  # a parameter that the library reads
        except ValidationError as error:
            wrong = [f"{prefix}{_where(one['loc'])}: {one['msg']}" for one in error.errors(include_input=False)]
            raise BadSettings("; ".join(wrong), hint="set them in the environment or in --env-file") from None
        except SettingsError as error:
            raise BadSettings(str(error), hint="lists and maps are written as JSON") from None

    @model_validator(mode="before")
    @classmethod
    def _finished(cls, values: Any) -> Any:
        left = sorted(name for name, text in _texts(values) if _PLACEHOLDER.search(text))
        if left:
            raise ValueError(f"still a placeholder: {', '.join(left)}")
        return values

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len({self.ca is None, self.certificate is None, self.key is None}) > 1:
            raise ValueError("ca, certificate and key belong together")
        return self

    @property
    def tls(self) -> Tls | None:
        """CA, certificate and key when they are set: both sides then prove who they are."""
        if self.ca and self.certificate and self.key:
            return Tls(self.ca, self.certificate, self.key)
        return None

    def broker(self, host: str, port: int, name: str) -> MqttSettings | None:
        """How to reach the broker under the certificate's name, or None when there is no host or no certificate."""
        if host and self.ca and self.certificate and self.key:
            return MqttSettings(host, port, name, self.ca, self.certificate, self.key)
        return None


class CentreSettings(ServiceSettings):
    """The centre (CAIRN_CENTRE_*). `authorities` maps each authority's name to its address, as JSON.

    ca, certificate and key are for speaking to authorities and probe service; server_certificate and server_key are
    what people's browsers and commands see, and are needed on anything but the loopback.
    """

    model_config = SettingsConfigDict(env_prefix="CAIRN_CENTRE_")

    database: SecretStr
    authorities: dict[str, str] = Field(min_length=1, max_length=3)
    probes: str = Field(min_length=1)
    host: str = "127.0.0.1"
    port: int = Field(default=8470, ge=0, le=65535)
    server_certificate: Path | None = None
    server_key: Path | None = None
    search_socket: Path | None = Field(default=None, description="where cairn-search.socket listens; else children")
    engine: Name = Field(default="local", description="where shards are searched: local, or ray")
    ray: str = Field(default="", description="the Ray cluster, HOST:PORT; else one on this machine alone")
    models: dict[str, str] = Field(default={}, description="modality to model, when not the newest calibration's")
    calibration: Path | None = Field(default=None, description="the city's own, or a folder of them; else what ships")
    searches_at_once: int = Field(default=2, ge=1, le=32)
    questions: int = Field(default=3, ge=0, le=10, description="how many sightings a search asks the patient about")
    origin: str = Field(default="", description="the pages' address in browsers, https://HOST; passkeys belong to it")
    zone: str = Field(default="Asia/Seoul", description="the time zone in which pages show times")
    retention: Path | None = Field(default=None, description="an office's own rules; else the newest that ship")
    archive: str = Field(default="", description="where closed days' batches go, file:///… or s3://…; else nowhere")
    notice: Path | None = Field(default=None, description="the city's own notice to patients; else the example")
    legal_bases: Path | None = Field(default=None, description="the folder of the city's own legal bases")
    walking: Path | None = Field(default=None, description="ways on foot between cameras, from walking build")
    presets: Path | None = Field(default=None, description="the folder of the city's own rules for contacts")
    audit_key: Path | None = Field(default=None, description="signs the audit log's checkpoints")
    audit_name: str = Field(default="cairn/centre", description="the log's name in its checkpoints")
    witnesses: dict[str, str] = Field(default={}, description="each witness's address to its verifier key")
    checkpoint_file: Path | None = Field(default=None, description="gets every checkpoint; best on another machine")

    @model_validator(mode="after")
    def _served_whole(self) -> Self:
        if (self.server_certificate is None) != (self.server_key is None):
            raise ValueError("server_certificate and server_key belong together")
        if self.audit_key is None and (self.witnesses or self.checkpoint_file):
            raise ValueError("witnesses and checkpoint_file need audit_key, which signs what they get")
        return self

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("no such time zone; write one as Asia/Seoul")
        return zone

    @field_validator("origin")
    @classmethod
    def _https_origin(cls, origin: str) -> str:
        if origin:
            check_origin(origin)
        return origin

    @property
    def server_tls(self) -> Tls | None:
        """What `serve` shows to people; they prove themselves with a token, not with a certificate."""
        if self.server_certificate and self.server_key:
            return Tls(None, self.server_certificate, self.server_key)
        return None


class DatabaseSettings(ServiceSettings):
    """Only the centre's database, for commands that need nothing else (CAIRN_CENTRE_DATABASE)."""

    model_config = SettingsConfigDict(env_prefix="CAIRN_CENTRE_")

    database: SecretStr
    retention: Path | None = None
    archive: str = ""


class IngestSettings(ServiceSettings):
    """Ingest (CAIRN_INGEST_*). The broker lets only a certificate in the centre's name read what boxes send."""

    model_config = SettingsConfigDict(env_prefix="CAIRN_INGEST_")

    database: SecretStr
    broker_host: str = Field(min_length=1)
    broker_port: int = Field(default=8883, ge=1, le=65535)
    name: str = "svc-centre"

    def mqtt(self) -> MqttSettings:
        """BadSettings without a certificate: the broker would not let us in."""
        mqtt = self.broker(self.broker_host, self.broker_port, self.name)
        if mqtt is None:
            raise BadSettings("ingest has no certificate", hint="set CAIRN_INGEST_CA, _CERTIFICATE and _KEY")
        return mqtt


def _check_names(prefix: str, known: Iterable[str], env_file: Path | None) -> None:
    names = set(os.environ)
    if env_file:
        try:
            names |= set(_FILE_LINE.findall(env_file.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"cannot read {env_file}", hint=f"check the path ({type(error).__name__})") from None
    allowed = {f"{prefix}{name}".upper() for name in known}
    if prefix == DatabaseSettings.model_config["env_prefix"]:
        allowed |= {f"{prefix}{name}".upper() for name in CentreSettings.model_fields}
    strange = sorted(name for name in names if name.upper().startswith(prefix) and name.upper() not in allowed)
    if strange:
        raise BadSettings(f"no such setting: {', '.join(strange)}", hint="look for a misspelt name")


def _where(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc).upper()


def _texts(values: Any, where: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(values, dict):
        for name, value in values.items():
            yield from _texts(value, f"{where}.{name}".lstrip("."))
    elif isinstance(values, str | Path):
        yield where, str(values)
