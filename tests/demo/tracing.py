"""What the people of the centre do in the demo, command by command, each with their own key and token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import cv2

from tests.demo.boxes import EDGE
from tests.demo.heads import portrait
from tests.demo.layout import APPROVER, AUTHORITIES, OFFICER, TRACER, Layout
from tests.demo.offices import CENTRAL
from tests.demo.processes import Children

BASIS = "consent-only"
PRESETS = ("kdca-2022-01", "cdc-2020-10", "who-2021")


@dataclass(frozen=True, slots=True)
class Found:
    """What the centre answered about one case, as its commands print it with --json; `questions` are what it would like
    the patient to be asked."""

    job: dict[str, Any]
    route: dict[str, Any]
    contacts: dict[str, list[dict[str, Any]]]
    questions: tuple[dict[str, Any], ...] = ()


class Desk:
    """Types the commands of `cairn-central case`, `cairn-central route` and `cairn-edge register`."""

    def __init__(self, layout: Layout, children: Children) -> None:
        self._layout, self._children = layout, children

    def open(self, case: str) -> None:
        """The tracer signs legal basis and window."""
        start, end = self._layout.hour, self._layout.hour + timedelta(hours=1)
        window = ("--from", start.isoformat(), "--until", end.isoformat())
        self._type(TRACER, "open", case, "--purpose", BASIS, *window, signs=True)

    def register(self, case: str) -> None:
        """The patient's photo becomes a template on a box, sealed to the probe service; only that is handed on."""
        folder = self._layout.home / "registration"
        folder.mkdir(exist_ok=True)
        photo, template = folder / "photo.png", folder / f"{case}.sealed"
        cv2.imwrite(str(photo), cv2.cvtColor(portrait(), cv2.COLOR_RGB2BGR))
        probe_key = self._layout.office("probes") / "sealing.key.pub"
        self._children.command(EDGE, "register", "--case", case, "--probe-key", probe_key, "--out", template, photo)
        photo.unlink()
        self._type(TRACER, "register", case, "--template", template)

    def consent(self, case: str) -> None:
        self._type(TRACER, "consent", case, "--scope", "face", "--refuse", "appearance", signs=True)

    def receipt(self, case: str, copy: Path) -> Path:
        """The patient's own copy of what they agreed to and refused, to print."""
        who = ("--api", self._layout.api, "--token-file", self._token(TRACER))
        self._children.command(CENTRAL, "consent", "pdf", case, "--out", copy, *who)
        return copy

    def approve(self, case: str) -> None:
        self._type(APPROVER, "approve", case, "--yes", signs=True)

    def approve_as_opener(self, case: str, refusal: str) -> str:
        """Must be refused; returns what was said."""
        return self._type(TRACER, "approve", case, "--yes", signs=True, refusal=refusal)

    def search(self, case: str) -> Found:
        job = self._ask("search", case)
        contacts = {preset: self._ask("contacts", case, "--preset", preset)["contacts"] for preset in PRESETS}
        found = self._ask("route", case)
        return Found(job, found["route"], contacts, tuple(self._ask("questions", case, noun="route")))

    def say(self, case: str, sighting: str, *, patient: bool) -> None:
        """What the patient said of a sighting."""
        self._type(TRACER, "confirm" if patient else "reject", case, sighting, noun="route")

    def search_refused(self, case: str, refusal: str) -> str:
        """Must be refused; returns what was said."""
        return self._type(TRACER, "search", case, refusal=refusal)

    def save_map(self, case: str, picture: Path) -> Path:
        self._type(TRACER, "map", case, "--svg", picture)
        return picture

    def withdraw(self, case: str) -> None:
        self._type(TRACER, "withdraw", case)

    def destroy(self, day: date) -> str:
        """One office destroys a day's secret; returns its signed statement."""
        own = ("--env-file", self._layout.env_file(AUTHORITIES[0]))
        return self._children.command(CENTRAL, "authority", "destroy", day.isoformat(), *own).out

    def canaries(self) -> list[dict[str, Any]]:
        """The privacy officer tries to open every day's canary."""
        who = ("--api", self._layout.api, "--token-file", self._token(OFFICER), "--json")
        rows: list[dict[str, Any]] = json.loads(self._children.command(CENTRAL, "canary", "check", *who).out)
        return rows

    def checked_log(self) -> dict[str, Any]:
        """The whole audit log, held against what both authorities have witnessed of it."""
        own = ("--env-file", self._layout.env_file("centre"), "--json")
        verdict: dict[str, Any] = json.loads(self._children.command(CENTRAL, "audit", "verify", *own).out)
        return verdict

    def _token(self, person: str) -> Path:
        return (self._layout.desk / person).with_suffix(".token")

    def _ask(self, verb: str, case: str, *options: str, noun: str = "case") -> Any:
        return json.loads(self._type(TRACER, verb, case, *options, "--json", noun=noun))

    def _type(
        self,
        person: str,
        verb: str,
        case: str,
        *options: str | Path,
        signs: bool = False,
        refusal: str = "",
        noun: str = "case",
    ) -> str:
        words: Sequence[str | Path] = (verb, case, "--api", self._layout.api, *options)
        own = self._layout.desk / person
        proof: Sequence[str | Path] = ("--token-file", own.with_suffix(".token"))
        proof = (*proof, "--key", own.with_suffix(".key")) if signs else proof
        said = self._children.command(CENTRAL, noun, *words, *proof, refusal=refusal)
        return said.err if refusal else said.out
