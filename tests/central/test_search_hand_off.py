"""Clothes carry a route through cameras that see no face: only with the scope, only from confirmed sightings."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from central.authority.released import CombinedShares, Recipient, combined, open_released
from central.batches.store import SqlBatchStore
from central.database import open_database
from central.probes.hand_off import (
    MOST_SIGHTINGS,
    Clothes,
    HandOffRefused,
    fidelity,
    open_clothes,
    seal_clothes,
    targets_from_bytes,
    targets_to_bytes,
)
from central.probes.probe_sets import open_probes
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.reconstruct import Told
from central.routes.service import Findings, OfCase, find_route
from central.search.case_search import SearchParts
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.job import BatchFailed, Event, Found, Job
from central.search.opened_job import Search, open_job
from central.search.scan import narrowed, widened
from central.search.together import search
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, read_batch, seal_batch
from shared.codes import APPEARANCE_BITS, FACE_BITS, decode, encode
from shared.epochs import Epoch, Modality, code_key, seal_key
from shared.errors import BadRelease, CairnError, CannotOpen, ReleaseRefused
from shared.face_mask import FaceMask
from shared.keys import sealing_public
from shared.releases import release_to_bytes
from shared.sightings import Sighting
from tests.central.authority_fixtures import APPEARANCE_MODEL, CASE, FACE_MODEL, NOW, World, some_faces
from tests.central.centre_fixtures import plain_calibration

CELLS = ("cell-1", "cell-2", "cell-3")
PLACES = [
    CameraPlace("door", 37.500, 126.760, True, "cell-1"),
    CameraPlace("gate", 37.502, 126.762, False, "cell-2"),  # 280 m on
    CameraPlace("port", 37.700, 126.760, False, "cell-3"),  # 22 km on
]


def dressed(seed: int, noise: float = 0.0) -> np.ndarray:
    """Clothes float32[1, 1280]; with `noise`, the same ones in another picture."""
    x = np.random.default_rng(seed).standard_normal(1280)
    y = np.random.default_rng(1000 + round(noise * 100)).standard_normal(1280)
    z = x / np.linalg.norm(x) + noise * y / np.linalg.norm(y)
    return np.asarray(z / np.linalg.norm(z), np.float32)[None]


@dataclass(frozen=True)
class Seen:
    """Who passed a camera at a minute of NOW's hour; before it when negative."""

    minute: int
    camera: str
    clothes: np.ndarray
    face: np.ndarray | None = None


@dataclass
class Street:
    """A case over three cells, the keys of its epochs, and a store to put batches in."""

    folder: Path
    consents: tuple[str, ...] = ("face", "appearance")
    model: str = APPEARANCE_MODEL
    worn: np.ndarray | None = None
    sent: int = 0
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.folder)
        self.face = some_faces(1)
        self.world.register(self.face, self.worn)
        start = NOW.replace(minute=0) - timedelta(hours=2)
        scope = dataclasses.replace(self.world.scope(consents=self.consents), cells=CELLS, start=start)
        self.release = self.world.signed(scope)
        self.raw = release_to_bytes(self.release)
        self.codes = self.shares(Recipient.PROBES, self.world.probes_key)
        self.seals = self.shares(Recipient.SEARCH, X25519PrivateKey.generate())
        self.store = SqlBatchStore(open_database(f"sqlite:///{self.folder / 'street.db'}"))
        self.parts = SearchParts(self.world.authorities, self.world.probes, self.store)

    def shares(self, recipient: Recipient, reader: X25519PrivateKey) -> CombinedShares:
        public, released = reader.public_key().public_bytes_raw(), {}
        for one in self.world.authorities:
            sealed = one.release(self.raw, recipient, public)
            released[one.name] = open_released(reader, sealed, one.name, CASE, recipient)
        return combined(released)

    def see(self, *seen: Seen) -> None:
        """One batch each, in the store."""
        for one in seen:
            self.store.add([read_batch(self.batch(one))], NOW)

    def batch(self, seen: Seen) -> bytes:
        cell = next(place.cell for place in PLACES if place.camera == seen.camera)
        at = NOW.replace(minute=0) + timedelta(minutes=seen.minute)
        epoch, self.sent = Epoch.at(cell, at), self.sent + 1
        models = {"face": FACE_MODEL, "appearance": self.model}
        of_face = code_key(self.codes[epoch], Modality.FACE, FACE_MODEL, epoch)
        of_clothes = code_key(self.codes[epoch], Modality.APPEARANCE, self.model, epoch)
        sighting = Sighting(
            number=self.sent,
            camera=seen.camera,
            start=at,
            end=at + timedelta(seconds=20),
            face_code=None if seen.face is None else encode(seen.face, of_face, FACE_BITS).tobytes(),
            appearance_code=encode(seen.clothes, of_clothes, APPEARANCE_BITS).tobytes(),
            mask=FaceMask.UNKNOWN if seen.face is None else FaceMask.ABSENT,
            quality=0.9,
        )
        node, masks = f"node-{cell}", (0, 0, int(seen.face is not None), int(seen.face is None))
        header = Header(SCHEMA_VERSION, node, 1, self.sent, 1, epoch.cell, epoch.hour, 0, models, 1, masks)
        keys = BatchKeys(seal_key(self.seals[epoch], node, epoch), self.world.node_signing)
        return seal_batch(header, [sighting], [], keys, self.sent)

    def found(self, confirmed: Sequence[str] = ()) -> Findings:
        graph, stop = CameraGraph(PLACES), threading.Event()
        of_case = OfCase(told=Told(confirmed=frozenset(confirmed)))
        return find_route(self.release, self.parts, graph, plain_calibration(), lambda _: None, stop, of_case)

    def ticket(self) -> tuple[bytes, bytes]:
        """What a worker of this case holds: its ticket and its public key."""
        worker = X25519PrivateKey.generate()
        sealed = self.world.probes.probes(self.raw, worker.public_key())
        return open_probes(CASE, sealed, worker).ticket, worker.public_key().public_bytes_raw()


