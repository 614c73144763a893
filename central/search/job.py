"""What a search worker is asked, and what it says back; each is one CBOR frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from central.search.candidates import Candidate, candidates_from_bytes, candidates_to_bytes
from shared.epochs import Modality
from shared.errors import BadInput
from shared.wire import pack, unpack

# P(bit differs) = angle/π, so 384 of 1,024 bits is an angle of 67.5°, a cosine of 0.38; strangers lie near 512 ± 16.
DEFAULT_RADIUS: Mapping[Modality, int] = {Modality.FACE: 384, Modality.APPEARANCE: 144}


@dataclass(frozen=True, slots=True)
class Job:
    """One search of one case. `releases` maps each authority to its seal shares, `probes` are the probe codes;
    both are sealed to the worker's key. `radius` is in bits, by modality."""

    case: str
    releases: Mapping[str, bytes] = field(repr=False)
    probes: bytes = field(repr=False)
    radius: Mapping[Modality, int] = field(default_factory=lambda: DEFAULT_RADIUS)


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker is ready; seal to this raw X25519 key, which ends with the worker."""

    public: bytes


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
    """The answer, and the worker's last word."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class JobRefused:
    """The job as a whole cannot be done, such as when a release does not open."""

    reason: str


Event = Hello | Progress | BatchFailed | Found | JobRefused


def job_to_bytes(job: Job) -> bytes:
    radius = {modality.value: bits for modality, bits in job.radius.items()}
    return pack({"case": job.case, "releases": dict(job.releases), "probes": job.probes, "radius": radius})


def job_from_bytes(raw: bytes) -> Job:
    """Raises BadInput for anything that job_to_bytes did not make."""
    document = unpack(raw, BadInput, "a search job")
    try:
        radius = {Modality(name): int(bits) for name, bits in document["radius"].items()}
        return Job(document["case"], dict(document["releases"]), document["probes"], radius)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput("a search job is malformed", hint="compare versions") from None


def event_to_bytes(event: Event) -> bytes:
    match event:
        case Hello(public):
            return pack(["hello", public])
        case Progress(done, failed):
            return pack(["progress", done, failed])
        case BatchFailed(index, reason):
            return pack(["failed", index, reason])
        case Found(candidates):
            return pack(["found", candidates_to_bytes(candidates)])
        case JobRefused(reason):
            return pack(["refused", reason])


def event_from_bytes(raw: bytes) -> Event:
    """Raises BadInput for anything that event_to_bytes did not make."""
    row = unpack(raw, BadInput, "a worker's word")
    try:
        return _event(row)
    except (KeyError, TypeError, ValueError, IndexError):
        raise BadInput("a worker's word is malformed", hint="compare versions") from None


def _event(row: list[Any]) -> Event:
    kind, *rest = row
    if kind == "found":
        return Found(candidates_from_bytes(rest[0]))
    plain: dict[str, type[Hello] | type[Progress] | type[BatchFailed] | type[JobRefused]] = {
        "hello": Hello,
        "progress": Progress,
        "failed": BatchFailed,
        "refused": JobRefused,
    }
    return plain[kind](*rest)
