"""A witness: what it cosigns, what it refuses and how, and that neither kill nor race makes it go back."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from central.audit.merkle import Frontier, consistency_ranges, leaf_hash, proof
from central.audit.notes import BadNote, Checkpoint, Kind, Note, Verifier, cosign, sign
from central.audit.witness import (
    MAX_REQUEST_BYTES,
    AddCheckpoint,
    Behind,
    NotConsistent,
    UnknownLog,
    Witness,
    WrongSigner,
    open_witness,
)
from central.audit.witness_client import WitnessClient
from central.audit.witness_http import create_app
from central.audit.witness_store import MAX_EVIDENCE, WitnessStore
from central.errors import BadSettings, ServiceDown, TooMuch
from shared.clock import FixedClock
from tests.central.http_fixtures import serving
from tests.waiting import wait_until

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ORIGIN = "cairn.example/centre"
LOG, OTHER, KEY = (Ed25519PrivateKey.generate() for _ in range(3))
LOG_KEY = Verifier.of(ORIGIN, Kind.LOG, LOG)


class Tree:
    """A log that can be forked: leaves, and what it signs at any size."""

    def __init__(self, leaves: list[bytes], key: Ed25519PrivateKey = LOG) -> None:
        self.leaves, self.key = leaves, key

    def point(self, size: int) -> Checkpoint:
        frontier = Frontier()
        for leaf in self.leaves[:size]:
            frontier.add(leaf_hash(leaf))
        return Checkpoint(ORIGIN, size, frontier.root())

    def request(self, old: int, size: int) -> bytes:
        frontier, kept = Frontier(), list[bytes]()
        for leaf in self.leaves[:size]:
            kept += frontier.add(leaf_hash(leaf))
        path = proof(consistency_ranges(min(old, size), size), kept.__getitem__)
        return AddCheckpoint(old, tuple(path), str(sign(self.point(size), self.key))).to_bytes()


TREE = Tree([b"%d" % number for number in range(40)])
FORK = Tree([b"%d" % number if number != 3 else b"rewritten" for number in range(40)])


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    store = WitnessStore.make(tmp_path / "witness.sqlite")
    return Witness("witness.example/w1", KEY, [LOG_KEY], store, FixedClock(NOW))


@pytest.fixture
def url(witness: Witness) -> Iterator[str]:
    with serving(create_app(witness)) as address:
        yield address


def test_a_log_that_grows_is_cosigned_each_time(witness: Witness) -> None:
    """From nothing to 40 entries in steps, the same size twice included; each answer verifies, with its time."""
    old = 0
    for size in (1, 2, 5, 5, 8, 33, 40):
        line = witness.add(TREE.request(old, size))
        assert Note.parse(f"{TREE.point(size).text}\n{line}").verified([witness.key]) == {witness.key: NOW}
        kept = Note.parse(witness.latest(ORIGIN) or "")
        assert Checkpoint.parse(kept.text) == TREE.point(size)
        assert set(kept.verified([LOG_KEY, witness.key])) == {LOG_KEY, witness.key}
        old = size


def test_a_fork_is_never_cosigned_and_is_kept_as_proof(witness: Witness) -> None:
    """A signed checkpoint of another history is refused, whatever proof comes with it, and kept as evidence."""
    witness.add(TREE.request(0, 8))
    with pytest.raises(NotConsistent):
        witness.add(FORK.request(8, 20))
    with pytest.raises(Behind) as behind:  # of the same size: the protocol says 409
        witness.add(FORK.request(8, 8))
    assert behind.value.size == 8
    kept = witness.evidence(ORIGIN)
    assert [Checkpoint.parse(Note.parse(note).text) for note in kept] == [FORK.point(20), FORK.point(8)]
    assert witness.logs()[0].size == 8
    witness.add(TREE.request(8, 20))
    for _ in range(3):
        with pytest.raises(NotConsistent):
            witness.add(FORK.request(20, 30))
    assert len(witness.evidence(ORIGIN)) == 3 <= MAX_EVIDENCE


def test_an_old_checkpoint_that_is_replayed_changes_nothing(witness: Witness) -> None:
    """Whoever sends yesterday's checkpoint again hears where the witness is."""
    for old, size in ((0, 5), (5, 12)):
        witness.add(TREE.request(old, size))
    for old, size in ((0, 5), (5, 12), (0, 12), (5, 5)):
        with pytest.raises(Behind) as behind:
            witness.add(TREE.request(old, size))
        assert behind.value.size == 12
    with pytest.raises(BadNote, match="above"):
        witness.add(TREE.request(12, 5))


