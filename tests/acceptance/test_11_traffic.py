"""11 · Nothing that travels in a whole run is a picture, a float embedding or the patient's name.

Here every message of the broker and every byte on the lines between people, centre, probe service and authorities is
kept, in the clear, and looked through. The demo does the same behind a real broker with six boxes and their films:
tests/system/test_demo.py, test_the_broker_carried_no_picture_no_float_and_no_name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from central.authority import app as authority_app
from central.authority.client import AuthorityClient, client
from central.ingest import Ingest
from central.probes import app as probes_app
from central.probes.client import ProbeClient
from central.probes.service import ProbeService
from central.probes.templates import SealedTemplates
from central.search.case_search import SearchParts
from edge.model_vision import ModelVision
from edge.register import register
from edge.vision import Floats, Picture
from shared import topics
from shared.codes import quantise
from shared.transport import Message
from shared.transport.memory import MemoryTransport
from tests.acceptance.tap import Tap
from tests.central.authority_fixtures import CASE, NODE, some_faces
from tests.central.centre_fixtures import Office
from tests.central.http_fixtures import serving
from tests.central.test_authority_app import authority_settings, probe_settings
from tests.demo.leaks import Searcher, Secrets
from tests.waiting import wait_until

NAME = "hong-gildong"
PHOTO: Picture = skimage.data.astronaut()


@dataclass
class Run:
    """One case from registration to withdrawal, and all that was on the lines meanwhile."""

    folder: Path
    vision: ModelVision
    lines: dict[str, Tap] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    vectors: list[Floats] = field(default_factory=list)
    visits: int = 0

    def go(self) -> None:
        office = Office(self.folder)
        with ExitStack() as stack:
            parts = self._offices(office, stack)
            stack.enter_context(office.open(parts))
            office.url = stack.enter_context(self._tapped("centre", office.url))
            self._see(office, stack)
            self._work(office)
        self.messages = office.world.broker.log

    def _offices(self, office: Office, stack: ExitStack) -> SearchParts:
        """Authorities and probe service as servers of their own, each line tapped."""
        world, authorities = office.world, []
        for one in world.authorities:
            url = stack.enter_context(serving(authority_app.create_app(authority_settings(world, one.name), one)))
            http = stack.enter_context(client(stack.enter_context(self._tapped(one.name, url)), None))
            authorities.append(AuthorityClient(one.name, http))
        service = ProbeService(world.probes_key, SealedTemplates(self.folder / "kept"), authorities)
        url = stack.enter_context(serving(probes_app.create_app(probe_settings(world), service)))
        http = stack.enter_context(client(stack.enter_context(self._tapped("probes", url)), None))
        return SearchParts(authorities, ProbeClient(http), office.store)

    def _see(self, office: Office, stack: ExitStack) -> None:
        """A box sees the patient and seven others, and sends."""
        small = np.asarray(cv2.resize(PHOTO, (300, 300), interpolation=cv2.INTER_AREA), np.uint8)
        [shot] = self.vision.faces(small)
        seen = self.vision.embed_face(shot)
        others = some_faces(7)
        self.vectors += [seen, *others]
        centre, box = (MemoryTransport(office.world.broker, name) for name in ("svc-centre", NODE))
        centre.connect()
        box.connect()
        ingest = Ingest(office.engine, office.store, centre, office.world.clock)
        ingest.start()
        stack.callback(ingest.stop)
        box.publish(Message(topics.batches(NODE), office.world.batch(np.vstack([seen[None], others]))))
        wait_until(lambda: ingest.stored == 1, "the batch")

    def _work(self, office: Office) -> None:
        """What people do in a case, registration on a box included."""
        path = self.folder / f"{NAME}.png"
        assert cv2.imwrite(str(path), PHOTO[:, :, ::-1])
        [shot] = self.vision.faces(PHOTO)
        self.vectors += [self.vision.embed_face(shot), self.vision.embed_face_masked(shot)]
        kim, lee = office.as_("kim"), office.as_("lee")
        kim.open(office.scope(), office.keys["kim"])
        kim.consent(office.receipt(), office.keys["kim"])
        kim.register(CASE, register([path], CASE, office.world.probes_key.public_key(), self.vision))
        lee.approve(lee.to_approve(CASE), office.keys["lee"], office.world.clock.now())
        office.searched(kim)
        self.visits = len(kim.ask("GET", f"/cases/{CASE}/route")["route"]["visits"])
        for what in ("contacts", "route/map.svg", "report", "report.html"):
            kim.ask("GET", f"/cases/{CASE}/{what}")
        kim.ask("POST", f"/cases/{CASE}/withdraw")

    @contextmanager
    def _tapped(self, name: str, url: str) -> Iterator[str]:
        tap = self.lines.setdefault(name, Tap())
        with tap.before(url) as instead:
            yield instead

    @property
    def traffic(self) -> list[tuple[str, bytes]]:
        """(line or topic, bytes) of everything."""
        lines = [(name, bytes(one)) for name, tap in self.lines.items() for one in tap.heard]
        return lines + [(message.topic, message.payload) for message in self.messages]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = Run(tmp_path_factory.mktemp("run"), ModelVision.load())
    made.go()
    return made


def searcher(run: Run) -> Searcher:
    return Searcher(Secrets(run.vectors, [PHOTO], [NAME]))


def test_the_run_was_a_real_one(run: Run) -> None:
    """The patient was found, and every line and kind of message was in use: there was something to look through."""
    assert run.visits == 1
    assert set(run.lines) == {"centre", "probes", "authority-a", "authority-b"}
    assert all(sum(map(len, tap.heard)) > 1000 for tap in run.lines.values())
    topics_used = {message.topic for message in run.messages}
    assert {topics.batches(NODE), topics.acks(NODE), topics.grants(NODE, "authority-a")} <= topics_used


def test_no_picture_no_float_and_no_name_was_on_any_line(run: Run) -> None:
    """Nothing decodes as a picture; no embedding occurs as floats of any width, nor the name in any spelling."""
    looked = searcher(run)
    assert [(where, leak) for where, raw in run.traffic for leak in looked.leaks(where, raw)] == []


def test_not_even_the_quantised_embeddings_were_on_any_line(run: Run) -> None:
    """The bytes that codes are made from travel sealed only."""
    rows = [row.tobytes() for row in quantise(np.stack(run.vectors))]
    for where, raw in run.traffic:
        assert not [row for row in rows for at in (0, 64, 128) if row[at : at + 24] in raw], where


@pytest.mark.parametrize("kind", ["<f4", "<f8", "int8", "png", "name"])
def test_what_must_not_be_there_would_be_found(run: Run, kind: str) -> None:
    """The search itself works: an embedding, a picture or the name that is put among the traffic is reported."""
    if kind == "int8":
        planted = quantise(run.vectors[0][None])[0].tobytes()
        assert planted[64:88] in b"some" + planted
        return
    planted = {"png": cv2.imencode(".png", PHOTO)[1].tobytes(), "name": NAME.encode()}.get(
        kind, run.vectors[0].astype(kind if kind.startswith("<") else "<f4").tobytes()
    )
    assert searcher(run).leaks("a line", b"POST / HTTP/1.1\r\n\r\n" + planted)
