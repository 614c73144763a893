"""The demonstration itself, stage by stage: from rendered pixels to a route, and to a search that is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from edge.vision import MODELS
from shared.epochs import Modality
from tests.city.background import Background, background
from tests.city.plan import CityPlan
from tests.demo.asking import ROUNDS, asked
from tests.demo.boxes import Boxes
from tests.demo.films import contact_sheet, film_path
from tests.demo.layout import Layout
from tests.demo.observer import Observer
from tests.demo.offices import Offices
from tests.demo.processes import Child, Children, DemoFailed
from tests.demo.report import compare, contact_lines, table
from tests.demo.script import places
from tests.demo.simulated import send_all
from tests.demo.telling import Teller
from tests.demo.tracing import Desk, Found
from tests.demo.workshop import Workshop, camera_places
from tests.waiting import wait_until

CASE, OTHER_CASE = "case-1", "case-2"
# Keys are granted for hours from now on. Near its end an hour may be over before the authorities are up, so the day's
# walk lies in the next one then; it must have begun when the city is searched, and this is how long boxes take.
_NEEDED_OF_THE_HOUR = timedelta(minutes=5)
_SLOW_FILM = "cafe"


@dataclass(frozen=True, slots=True)
class Wishes:
    """`once`: end after the report, with nothing left running. `transcript`: write down all that the broker carries."""

    once: bool
    transcript: Path | None = None
    cameras: int = 1000


class Day:
    """One run of the demo below `home`. Use `with`: whatever happens, nothing is left running."""

    def __init__(self, home: Path, wishes: Wishes, teller: Teller) -> None:
        self._wishes, self._tell = wishes, teller
        self.layout = Layout(home, this_hour(datetime.now(UTC)))
        self.children = Children(self.layout.logs)
        self._workshop = Workshop(self.layout, self.children)
        self._offices, self._boxes = Offices(self.layout, self.children), Boxes(self.layout, self.children)
        self._desk = Desk(self.layout, self.children)

    @contextmanager
    def running(self) -> Iterator[Day]:
        try:
            yield self
        finally:
            self.children.stop()

    def play(self) -> list[str]:
        """All stages; returns what differs from the truth, in words."""
        films = self._begin_films()
        city = self._set_up()
        with self._watched():
            self._see(films, city)
            found = self._ask(self._trace())
            faults = self._judge(found)
            self._withdraw()
            self._prove()
        return faults

    def _begin_films(self) -> list[Child]:
        """Rendering runs beside the setting up, in two programs."""
        others = [place.film.name for place in places() if place.film.name != _SLOW_FILM]
        render = (sys.executable, "-m", "tests.demo.films", self.layout.films)
        return [self.children.start("films-cafe", *render, _SLOW_FILM), self.children.start("films", *render, *others)]

    def _set_up(self) -> Background:
        quarter = camera_places()
        with self._tell.stage("a simulated city around the quarter") as stage:
            hour = self.layout.hour
            city = background(CityPlan(cameras=self._wishes.cameras), hour, hour + timedelta(hours=1), quarter)
            stage.detail = f"{len(city.places):,} cameras, {city.people:,} sightings of other people"
        with self._tell.stage("certificates, inventory, every box enrolled") as stage:
            self._workshop.open([*quarter, *city.places])
            self._boxes.enrol(self._workshop)
            self._nodes = self._workshop.enrol_many([cell.cell for cell in city.cells])
            stage.detail = f"{len(quarter)} boxes with cameras, {len(self._nodes)} simulated"
        with self._tell.stage("broker with mutual TLS, two authorities, probe service, ingest, centre"):
            self._workshop.export_fleet()
            self._offices.prepare(self._workshop)
            self._workshop.start_broker(Observer.NAME if self._wishes.transcript else "")
            self._offices.start()
        return city

    @contextmanager
    def _watched(self) -> Iterator[None]:
        if self._wishes.transcript is None:
            yield
            return
        self._workshop.certify(Observer.NAME)
        with Observer(self.layout, self._wishes.transcript):
            yield

    def _see(self, films: list[Child], city: Background) -> None:
        with self._tell.stage("camera films rendered") as stage:
            for film in films:
                self.children.finish(film)
            size = sum(film_path(self.layout.films, place.film.name).stat().st_size for place in places())
            stage.detail = f"{len(places())} films, {size / 1e6:.0f} MB of pictures that stay where they are"
        with self._tell.stage("boxes look at their films with the real models; the city's boxes send") as stage:
            self._boxes.start()
            models = dict(MODELS) | {Modality.APPEARANCE.value: CityPlan().appearance_model}
            count, stored = self._run_boxes(city, models)
            stage.detail = f"{count} real boxes done, {stored:,} simulated sightings stored"

    def _run_boxes(self, city: Background, models: dict[str, str]) -> tuple[int, int]:
        """How many real boxes have finished, and how many simulated sightings the centre has."""
        stop = Event()
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send_all, self.layout, city.cells, self._nodes, models, stop)
            try:
                return self._boxes.finish(), sending.result()
            finally:
                stop.set()

    def _trace(self) -> Found:
        desk, case = self._desk, CASE
        self._await_hour()
        with self._tell.stage("case opened, photo turned into a sealed template on a box, consent taken down") as stage:
            desk.open(case)
            desk.consent(case)
            desk.register(case)
            stage.detail = f"the patient's copy of the consent: {desk.receipt(case, self.layout.home / 'consent.pdf')}"
        with self._tell.stage("first approval, by the person who opened the case") as stage:
            stage.detail = f"refused, as it must be: {first_line(desk.approve_as_opener(case, 'opened this case'))}"
        with self._tell.stage("second approval, by another person"):
            desk.approve(case)
        with self._tell.stage("keys released by both authorities, city searched, route and contacts") as stage:
            found = desk.search(case)
            stage.detail = f"{found.job['done']} batches, {found.job['candidates']} candidates"
        return found

    def _ask(self, found: Found) -> Found:
        """Put to the patient what the route asks, and search again with the answers, while that settles something."""
        for _ in range(ROUNDS):
            if not found.questions:
                break
            self._tell.line(f"\nThe route as the cameras alone tell it:\n\n{table(compare(found, self.layout.hour))}\n")
            with self._tell.stage("the tracer asks the patient, and searches again with the answers") as stage:
                stage.detail = asked(found, self.layout.hour, self._say)
                found = self._desk.search(CASE)
        return found

    def _say(self, sighting: str, patient: bool) -> None:
        self._desk.say(CASE, sighting, patient=patient)

    def _await_hour(self) -> None:
        """Authorities release no hour that has not begun."""
        left = (self.layout.hour - datetime.now(UTC)).total_seconds()
        if left > 0:
            with self._tell.stage("waiting for the hour of the day's walk to begin"):
                wait_until(lambda: datetime.now(UTC) >= self.layout.hour, "the next hour", left + 5)

    def _judge(self, found: Found) -> list[str]:
        comparison = compare(found, self.layout.hour)
        say = self._tell.line
        say(f"\nThe patient's route beside what really happened (UTC, {self.layout.hour:%Y-%m-%d}):\n")
        say(table(comparison))
        say("\nPeople possibly exposed, by pseudonym:\n")
        for line in contact_lines(found):
            say(line)
        picture = self._desk.save_map(CASE, self.layout.home / "route.svg")
        say(f"\nMap: {picture}")
        say(f"What the cameras saw, which never left the boxes: {contact_sheet(self.layout.films)}\n")
        return comparison.faults

    def _withdraw(self) -> None:
        """The patient's word ends it. When the page stays open, another case of the same patient shows it."""
        desk, case = self._desk, CASE
        if not self._wishes.once:
            case = OTHER_CASE
            with self._tell.stage("another case of the same patient, so that the first can still be looked at"):
                desk.open(case)
                desk.consent(case)
                desk.register(case)
                desk.approve(case)
                desk.search(case)
        with self._tell.stage("consent withdrawn, and the same search asked again") as stage:
            desk.withdraw(case)
            stage.detail = f"refused, as it must be: {first_line(desk.search_refused(case, 'CaseEnded'))}"

    def _prove(self) -> None:
        """What remains to be shown afterwards: the log is whole, and a day's key is gone for everybody."""
        desk, day = self._desk, self.layout.hour.date()
        with self._tell.stage("audit log verified, against what both authorities witnessed of it") as stage:
            stage.detail = f"{desk.checked_log()['entries']} entries"
        if not self._wishes.once:  # who looks at the pages may want to search again
            return
        with self._tell.stage("one authority destroys the day's secret; the privacy officer tries the canary") as stage:
            desk.destroy(day)
            canary = next(row for row in desk.canaries() if row["day"] == day.isoformat())
            if canary["opened"]:
                raise DemoFailed("a destroyed day was opened", hint="this must never happen")
            stage.detail = f"{day} stays shut, destroyed by {' and '.join(canary['destroyed_by'])}"

    def serve(self) -> None:
        """Until Ctrl-C, while every service lives. Raises DemoFailed when one dies."""
        pause = Event()
        while not pause.wait(1.0):
            self.children.check()


def first_line(said: str) -> str:
    """The refusal itself, without what to do next."""
    return next((line.lstrip("✗ ") for line in said.splitlines() if line.startswith("✗")), said.strip())


def this_hour(now: datetime) -> datetime:
    """The UTC hour in which the day's walk lies: the running one, or the next when too little of it is left."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    following = hour + timedelta(hours=1)
    return hour if following - now > _NEEDED_OF_THE_HOUR else following


__all__ = ["CASE", "Day", "DemoFailed", "Wishes"]