def test_a_proof_that_is_none_is_refused(witness: Witness) -> None:
    """Too short, too long, of another size, or any at all from nothing."""
    with pytest.raises(NotConsistent):
        asked = AddCheckpoint.parse(TREE.request(0, 5))
        witness.add(AddCheckpoint(0, (bytes(32),), asked.note).to_bytes())
    witness.add(TREE.request(0, 5))
    asked = AddCheckpoint.parse(TREE.request(5, 12))
    for path in ((), asked.proof[1:], (*asked.proof, bytes(32)), (bytes(32), *asked.proof[1:])):
        with pytest.raises(NotConsistent):
            witness.add(AddCheckpoint(5, path, asked.note).to_bytes())


def test_only_the_logs_own_key_is_believed(witness: Witness) -> None:
    """Another log's origin is unknown; this origin under another key, or with a false signature, is refused."""
    with pytest.raises(UnknownLog):
        witness.add(AddCheckpoint(0, (), str(sign(Checkpoint("cairn.example/other", 1, bytes(32)), LOG))).to_bytes())
    with pytest.raises(WrongSigner):
        witness.add(Tree(TREE.leaves, OTHER).request(0, 5))
    changed = TREE.request(0, 5).replace(b"\n5\n", b"\n6\n")
    with pytest.raises(WrongSigner):
        witness.add(changed)
    assert witness.logs()[0].size == 0


def test_what_strangers_write_under_a_checkpoint_is_not_passed_on(witness: Witness) -> None:
    """Unknown signatures are ignored, and `latest` shows only the log's and the witness's own."""
    asked = AddCheckpoint.parse(TREE.request(0, 5))
    stranger = cosign(TREE.point(5).text, "stranger.example", OTHER, NOW).signatures
    note = Note.parse(asked.note)
    witness.add(AddCheckpoint(0, (), str(Note(note.text, note.signatures + stranger))).to_bytes())
    assert "stranger" not in (witness.latest(ORIGIN) or "")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"old 0", b"old 0\n", b"old 0\n\n", b"\xff\xfe\n\n", b"old 00\n\n", b"old -1\n\n", b"new 0\n\nx",
        b"old 1\nAAAA\n\nx", b"old 1\n!!!!\n\nx", b"old 0\n\ngarbage", b"old " + b"9" * 30 + b"\n\nx",
        b"old 1\n" + b"A" * 43 + b"=\n" + b"x", b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\nx",
    ],
)  # fmt: skip
def test_a_malformed_request_is_named(witness: Witness, url: str, body: bytes) -> None:
    """Garbage is 400 with the reason, over HTTP too."""
    with pytest.raises(BadNote):
        witness.add(body)
    answer = httpx.post(f"{url}/add-checkpoint", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "BadNote")


@given(st.binary(max_size=400))
def test_no_request_makes_the_reader_fall(body: bytes) -> None:
    """Whatever bytes come in, the answer is a request or the named refusal."""
    try:
        asked = AddCheckpoint.parse(body)
    except BadNote:
        return
    assert AddCheckpoint.parse(asked.to_bytes()) == asked


