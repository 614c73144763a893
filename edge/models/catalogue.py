"""The model files that a box carries, each with a card beside it; a file that is not the one on its card is not run."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.inference import InferenceError, Session
from edge.inference.litert import LiteRtSession

WEIGHTS: Final = Path(__file__).parent / "weights"

Load = Callable[[bytes], Session]


class MissingModel(InferenceError):
    """A model file or its card is not where it should be."""


class WrongChecksum(InferenceError):
    """A model file is not the one that its card describes."""


class BadCard(InferenceError):
    """A card is not readable, or leaves something out."""


class Source(BaseModel):
    """Where a model came from: a package of a public registry, and the file in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    package: str
    version: str
    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    upstream: str = ""


class Card(BaseModel):
    """What is known about one model file, and what is not. `figures` were measured with the file as it is here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    role: str
    file: str = Field(pattern=r"^[a-z0-9_]+\.tflite$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    source: Source
    licence: str
    made: str
    input: str
    output: str
    calibration: str
    figures: dict[str, Any]
    unknown: tuple[str, ...] = Field(min_length=1)


def read_card(name: str, folder: Path = WEIGHTS) -> Card:
    """Raises MissingModel, BadCard."""
    path = folder / f"{name}.json"
    try:
        return Card.model_validate_json(path.read_bytes())
    except OSError:
        raise MissingModel(f"there is no card {path}", hint="reinstall the edge package") from None
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, part["loc"])) or part["msg"] for part in error.errors(include_input=False))
        raise BadCard(f"the card {path.name} is wrong: {wrong}", hint="reinstall the edge package") from None


def read_model(name: str, folder: Path = WEIGHTS) -> bytes:
    """The model's bytes, checked against its card. Raises MissingModel, BadCard, WrongChecksum."""
    card = read_card(name, folder)
    path = folder / card.file
    try:
        content = path.read_bytes()
    except OSError:
        raise MissingModel(f"there is no model file {path}", hint="reinstall the edge package") from None
    if not hmac.compare_digest(hashlib.sha256(content).hexdigest(), card.sha256):
        hint = "do not run this box; reinstall the edge package from a trusted source"
        raise WrongChecksum(f"{path.name} is not the file on its card", hint=hint)
    return content


def open_model(name: str, folder: Path = WEIGHTS, load: Load = LiteRtSession) -> Session:
    """A session of a checked model. Raises InferenceError kinds."""
    return load(read_model(name, folder))
