"""The settings of one box, from a TOML file. A box refuses to start on what somebody forgot to fill in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import CairnError
from shared.ids import check_id

_PLACEHOLDER: Final = re.compile(r"<[^>]*>|change[-_ ]?me|placeholder|fill[-_ ]?in|^todo$|^x{3,}$|your[-_ ]", re.I)


class BadSettings(CairnError):
    """The settings file is missing, malformed, incomplete or still holds a placeholder."""


def _is_id(text: str) -> str:
    try:
        return check_id(text, "name")
    except CairnError as error:
        raise ValueError(str(error)) from None


Id = Annotated[str, AfterValidator(_is_id)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NodeSettings(_Strict):
    """Who this box is, and where it keeps its keys and its outbox."""

    id: Id
    cell: Id
    authorities: tuple[Id, ...] = Field(min_length=1, max_length=3)
    signing_key: Path
    sealing_key: Path
    state_dir: Path
    outbox_cap_mib: int = Field(default=2048, ge=16)


class BrokerSettings(_Strict):
    """Where the broker is and what proves both sides."""

    host: str = Field(min_length=1)
    port: int = Field(default=8883, ge=1, le=65535)
    ca: Path
    certificate: Path
    key: Path


class GroundSettings(_Strict):
    """How the camera is mounted: see geometry/ground_plane.py."""

    height_m: float = Field(gt=0.5, lt=100)
    tilt_deg: float = Field(ge=0, le=90)
    focal_px: float = Field(gt=50)
    heading_deg: float = Field(default=0.0, ge=0, lt=360)


class CameraSettings(_Strict):
    """`source`: /dev/videoN, an rtsp:// address, or a recorded file, which then needs `start`."""

    name: Id
    source: str = Field(min_length=1)
    start: AwareDatetime | None = None
    fps: float = Field(default=0.0, ge=0)
    stride: int = Field(default=1, ge=1)
    ground: GroundSettings | None = None

    @property
    def is_live(self) -> bool:
        return self.source.startswith("/dev/video") or "://" in self.source

    def started(self) -> datetime:
        """The start of a recording. Raises BadSettings where it was not given."""
        if self.start is None:
            raise BadSettings("camera.start is missing", hint="a recording needs the time of its first frame")
        return self.start


class Settings(_Strict):
    """Everything that `cairn-edge run` needs to know."""

    node: NodeSettings
    broker: BrokerSettings
    camera: CameraSettings


def load_settings(path: Path) -> Settings:
    """Raises BadSettings, which names every wrong line at once."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadSettings(f"cannot read {path}: {error.strerror}", hint="check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} is not TOML: {error}", hint="look at that line") from None
    left = sorted(where for where, text in _texts(values) if _PLACEHOLDER.search(text))
    if left:
        hint = "fill them in; units/edge.example.toml explains them"
        raise BadSettings(f"{path} still holds placeholders: {', '.join(left)}", hint=hint)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        # Inputs are left out of the message: one of them may be a camera's password.
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise BadSettings(f"{path}: {'; '.join(wrong)}", hint="compare with units/edge.example.toml") from None


def _texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _texts(part, f"{where}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _texts(part, f"{where}[{index}]")
    elif isinstance(value, str):
        yield where, value