def test_over_http_each_refusal_has_the_protocols_status(witness: Witness, url: str) -> None:
    """200 with the line, 409 with the size as its own type, 404, 403, 422, 413; a foreign client could use it."""
    post = f"{url}/add-checkpoint"
    said = httpx.post(post, content=TREE.request(0, 5))
    assert (said.status_code, said.text[:2]) == (200, "— ")
    late = httpx.post(post, content=TREE.request(0, 5))
    assert (late.status_code, late.text, late.headers["content-type"]) == (409, "5\n", "text/x.tlog.size")
    other = AddCheckpoint(0, (), str(sign(Checkpoint("cairn.example/other", 1, bytes(32)), LOG))).to_bytes()
    statuses = [
        httpx.post(post, content=body).status_code
        for body in (other, Tree(TREE.leaves, OTHER).request(5, 8), FORK.request(5, 8), TREE.request(9, 8))
    ]
    assert statuses == [404, 403, 422, 400]
    large = httpx.post(post, content=TREE.request(5, 8) + b"x" * MAX_REQUEST_BYTES)
    assert (large.status_code, large.json()["error"]) == (413, "TooMuch")
    assert httpx.post(post, content=b"x" * 2_000_000).status_code == 413
    health = httpx.get(f"{url}/health").json()
    assert (health["witness"], health["logs"][0]["size"]) == ("witness.example/w1", 5)
    assert health["logs"][0]["contradictions"] == 1
    (proof_of_it,) = httpx.get(f"{url}/evidence", params={"origin": ORIGIN}).json()
    assert Checkpoint.parse(Note.parse(proof_of_it).text) == FORK.point(8)
    assert httpx.get(f"{url}/latest", params={"origin": ORIGIN}).text == witness.latest(ORIGIN)
    assert httpx.get(f"{url}/latest", params={"origin": "nobody"}).status_code == 404


def test_the_client_tells_what_the_witness_said(witness: Witness, url: str) -> None:
    """Each refusal comes out as what it was; a witness that is away, or talks nonsense, is down."""
    with httpx.Client(base_url=url) as http:
        client = WitnessClient(http)
        assert client.add(TREE.request(0, 5)).startswith("— witness.example/w1 ")
        assert client.latest(ORIGIN) == witness.latest(ORIGIN)
        assert client.latest("nobody") is None
        for kind, body in (
            (Behind, TREE.request(0, 5)),
            (NotConsistent, FORK.request(5, 8)),
            (WrongSigner, Tree(TREE.leaves, OTHER).request(5, 8)),
            (BadNote, b"garbage"),
            (ServiceDown, b"x" * (MAX_REQUEST_BYTES + 1)),
        ):
            with pytest.raises(kind):
                client.add(body)
    with httpx.Client(base_url="http://127.0.0.1:1") as http, pytest.raises(ServiceDown):
        WitnessClient(http).add(TREE.request(0, 5))


@pytest.mark.parametrize("answer", ["", "many\n", "-3\n", "9" * 40, "٣\n"])
def test_a_size_that_is_none_counts_as_being_down(answer: str) -> None:
    """A 409 whose body is not a size says nothing about our log."""
    reply = httpx.MockTransport(lambda _request: httpx.Response(409, text=answer))
    with httpx.Client(base_url="http://w", transport=reply) as http, pytest.raises(ServiceDown):
        WitnessClient(http).add(b"old 0\n\n")


def test_two_requests_at_once_never_take_anything_back(tmp_path: Path) -> None:
    """Many threads and two processes' worth of stores race to 40: the size only grows, and every answer was right."""
    WitnessStore.make(tmp_path / "w.sqlite")
    both = [
        open_witness("witness.example/w1", KEY, [str(LOG_KEY)], tmp_path / "w.sqlite", FixedClock(NOW)) for _ in "12"
    ]
    sizes: list[int] = []

    def run(witness: Witness) -> None:
        old = 0
        while old < 40:
            try:
                witness.add(TREE.request(old, old + 1))
                old += 1
                sizes.append(old)
            except Behind as behind:
                old = behind.size

    threads = [threading.Thread(target=run, args=(one,)) for one in both * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sizes) == list(range(1, 41))
    assert both[0].logs()[0].size == 40


