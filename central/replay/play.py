"""Plays a scenario through the real path in one process: encode, seal, ingest, store, case, release, probes, search (in
a worker, as always), route, contacts."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlmodel import Session

from central.contacts.exposures import Contact, contacts, exposures
from central.contacts.presets import preset_names
from central.probes.client import Probes
from central.probes.hand_off import Targets
from central.probes.service import ProbesAsked
from central.probes.templates import Kept
from central.replay.approval import approved_case, close_case, register, template_of
from central.replay.asking import asked
from central.replay.nodes import Box, Uplink, fetch_grants, identities
from central.replay.scenario import Patient, Scenario
from central.replay.sealing import Sealing, by_epoch, met_by_later
from central.replay.site import Site, open_site
from central.replay.stopwatch import Stopwatch
from central.replay.told import stated
from central.routes.camera_graph import CameraGraph
from central.routes.reconstruct import Told
from central.routes.route import Route
from central.routes.service import Findings, OfCase, camera_graph, find_route
from central.search.candidates import Candidate
from central.search.case_search import SearchParts
from central.search.engines import engine_named
from central.search.job import BatchFailed, Progress
from central.testimony.compared import heard_near, looked_at
from central.testimony.comparison import Comparison, compare
from central.walking.ways import Ways
from shared.calibration.curves import Calibration
from shared.clock import FixedClock, from_unix
from shared.codes import DIMENSIONS
from shared.epochs import HOUR_S, Epoch, Modality
from shared.errors import CairnError
from shared.node_shares import MAX_HOURS_AHEAD

Tell = Callable[[str], None]

_LATER = timedelta(minutes=10)  # the search is asked for soon after the scenario's end
_TELL_EVERY = 500  # batches
NO_FACE = "no camera search: the patient did not consent to the face search"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the centre found for one patient. Without a route there was no search, and `note` says why.

    `rounds` are the routes by how many questions the patient had answered; the last is `route`.
    """

    patient: Patient
    route: Route | None
    candidates: tuple[Candidate, ...] = field(default=(), repr=False)
    contacts: dict[str, tuple[Contact, ...]] = field(default_factory=dict, repr=False)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: int = 0
    note: str = ""
    told: Comparison | None = field(default=None, repr=False)
    rounds: tuple[tuple[int, Route], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """The answers for all patients, and the seconds and batches that the whole city took before."""

    answers: tuple[Answer, ...]
    seconds: dict[str, float]
    batches: int


def play(
    scenario: Scenario,
    calibration: Calibration,
    tell: Tell,
    engine: str = "local",
    ways: Ways | None = None,
    ask: int = 0,
) -> Played:
    """Raises ReleaseRefused for windows that no authority would release, and what the parts raise. Leaves no file.
    `engine` is where shards are searched, see engine_named; `ways` is the walking network, where there is one; every
    patient is asked about up to `ask` sightings."""
    first = int(scenario.start.timestamp()) // HOUR_S
    clock, watch = FixedClock(from_unix(first * HOUR_S)), Stopwatch()
    nodes = identities([place.cell for place in scenario.cameras])
    # A scenario's clothes are as long as they are, whatever its model is called.
    dimensions = {**DIMENSIONS, scenario.appearance_model: scenario.appearances.shape[1]}
    with open_site(clock, scenario.cameras, nodes, dimensions) as site:
        offices = SearchParts(site.authorities, site.probes, site.store, engine=engine_named(engine, site.engine))
        tell(f"{len(scenario.sightings)} sightings by {len(nodes)} nodes: encode, seal, send")
        _send_all(site, scenario, [Box(node) for node in nodes], watch, tell)
        clock.advance(scenario.end + _LATER - clock.now())
        asking = _Asking(site, scenario, calibration, offices, ways, ask, tell)
        answers = []
        for number, patient in enumerate(scenario.patients, 1):
            tell(f"patient {number} of {len(scenario.patients)}: {patient.patient}")
            answers.append(asking.answer(patient))
        return Played(tuple(answers), dict(watch.seconds), site.ingest.stored)


def _send_all(site: Site, scenario: Scenario, boxes: Sequence[Box], watch: Stopwatch, tell: Tell) -> None:
    """Day by day, as grants reach 24 hours ahead; a batch is sent once its hour is over."""
    uplink = Uplink(site.transport("replay-boxes"))
    sealing = Sealing(scenario, met_by_later(scenario), watch)
    hours = by_epoch(scenario)
    of_cell = {box.identity.cell: box for box in boxes}
    granted_until, sent = 0, 0
    for hour, cells in hours.items():
        began = perf_counter()
        if hour >= granted_until:
            site.clock.advance(from_unix(hour * HOUR_S) - site.clock.now())
            fetch_grants(site, boxes)
            granted_until = hour + MAX_HOURS_AHEAD + 1
            began = watch.lap("grants", began)
        site.clock.advance(from_unix((hour + 1) * HOUR_S) - site.clock.now())
        for cell, rows in cells.items():
            for sequence, raw in sealing.batches(of_cell[cell], Epoch(cell, hour), rows):
                began = perf_counter()
                uplink.send(of_cell[cell].identity.node, sequence, raw)
                watch.lap("ingest", began)
            sent += len(rows)
        site.broker.log.clear()
        tell(f"  {from_unix(hour * HOUR_S):%d %b %H:%M} UTC, {sent} sightings sent")
    began = perf_counter()
    uplink.wait()
    watch.lap("ingest", began)


@dataclass(frozen=True, slots=True, eq=False)
class _Asking:
    """What is the same for all patients who are searched for."""

    site: Site
    scenario: Scenario
    calibration: Calibration
    offices: SearchParts
    ways: Ways | None
    questions: int
    tell: Tell

    def answer(self, patient: Patient) -> Answer:
        if Modality.FACE not in patient.consent:
            return Answer(patient, None, note=NO_FACE)
        case, watch, site = f"replay-{self.scenario.patients.index(patient) + 1}", Stopwatch(), self.site
        began, heard = perf_counter(), _Heard(self)
        kept = register(site, case, template_of(self.scenario, patient))
        release = approved_case(site, case, patient, kept)
        with Session(site.engine) as session:
            graph: CameraGraph = camera_graph(session, self.ways)
        watch.lap("case", began)
        parts = replace(self.offices, probes=TimedProbes(site.probes, watch))
        calibration, key = self.calibration.for_template(kept.masked), secrets.token_bytes(32)

        def search(told: Told) -> Findings:
            heard.failed = 0
            known = OfCase(key, told)
            found = find_route(release, parts, graph, calibration, heard.hear, threading.Event(), known)
            for stage, took in found.seconds.items():
                watch.seconds[stage] += took
            return found

        try:
            rounds = [(count, found) for count, found in asked(search, patient, self.questions)]
        finally:
            close_case(site, case)
        found, began = rounds[-1][1], perf_counter()
        facts = exposures(found.route)
        judged = {preset: contacts(facts, preset) for preset in preset_names()}
        watch.lap("contacts", began)
        seconds = dict(watch.seconds)
        seconds["search"] -= seconds["probes"]
        said, scope = stated(patient), release.scope
        near = heard_near(said, graph.places, scope, site.store, found.answer.not_covered)
        told = compare(said, found.route, graph.places, looked_at(scope, near))
        routes = tuple((count, one.route) for count, one in rounds)
        candidates = tuple(found.answer.candidates)
        return Answer(patient, found.route, candidates, judged, seconds, heard.failed, told=told, rounds=routes)


@dataclass(slots=True)
class _Heard:
    """What a search says on the way."""

    asking: _Asking
    failed: int = 0

    def hear(self, event: Progress | BatchFailed) -> None:
        if isinstance(event, BatchFailed):
            self.failed += 1
        elif event.done and event.done % _TELL_EVERY == 0:
            self.asking.tell(f"  {event.done} of {self.asking.site.ingest.stored} batches searched")


@dataclass(slots=True)
class TimedProbes:
    """The probe service, with a watch on how long it takes to make probes."""

    probe_service: Probes
    watch: Stopwatch

    @property
    def public(self) -> bytes:
        return self.probe_service.public

    def register(self, case: str, sealed: bytes) -> Kept:
        return self.probe_service.register(case, sealed)

    def erase(self, case: str) -> bool:
        return self.probe_service.erase(case)

    def check_up(self) -> None:
        self.probe_service.check_up()

    def probes(self, release_bytes: bytes, worker: X25519PublicKey, cells: Sequence[str] = ()) -> bytes:
        began = perf_counter()
        try:
            return self.probe_service.probes(release_bytes, worker, cells)
        finally:
            self.watch.lap("probes", began)

    def probes_for(self, asked: Sequence[ProbesAsked]) -> list[bytes | CairnError]:
        began = perf_counter()
        try:
            return self.probe_service.probes_for(asked)
        finally:
            self.watch.lap("probes", began)

    def hand_on(self, release_bytes: bytes, sealed: bytes, targets: Targets, worker: X25519PublicKey) -> bytes:
        began = perf_counter()
        try:
            return self.probe_service.hand_on(release_bytes, sealed, targets, worker)
        finally:
            self.watch.lap("probes", began)
