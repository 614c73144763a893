"""A city of sealed batches on disk, as a search finds it: real keys of real authorities, in the real store.

Strangers' codes are random bits, as far from a probe as another face's code is; the patients' are probe codes with
some bits changed, so that what must be found is known. Of each patient some strangers lie within the radius, as many
as of a template of real faces: NEAR of them, and the nearer the fewer.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Engine

from central.authority.released import Recipient, combined, open_released
from central.authority.service import Authority
from central.batches.compaction import Compaction
from central.batches.opening import archive_store
from central.batches.store import SqlBatchStore
from central.database import open_database
from central.probes.probe_sets import open_probes
from central.probes.service import ProbeService
from central.probes.templates import SealedTemplates
from central.search.case_search import SearchParts
from central.search.job import DEFAULT_RADIUS
from shared.batches import MAX_SIGHTINGS, SCHEMA_VERSION, BatchKeys, Header, read_batch, seal_columns
from shared.clock import FixedClock
from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.columns import columns_to_bytes
from shared.epochs import Epoch, Modality, seal_key
from shared.face_mask import FaceMask
from shared.releases import Release, release_to_bytes
from shared.sightings import Encounter, Sighting, sighting_id
from tests.central.authority_fixtures import APPEARANCE_MODEL, CASE, FACE_MODEL, NOW, World, some_faces

# The city of design/figures.md: 10,820 cameras in cells of 16, 140 million sightings in 14 days.
CAMERAS = 16  # of a cell
CELLS, DAYS, SIGHTINGS = 10_820 / CAMERAS, 14, 140e6
EACH_HOUR = round(SIGHTINGS / (CELLS * DAYS * 24))
PICTURES = 2  # rows of a template: the bare face, and the same with a face mask
CHANGED_BITS = 230
# Shares of strangers within the radius of one template, from the 5th to the 95th percentile of faces (DECISIONS.md):
# one for each of the ten patients. They reach down from the radius with this mean, as the tail of strangers does.
NEAR, NEARER_BY = np.geomspace(0.002, 0.023, 10), 20
_STORED_AT_ONCE = 100
ARCHIVES = "archives"
CASES = (CASE, *(f"case-{number}" for number in range(2, 11)))  # ten patients


@dataclass
class SealedCity:
    """Some cells of the city, each with so many boxes; `patients` are the names of each case's sightings in it,
    `strangers` how many other sightings lie within the radius of each."""

    folder: Path
    cells: int
    boxes: int = 1
    patients: dict[str, set[str]] = dataclasses.field(default_factory=lambda: {case: set() for case in CASES})
    strangers: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(len(CASES), np.int64))
    sightings: int = 0
    batches: int = 0
    sealed_bytes: int = 0

    def __post_init__(self) -> None:
        self.world = World(self.folder, FixedClock(NOW - timedelta(days=DAYS)))
        for _ in range(DAYS):  # every day's secret is drawn on its day
            self.world.clock.advance(timedelta(days=1))
            for authority in self.world.authorities:
                authority.publish_grants(self.world.transport, hours_ahead=1)
        self._offices: dict[int, SearchParts] = {}
        self._templates: dict[str, bytes] = {}
        for number, case in enumerate(CASES):
            self.world.register(some_faces(1, seed=number + 1), case=case)
            self._templates[case] = self.world.template
        self.database = self.folder / "centre.db"
        self.engine = open_database(f"sqlite:///{self.database}")
        self.store = SqlBatchStore(self.engine)

    @property
    def share(self) -> float:
        """The part of the whole city's sightings that is here."""
        return self.sightings / SIGHTINGS

    @property
    def part(self) -> str:
        """The same as a fraction, for notes."""
        return f"1/{round(1 / self.share, 1):g}"

    def parts(self, cells: int) -> SearchParts:
        """Offices with the same secrets, who have seen no case yet: they give a case one scope, for ever."""
        if cells not in self._offices:
            authorities = [self._copied(name, cells) for name in self.world.names]
            templates = SealedTemplates(self.folder / "templates")
            probes = ProbeService(self.world.probes_key, templates, authorities)
            self._offices[cells] = SearchParts(authorities, probes, self.store)
        return self._offices[cells]

    def _copied(self, name: str, cells: int) -> Authority:
        copy = self.folder / f"{name}-{cells}.sqlite"
        copy.touch(mode=0o600)
        source, target = sqlite3.connect(self.folder / f"{name}.sqlite"), sqlite3.connect(copy)
        with closing(source), closing(target):
            source.backup(target)
        return self.world.authority(name, database=copy)

    def release(self, cells: int, case: str = CASE) -> Release:
        """A release for the first cells, over the whole fortnight."""
        end = NOW.replace(minute=0)
        start = end - timedelta(days=DAYS)
        self.world.template = self._templates[case]  # the approver signs for the case's own
        scope = dataclasses.replace(self.world.scope(case), start=start, end=end, cells=names(cells))
        return self.world.signed(scope)

    def fill(self) -> None:
        """Seal and store every hour of every cell, on every core."""
        # The bench plays the node: it asks for the shares of a search, and seals with them.
        offices, reader = self.parts(0), X25519PrivateKey.generate()
        public, opened = reader.public_key().public_bytes_raw(), {}
        for case in CASES:
            raw = release_to_bytes(self.release(self.cells, case))
            opened[case] = open_probes(case, offices.probes.probes(raw, reader.public_key()), reader)
            asked = {one.name: one.release(raw, Recipient.SEARCH, public) for one in offices.authorities}
            released = {name: open_released(reader, one, name, case, Recipient.SEARCH) for name, one in asked.items()}
        hours = (
            (epoch, shares, {case: probes.of(epoch)[0].codes for case, probes in opened.items()})
            for epoch, shares in combined(released).items()
        )
        with get_context("spawn").Pool() as pool:
            waiting: list[bytes] = []
            for batches, found, strangers in pool.imap(partial(_hour, self.boxes), hours, 24):
                for case, name in found:
                    self.patients[case].add(name)
                self.strangers += strangers
                waiting += batches
                self.sightings += EACH_HOUR
                if len(waiting) >= _STORED_AT_ONCE:
                    self._store(waiting)
            self._store(waiting)

    def archive(self, folder: Path) -> None:
        """Move the closed days to archives in a folder, as the centre does when a day has closed, and the database,
        which is small then, beside them."""
        store = archive_store(self.engine, f"file://{folder / ARCHIVES}")
        moved = sum(one.moved for one in Compaction(self.engine, store, FixedClock(NOW)).run())
        assert moved > self.batches * (DAYS - 2) / DAYS
        filled, self.database = self.database, folder / f"searched-{self.database.name}"
        self.engine.dispose()
        with closing(sqlite3.connect(filled)) as connection:
            connection.execute("VACUUM INTO ?", (str(self.database),))
        filled.unlink()
        self.engine, self.store = archived_city(self.database, folder / ARCHIVES)
        self._offices.clear()  # they search the store that they were made with

    def _store(self, waiting: list[bytes]) -> None:
        self.store.add([read_batch(raw) for raw in waiting], NOW)
        self.batches += len(waiting)
        self.sealed_bytes += sum(map(len, waiting))
        waiting.clear()