def test_a_store_that_is_missing_or_damaged_is_named_and_not_made_anew(tmp_path: Path) -> None:
    """A witness whose store is lost must not vouch for another history: it does not start."""
    path = tmp_path / "w.sqlite"
    with pytest.raises(BadSettings, match="no witness store"):
        WitnessStore(path)
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(BadSettings, match="cannot be used"):
        WitnessStore(path)
    with pytest.raises(BadSettings, match="exists"):
        WitnessStore.make(path)
    path.unlink()
    WitnessStore.make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    truncated = path.read_bytes()[:4096]
    path.write_bytes(truncated)
    with pytest.raises(BadSettings, match="cannot be used"):
        open_witness("w", KEY, [str(LOG_KEY)], path, FixedClock(NOW)).add(TREE.request(0, 5))


def test_not_even_the_stores_owner_takes_it_back_by_accident(witness: Witness, tmp_path: Path) -> None:
    """The store refuses a smaller size and a forgotten log."""
    witness.add(TREE.request(0, 5))
    with sqlite3.connect(tmp_path / "witness.sqlite") as connection:
        for act in ("UPDATE cosigned SET size = 4", "DELETE FROM cosigned"):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(act)
    connection.close()


WORKER = """
import sys
from pathlib import Path
from tests.central.test_witness import KEY, ORIGIN, TREE
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from central.audit.notes import Verifier
from central.audit.witness import AddCheckpoint, open_witness
from shared.clock import SystemClock
witness = open_witness("w", KEY, sys.argv[2:3], Path(sys.argv[1]), SystemClock())
for line in sys.stdin:
    witness.add(bytes.fromhex(line))
    print(witness.logs()[0].size, flush=True)
"""


def test_a_witness_that_is_killed_has_what_it_answered(tmp_path: Path) -> None:
    """Killed at any moment, in the middle of a write too, it is at the size that it last answered or at the next."""
    path = tmp_path / "w.sqlite"
    WitnessStore.make(path)
    answered = 0
    while answered < 30:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), str(LOG_KEY)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert process.stdin and process.stdout
        for size in range(answered + 1, 41):
            process.stdin.write(TREE.request(size - 1, size).hex() + "\n")
        process.stdin.flush()
        for _ in range(7):
            answered = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        witness = open_witness("w", KEY, [str(LOG_KEY)], path, FixedClock(NOW))
        found = witness.logs()[0]
        assert found.size >= answered
        assert Checkpoint.parse(Note.parse(found.note).text) == TREE.point(found.size)
        answered = found.size


def test_a_write_that_was_cut_in_the_middle_never_was(tmp_path: Path) -> None:
    """Killed after the change was written and before it was done, the store is as it was, and goes on."""
    path = tmp_path / "w.sqlite"
    WitnessStore.make(path)
    witness = open_witness("w", KEY, [str(LOG_KEY)], path, FixedClock(NOW))
    witness.add(TREE.request(0, 5))
    script = (
        "import sqlite3, sys, os, signal\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size=1'); c.execute('BEGIN EXCLUSIVE')\n"
        'c.execute("UPDATE cosigned SET size = 39, note = hex(randomblob(300000))")\n'
        "print('written', flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "written\n")
    assert path.with_name("w.sqlite-journal").exists()
    wait_until(lambda: witness.logs()[0].size == 5, "the store")
    witness.add(TREE.request(5, 12))


def test_too_much_is_named(witness: Witness) -> None:
    """A request above 64 KiB is not read."""
    with pytest.raises(TooMuch):
        witness.add(b"x" * (MAX_REQUEST_BYTES + 1))