def a_walk(street: Street) -> None:
    """The patient's face at the door; then, and before, only the clothes; and others in other clothes."""
    street.see(
        Seen(10, "door", dressed(1), street.face),
        Seen(-5, "door", dressed(1, 0.3)),
        Seen(18, "gate", dressed(1, 0.2)),
        Seen(19, "gate", dressed(2)),
        Seen(12, "door", dressed(3), some_faces(9)[8:]),
        Seen(20, "port", dressed(1, 0.1)),
    )


def by(found: Findings) -> list[tuple[str, str, datetime]]:
    """Camera, modality and time of each visit."""
    return [(one.candidate.camera, one.candidate.modality.value, one.start) for one in found.route.visits]


def at(minute: int) -> datetime:
    return NOW.replace(minute=0) + timedelta(minutes=minute)


def test_clothes_carry_a_route_through_a_camera_that_sees_no_face(tmp_path: Path) -> None:
    """From the one sure face, the gate's and the earlier hour's sightings are found by their clothes.

    Nobody in other clothes is, nor the same clothes where nobody can have walked to.
    """
    street = Street(tmp_path)
    a_walk(street)
    found = street.found()
    assert by(found) == [
        ("door", "appearance", at(-5)), ("door", "face", at(10)), ("gate", "appearance", at(18)),
    ]  # fmt: skip
    sightings, cell_hours = found.answer.handed_on
    assert (sightings, cell_hours) == (1, 4)  # two cells within a walk, in this hour and the one before


def test_without_the_scope_nothing_of_it_happens(tmp_path: Path) -> None:
    """A patient who gave only the face is found by the face alone, and no clothes are handed on."""
    street = Street(tmp_path, consents=("face",))
    a_walk(street)
    found = street.found()
    assert by(found) == [("door", "face", at(10))]
    assert found.answer.handed_on == (0, 0)


def test_clothes_alone_confirm_nothing_unless_the_tracer_does(tmp_path: Path) -> None:
    """Clothes found by the full-length picture are not handed on and on; a sighting that the tracer confirmed is."""
    street = Street(tmp_path, worn=dressed(1))
    street.see(Seen(10, "door", dressed(1, 0.2)), Seen(18, "gate", dressed(1, 0.3)))
    found = street.found()
    assert found.answer.handed_on == (0, 0)
    door = next(one for one in found.answer.candidates if one.camera == "door")
    assert street.found([door.sighting]).answer.handed_on == (1, 4)


def test_clothes_of_another_model_are_not_handed_on(tmp_path: Path) -> None:
    """What they are worth is calibrated for one model; those of another stay where they are."""
    street = Street(tmp_path, model="other-eyes-1")
    a_walk(street)
    found = street.found()
    assert by(found) == [("door", "face", at(10))]
    assert found.answer.handed_on == (0, 0)


def test_a_batch_whose_clothes_another_model_made_is_reported(tmp_path: Path) -> None:
    """Searched by the full-length picture, such a batch counts as failed and says why; its faces are searched."""
    street = Street(tmp_path, model="other-eyes-1", worn=dressed(1))
    street.see(Seen(10, "door", dressed(1), street.face))
    events, _ = opened(street)
    (failed,) = [event for event in events if isinstance(event, BatchFailed)]
    assert failed.reason.startswith("OtherModel: the box's appearance codes")
    assert isinstance(events[-1], Found)
    assert [one.modality for one in events[-1].candidates] == [Modality.FACE]


