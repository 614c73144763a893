"""What a search worker is asked, and what it says back; each is one CBOR frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from central.search.candidates import Candidate, candidates_from_bytes, candidates_to_bytes
from shared.epochs import Modality
from shared.errors import BadInput
from shared.wire import pack, unpack

MOST_CASES = 32  # of one pass: as many as a batch's four bytes can name
# Of a case and modality: a city has a million within the radius of one template, and no way is found through them.
MOST_CANDIDATES = 50_000
# P(bit differs) = angle/π, so 384 of 1,024 bits is an angle of 67.5°, a cosine of 0.38; strangers lie near 512 ± 16.
DEFAULT_RADIUS: Mapping[Modality, int] = {Modality.FACE: 384, Modality.APPEARANCE: 144}


@dataclass(frozen=True, slots=True)
class Job:
    """One case's part of a search. `releases` maps each authority to its seal shares, `probes` are the probe codes;
    both are sealed to the worker's key. `radius` is in bits, by modality. `hand_off` names the model whose clothes may
    be handed on: the worker then waits, after its answer, for what is confirmed. No more than `most` candidates of each
    modality are answered, the nearest ones."""

    case: str
    releases: Mapping[str, bytes] = field(repr=False)
    probes: bytes = field(repr=False)
    radius: Mapping[Modality, int] = field(default_factory=lambda: DEFAULT_RADIUS)
    hand_off: str = ""
    most: int = MOST_CANDIDATES


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker is ready; seal to this raw X25519 key, which ends with the worker. `lacking` are the protections that
    its machine would not give it."""

    public: bytes
    protections: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was released: days of the window, ISO 8601, that cannot be searched, with the authorities that hold no
    secret for each; and the last hour that can."""

    missing: Mapping[str, tuple[str, ...]]
    until_hour: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What was handed over in one slot was copied: the slot may be filled again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Batches done so far, and how many of them were not searched."""

    done: int
    failed: int


@dataclass(frozen=True, slots=True)
class BatchFailed:
    """The batch with this position in the stream was not searched; `reason` holds nothing of its content."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """The answer, and the worker's last word but for a hand-off. `radius` is in bits, by modality, where it had to be
    narrowed, as too many were within it."""

    candidates: Sequence[Candidate]
    radius: Mapping[Modality, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HandedOff:
    """The clothes of the sightings that were named, sealed to the probe service."""

    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobRefused:
    """The job as a whole cannot be done, such as when a release does not open."""

    reason: str


Event = Hello | Coverage | Taken | Progress | BatchFailed | Found | HandedOff | JobRefused


def job_to_bytes(job: Job) -> bytes:
    radius = {modality.value: bits for modality, bits in job.radius.items()}
    sealed = {"releases": dict(job.releases), "probes": job.probes}
    return pack({"case": job.case, "radius": radius, "hand_off": job.hand_off, "most": job.most, **sealed})


def job_from_bytes(raw: bytes) -> Job:
    """Raises BadInput for anything that job_to_bytes did not make."""
    document = unpack(raw, BadInput, "a search job")
    try:
        radius = dict(DEFAULT_RADIUS) | _radius(document["radius"])
        sealed = dict(document["releases"]), document["probes"]
        return Job(document["case"], *sealed, radius, str(document["hand_off"]), int(document["most"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput("a search job is malformed", hint="compare versions") from None


def _radius(document: Mapping[str, Any]) -> dict[Modality, int]:
    return {Modality(name): int(bits) for name, bits in document.items()}


def hand_on_to_bytes(sightings: Iterable[str]) -> bytes:
    """Which of the candidates that a worker found are confirmed, and their clothes to be handed on."""
    return pack(list(sightings))


def hand_on_from_bytes(raw: bytes) -> list[str]:
    """Raises BadInput for anything that hand_on_to_bytes did not make."""
    named = unpack(raw, BadInput, "a hand-off")
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise BadInput("a hand-off is malformed", hint="compare versions")
    return named


def event_to_bytes(event: Event, case: int = 0) -> bytes:
    """What is said of the case at that place."""
    return pack([case, *_event_row(event)])


def _event_row(event: Event) -> list[Any]:
    row: list[Any]
    match event:
        case Hello(public, protections, lacking):
            row = ["hello", public, list(protections), list(lacking)]
        case Coverage(missing, until_hour):
            row = ["coverage", {day: list(names) for day, names in missing.items()}, until_hour]
        case Taken():
            row = ["taken"]
        case Progress(done, failed):
            row = ["progress", done, failed]
        case BatchFailed(index, reason):
            row = ["failed", index, reason]
        case Found(candidates, radius):
            row = ["found", candidates_to_bytes(candidates), {kind.value: bits for kind, bits in radius.items()}]
        case HandedOff(sealed):
            row = ["handed off", sealed]
        case JobRefused(reason):
            row = ["refused", reason]
    return row


def event_from_bytes(raw: bytes) -> tuple[int, Event]:
    """The case's place, and what is said of it. Raises BadInput for anything that event_to_bytes did not make."""
    row = unpack(raw, BadInput, "a worker's word")
    try:
        return int(row[0]), _event(row[1:])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise BadInput("a worker's word is malformed", hint="compare versions") from None


def _event(row: list[Any]) -> Event:
    kind, *rest = row
    if kind == "found":
        return Found(candidates_from_bytes(rest[0]), _radius(rest[1]))
    if kind == "hello":
        return Hello(rest[0], tuple(rest[1]), tuple(rest[2]))
    if kind == "coverage":
        return Coverage({str(day): tuple(names) for day, names in rest[0].items()}, int(rest[1]))
    plain: dict[str, type[Taken | HandedOff | Progress | BatchFailed | JobRefused]] = {
        "taken": Taken,
        "handed off": HandedOff,
        "progress": Progress,
        "failed": BatchFailed,
        "refused": JobRefused,
    }
    return plain[kind](*rest)
