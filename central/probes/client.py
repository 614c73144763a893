"""How the centre asks the probe service: the same calls in one process or over TLS."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from central.authority.client import KINDS, checked
from central.probes.answers import answers_from_bytes
from central.probes.hand_off import HandOffRefused, Targets, targets_to_bytes
from central.probes.service import NothingToSearchFor, OtherTemplate, ProbesAsked
from central.probes.templates import Kept, NoTemplate
from shared.errors import CairnError
from shared.templates import OldTemplate

MAKING_S = 300.0
_KINDS = {kind.__name__: kind for kind in (NoTemplate, OldTemplate, OtherTemplate, NothingToSearchFor, HandOffRefused)}


class Probes(Protocol):
    """Whatever makes probes: the ProbeService itself, or a ProbeClient."""

    @property
    def public(self) -> bytes: ...

    def register(self, case: str, sealed: bytes) -> Kept:
        """Keep a sealed template. Raises CannotOpen, BadEmbedding."""

    def erase(self, case: str) -> bool: ...

    def probes(self, release_bytes: bytes, worker: X25519PublicKey, cells: Sequence[str] = ()) -> bytes: ...

    def probes_for(self, asked: Sequence[ProbesAsked]) -> list[bytes | CairnError]:
        """For several cases at once, which share the cost; a refusal is its own case's and stops no other."""

    def hand_on(self, release_bytes: bytes, sealed: bytes, targets: Targets, worker: X25519PublicKey) -> bytes: ...

    def check_up(self) -> None:
        """Return when the service is there; raises ServiceDown when it is not."""


@dataclass(slots=True)
class ProbeClient:
    """The probe service over HTTP. Raises ReleaseRefused or BadRelease as it says, ServiceDown when it is away."""

    http: httpx.Client

    @property
    def public(self) -> bytes:
        """Raw X25519, for boxes to seal templates to."""
        return base64.b64decode(self._ask("GET", "/health").json()["public_key"])

    def register(self, case: str, sealed: bytes) -> Kept:
        answer = self._ask("PUT", f"/templates/{case}", content=sealed).json()
        return Kept(
            bytes.fromhex(answer["digest"]),
            int(answer["photos"]),
            str(answer["model"]),
            bool(answer["masked"]),
            str(answer["appearance"]),
        )

    def erase(self, case: str) -> bool:
        return self._ask("DELETE", f"/templates/{case}").is_success

    def probes(self, release_bytes: bytes, worker: X25519PublicKey, cells: Sequence[str] = ()) -> bytes:
        return self._ask("POST", "/probes", body=_asked(ProbesAsked(release_bytes, worker, tuple(cells)))).content

    def probes_for(self, asked: Sequence[ProbesAsked]) -> list[bytes | CairnError]:
        answer = self._ask("POST", "/probe-sets", body={"cases": [_asked(one) for one in asked]})
        return answers_from_bytes(answer.content, {**KINDS, **_KINDS})

    def hand_on(self, release_bytes: bytes, sealed: bytes, targets: Targets, worker: X25519PublicKey) -> bytes:
        raw = {"release": release_bytes, "worker": worker.public_bytes_raw(), "sealed": sealed}
        body = _texts(**raw, targets=targets_to_bytes(targets))
        return self._ask("POST", "/hand-offs", body=body).content

    def check_up(self) -> None:
        self._ask("GET", "/health")

    def _ask(
        self, method: str, path: str, *, content: bytes | None = None, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        request = self.http.build_request(method, path, content=content, json=body, timeout=_timeout(self.http, path))
        return checked("the probe service", self.http, request, _KINDS)


def _timeout(http: httpx.Client, path: str) -> httpx.Timeout:
    """Probes of a city take seconds, and several cases may be waiting."""
    usual = http.timeout
    read = MAKING_S if path in ("/probes", "/probe-sets", "/hand-offs") else usual.read
    return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)


def _asked(one: ProbesAsked) -> dict[str, Any]:
    return {**_texts(release=one.release, worker=one.worker.public_bytes_raw()), "cells": list(one.cells)}


def _texts(**raw: bytes) -> dict[str, str]:
    return {name: base64.b64encode(value).decode() for name, value in raw.items()}