def test_the_full_length_picture_finds_clothes_without_any_face(tmp_path: Path) -> None:
    """With the scope and the picture, a sighting that shows no face is a candidate by its clothes."""
    street = Street(tmp_path, worn=dressed(1))
    street.see(Seen(10, "door", dressed(1, 0.2)), Seen(12, "gate", dressed(2)))
    events, _ = opened(street)
    assert isinstance(events[-1], Found)
    assert [(one.camera, one.modality) for one in events[-1].candidates] == [("door", Modality.APPEARANCE)]


def clothes_of(street: Street, epoch: Epoch, sighting: str = "node-1/1/1", model: str = APPEARANCE_MODEL) -> Clothes:
    return Clothes(sighting, epoch, model, bytes(APPEARANCE_BITS // 8))


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return Street(tmp_path)


def handed(
    street: Street, clothes: Clothes, to: Sequence[Epoch], case: str = CASE, ticket: bytes | None = None
) -> bytes:
    """What the probe service makes of a hand-off that claims to come from a worker of the case."""
    known, worker = street.ticket()
    service = sealing_public(street.world.probes.public)
    sealed = seal_clothes(case, known if ticket is None else ticket, worker, [clothes], service)
    targets = {clothes.sighting: list(to)}
    return street.world.probes.hand_on(street.raw, sealed, targets, X25519PrivateKey.generate().public_key())


HERE = Epoch.at("cell-1", NOW)


def test_a_hand_off_of_another_case_does_not_open(street: Street) -> None:
    """It is bound to its case when it is sealed."""
    with pytest.raises(CannotOpen):
        handed(street, clothes_of(street, HERE), [HERE], case="case-2")


def test_a_hand_off_by_nobody_s_worker_is_refused(street: Street) -> None:
    """Only who was given the case's probes holds the ticket."""
    with pytest.raises(HandOffRefused, match="not from a search worker"):
        handed(street, clothes_of(street, HERE), [HERE], ticket=bytes(32))


@pytest.mark.parametrize(
    ("of", "to", "why"),
    [
        (Epoch("cell-9", HERE.hour), HERE, "outside what was released"),
        (Epoch("cell-1", HERE.hour - 30), HERE, "outside what was released"),
        (HERE, Epoch("cell-9", HERE.hour), "outside what was released"),
        (HERE, Epoch("cell-1", HERE.hour + 5), "outside what was released"),
        (HERE, Epoch("cell-1", HERE.hour - 2), "too far in time"),
    ],
)
def test_a_hand_off_from_or_to_another_epoch_is_refused(street: Street, of: Epoch, to: Epoch, why: str) -> None:
    """Only within what was released, and only to neighbouring hours."""
    with pytest.raises(HandOffRefused, match=why) as refusal:
        handed(street, clothes_of(street, of), [to])
    assert refusal.value.hint


def test_more_sightings_or_others_than_were_asked_for_are_refused(street: Street) -> None:
    """What the worker sealed must fit what the centre asks to have searched."""
    known, worker = street.ticket()
    service, reader = sealing_public(street.world.probes.public), X25519PrivateKey.generate().public_key()
    many = [clothes_of(street, HERE, f"node-1/1/{n}") for n in range(MOST_SIGHTINGS + 1)]
    for clothes, targets in (
        (many, {one.sighting: [HERE] for one in many}),
        (many[:2], {many[0].sighting: [HERE]}),
        ([many[0], many[0]], {many[0].sighting: [HERE]}),
        ([], {}),
    ):
        sealed = seal_clothes(CASE, known, worker, clothes, service)
        with pytest.raises(HandOffRefused, match="does not fit"):
            street.world.probes.hand_on(street.raw, sealed, targets, reader)


def test_a_model_of_unknown_length_is_refused(street: Street) -> None:
    """Without the length of its embeddings a code cannot be decoded."""
    with pytest.raises(HandOffRefused, match="how long"):
        handed(street, clothes_of(street, HERE, model="nobodys-net-1"), [HERE])


def test_without_the_scope_a_hand_off_is_refused(tmp_path: Path) -> None:
    """Even one that holds a ticket: the patient consented to the face alone."""
    street = Street(tmp_path, consents=("face",))
    with pytest.raises(HandOffRefused, match="did not consent"):
        handed(street, clothes_of(street, HERE), [HERE])


def test_after_a_withdrawal_nothing_is_handed_on(street: Street) -> None:
    """The authorities are asked again for each hand-off."""
    known, worker = street.ticket()
    sealed = seal_clothes(CASE, known, worker, [clothes_of(street, HERE)], sealing_public(street.world.probes.public))
    street.world.authorities[0].withdraw(CASE)
    with pytest.raises(ReleaseRefused, match="withdrawn"):
        street.world.probes.hand_on(
            street.raw, sealed, {"node-1/1/1": [HERE]}, X25519PrivateKey.generate().public_key()
        )


def opened(street: Street) -> tuple[list[Event], tuple[Search, bytes]]:
    """A search in this process, and what it knows at its end."""
    key = X25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    probes = street.world.probes.probes(street.raw, key.public_key())
    job = Job(CASE, street.world.worker_releases(street.raw, public), probes, hand_off=APPEARANCE_MODEL)
    work = open_job(job, key)
    return list(search(work, street.store.in_scope(street.release.scope))), (work, public)


def test_clothes_leave_a_worker_only_sealed_to_the_authorities_probe_service(street: Street) -> None:
    """Whatever the centre in between says: the key came sealed with the shares. The answer holds no code."""
    a_walk(street)
    events, (work, public) = opened(street)
    found = events[-1]
    assert isinstance(found, Found)
    (candidate,) = found.candidates
    sealed = work.handed_off([candidate.sighting], public)
    _, worker, (clothes,) = open_clothes(CASE, sealed, street.world.probes_key)
    assert (worker, clothes.epoch, clothes.model) == (public, candidate.epoch, APPEARANCE_MODEL)
    assert clothes.code not in sealed
    assert clothes.code not in repr(found).encode()
    with pytest.raises(CannotOpen):
        open_clothes(CASE, sealed, X25519PrivateKey.generate())
    with pytest.raises(HandOffRefused, match="no candidate"):
        work.handed_off(["node-1/1/99"], public)


def test_a_worker_without_the_scope_hands_nothing_on(tmp_path: Path) -> None:
    """It does not even keep the clothes, whatever its job says."""
    street = Street(tmp_path, consents=("face",))
    a_walk(street)
    _, (work, public) = opened(street)
    assert work.clothes == {}
    with pytest.raises(HandOffRefused, match="no clothes"):
        work.handed_off(["node-cell-1/1/1"], public)


def test_a_worker_process_refuses_a_sighting_that_it_did_not_find(street: Street) -> None:
    """The parent is told, and gets no clothes."""
    a_walk(street)
    with SearchWorker() as worker:
        probes = street.world.probes.probes(street.raw, sealing_public(worker.public))
        shares = street.world.worker_releases(street.raw, worker.public)
        job = Job(CASE, shares, probes, hand_off=APPEARANCE_MODEL)
        assert isinstance(list(worker.run(job, street.store.in_scope(street.release.scope)))[-1], Found)
        with pytest.raises(SearchFailed, match="HandOffRefused"):
            worker.hand_off(["node-1/1/99"])


def test_targets_survive_their_bytes_and_others_are_refused() -> None:
    """Cells and hours come back as they were; nonsense is a named refusal."""
    targets = {"n/1/2": [Epoch("cell-2", 7), Epoch("cell-1", 8)], "n/1/3": [Epoch("cell-2", 7)]}
    assert targets_from_bytes(targets_to_bytes(targets)) == targets
    for raw in (b"", b"\x01", b"\xa0", targets_to_bytes(targets)[:-1]):
        with pytest.raises((HandOffRefused, BadRelease)) as refusal:
            targets_from_bytes(raw)
        assert isinstance(refusal.value, CairnError)


@pytest.mark.parametrize("dimensions", [640, 1280])
@pytest.mark.parametrize("sightings", [1, 3])
def test_what_double_coding_costs_is_known_beforehand(dimensions: int, sightings: int) -> None:
    """The cosine that is left between clothes and what is decoded of their codes is what `fidelity` says, ± 0.03."""
    rng = np.random.default_rng(dimensions)
    left = []
    for _ in range(20):
        x = rng.standard_normal((1, dimensions)).astype(np.float32)
        x /= np.linalg.norm(x)
        keys = [rng.bytes(32) for _ in range(sightings)]
        back = np.sum([decode(encode(x, key, APPEARANCE_BITS), key, dimensions) for key in keys], axis=0)
        left.append(float(back[0] @ x[0] / np.linalg.norm(back)))
        assert fidelity(np.asarray(back / np.linalg.norm(back), np.float32), sightings) == pytest.approx(
            np.mean(left), abs=0.06
        )
    said = fidelity(x, sightings)
    assert said == pytest.approx(np.mean(left), abs=0.03)
    assert 0.45 < said < 0.95


@given(distance=st.integers(0, 256), kept=st.floats(0.45, 1.0))
def test_a_distance_is_corrected_for_what_was_lost_and_back(distance: int, kept: float) -> None:
    """Widening and narrowing are each other's inverse to a few bits, and change nothing for a code encoded once."""
    coarse = 20 if distance < 64 else 4  # near nothing, a bit more or less is a large angle
    assert narrowed(widened(distance, 512, kept), 512, kept) == pytest.approx(distance, abs=coarse)
    assert widened(distance, 512, kept) >= distance - 1
    assert widened(distance, 512, 1.0) == narrowed(distance, 512, 1.0) == distance
    assert math.isfinite(narrowed(0, 512, kept))