def archived_city(database: Path, archives: Path) -> tuple[Engine, SqlBatchStore]:
    """Where its batches lie once closed days are archived."""
    engine = open_database(f"sqlite:///{database}")
    return engine, archive_store(engine, f"file://{archives}")


def names(cells: int) -> tuple[str, ...]:
    """The first cells of the city."""
    return tuple(f"cell-{n:04d}" for n in range(cells))


def _hour(
    boxes: int,
    one: tuple[Epoch, tuple[bytes, ...], dict[str, np.ndarray]],
) -> tuple[list[bytes], list[tuple[str, str]], list[int]]:
    """The sealed batches of one cell-hour, which patients were seen, with the names of their sightings, and how many
    strangers lie within the radius of each."""
    epoch, shares, probes = one
    contents, rng = _contents(epoch.cell, boxes), np.random.default_rng([epoch.hour, int(epoch.cell[-4:])])
    faces, patients, strangers = rng.integers(0, 256, (EACH_HOUR, FACE_BITS // 8), np.uint8), [], []
    rows, first = rng.permutation(EACH_HOUR), epoch.hour % 10_000 * 1000
    at = len(probes)
    for number, case in enumerate(probes):
        if rng.random() < 0.06:  # about twenty hours of the fortnight, in each cell
            faces[rows[number]] = _turned(probes[case], [CHANGED_BITS], rng)
            node = next(one.node for one in contents if rows[number] < one.rows.stop)
            patients.append((case, sighting_id(node, 1, first + int(rows[number]))))
        near = min(int(rng.binomial(EACH_HOUR, NEAR[number])), EACH_HOUR - at)
        bits = DEFAULT_RADIUS[Modality.FACE] - rng.exponential(NEARER_BY, near).astype(int)
        faces[rows[at : at + near]] = _turned(probes[case], bits.clip(CHANGED_BITS), rng)
        strangers.append(near)
        at += near
    models = {"face": FACE_MODEL, "appearance": APPEARANCE_MODEL}
    batches = []
    for part, content in enumerate(contents):
        sequence, people = epoch.hour * len(contents) + part, content.people
        keys = BatchKeys(seal_key(shares, content.node, epoch), _SIGNING)
        header = Header(
            SCHEMA_VERSION, content.node, 1, sequence, 1, epoch.cell, epoch.hour, 0, models, people, (0, 0, people, 0)
        )
        batches.append(seal_columns(header, content.filled(first, faces), keys, sequence))
    return batches, patients, strangers


_SIGNING = Ed25519PrivateKey.generate()
_CLOTHES = np.random.default_rng(1).bytes(APPEARANCE_BITS // 8)


def _turned(codes: np.ndarray, bits: Sequence[int] | np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One of the codes at random for each of `bits`, with so many of its bits changed."""
    chosen = codes[rng.integers(0, len(codes), len(bits))]
    if not len(bits):
        return chosen
    return np.asarray(chosen ^ np.stack([_changes(int(many))[int(rng.integers(0, _KINDS))] for many in bits]))


_KINDS = 64


@cache
def _changes(bits: int) -> np.ndarray:
    """Some choices of so many bits, packed; uint8[_KINDS, bytes]."""
    rng = np.random.default_rng(bits)
    ones = rng.random((_KINDS, FACE_BITS)).argsort(axis=1) < bits
    return np.packbits(ones, axis=1)


@dataclass(frozen=True)
class _Content:
    """The columns of one of a cell's batches: every hour differs from the next in its faces and numbers only."""

    node: str
    plain: bytes
    rows: slice
    faces_at: int
    met_at: int

    @property
    def people(self) -> int:
        return len(range(EACH_HOUR)[self.rows])

    def filled(self, first: int, faces: np.ndarray) -> bytes:
        """With the hour's faces, of whom this batch has its rows, and numbers that begin at `first`."""
        made = np.frombuffer(self.plain, np.uint8).copy()
        some = faces[self.rows].ravel()
        made[self.faces_at : self.faces_at + len(some)] = some
        made[self.numbers_at :][: 4 * self.people].view("<u4")[...] += np.uint32(first)
        made[self.met_at :].view("<u4").reshape(-1, 11)[:, :2] += np.uint32(first)
        return made.tobytes()

    @property
    def numbers_at(self) -> int:
        """Numbers are the first column, and faces lie behind twenty bytes a row."""
        return self.faces_at - 20 * self.people


@cache
def _contents(cell: str, boxes: int) -> list[_Content]:
    """Every batch of an hour of this cell, with faces and numbers still to be filled in."""
    epoch, made, most = Epoch(cell, 0), list[_Content](), min(MAX_SIGHTINGS, -(-EACH_HOUR // boxes))
    for at in range(0, EACH_HOUR, most):
        rows = slice(at, min(at + most, EACH_HOUR))
        node = f"node-{cell}" if boxes == 1 else f"node-{cell}-{len(made)}"
        seen = [_sighting(epoch, row) for row in range(rows.start, rows.stop)]
        met = list(_encounters(seen))
        plain = columns_to_bytes(epoch, seen, met)
        made.append(_Content(node, plain, rows, plain.index(_FACE), len(plain) - 44 * len(met)))
    return made


_FACE = b"a face is here. " * (FACE_BITS // 128)


def _sighting(epoch: Epoch, row: int) -> Sighting:
    start = epoch.start + timedelta(milliseconds=3_600_000 * row // EACH_HOUR)
    end, camera = start + timedelta(seconds=20), f"{epoch.cell}-cam-{row % CAMERAS:02d}"
    return Sighting(row, camera, start, end, _FACE, _CLOTHES, FaceMask.ABSENT, 0.9, 1.0, 2.0)


def _encounters(seen: list[Sighting]) -> Iterator[Encounter]:
    """One for every other sighting, with its neighbour."""
    for a, b in zip(seen[::2], seen[1::2], strict=False):
        yield Encounter(a.number, b.number, b.start, b.start + timedelta(seconds=5), 1.25, 0.25, (0, 3, 5, 5, 5))
