"""Publishing the log: witnesses and a file are kept up to date, and a rollback or a fork is found and named."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session, text

from central.audit.checking import check
from central.audit.history import BadHistory, CheckpointFile
from central.audit.log import Head
from central.audit.notes import Checkpoint, Kind, Note, Verifier, opened, sign
from central.audit.publisher import FILE, ITSELF
from central.audit.service import LOG
from central.audit.witness import AddCheckpoint, Behind, Witnessing
from central.errors import LogRolledBack
from shared.errors import BadInput
from tests.central.log_fixtures import ORIGIN, Away, LoggedCentre


@pytest.fixture
def centre(tmp_path: Path) -> LoggedCentre:
    return LoggedCentre(tmp_path)


def seen(line: Away, origin: str = ORIGIN) -> int:
    """The size that a witness is at."""
    note = line.latest(origin)
    return Checkpoint.parse(Note.parse(note).text).size if note else 0


def test_a_log_that_grew_is_signed_and_cosigned(centre: LoggedCentre) -> None:
    """Every witness and the file get each new size once; the newest checkpoint carries all signatures."""
    publisher = centre.publisher(centre.file)
    for _ in range(3):
        centre.write(4)
        publisher.round()
        publisher.round()
    assert [seen(line) for line in centre.lines.values()] == [12, 12]
    point, note = opened(publisher.newest(), centre.log_key)
    assert (point.size, set(note.verified(centre.witness_keys))) == (12, set(centre.witness_keys))
    assert [one.size for one in centre.file.all(centre.log_key)] == [4, 8, 12]
    assert publisher.alarms() == {}
    assert centre.size() == 12, "publishing makes no entries of its own"
    publisher.must_hold()


def test_a_witness_that_was_away_is_caught_up(centre: LoggedCentre) -> None:
    """Down for three rounds, then back: its trouble is told, then gone, and it gets one proof for all."""
    publisher, line = centre.publisher(), centre.lines["w2"]
    for away in (True, True, True, False):
        line.away = away
        centre.write(3)
        publisher.round()
        state = {row["witness"]: row for row in publisher.state()}["w2.example/w"]
        assert bool(state["trouble"]) == away
    assert seen(line) == 12
    assert publisher.alarms() == {}
    assert set(Note.parse(publisher.newest()).verified(centre.witness_keys)) == set(centre.witness_keys)


def test_a_restored_old_database_is_found_at_the_start(centre: LoggedCentre) -> None:
    """A witness holds 9 entries and the database 5: the centre says so, in its log too, and searches are refused."""
    centre.write(5)
    centre.publisher().round()
    centre.back_up()
    centre.write(4)
    centre.publisher().round()
    centre.restore()
    publisher = centre.publisher()
    publisher.must_hold()  # nobody was asked yet
    publisher.round()
    assert "9 entries were signed, and it has 5: it was rolled back" in publisher.alarms()["w1.example/w"]
    with pytest.raises(LogRolledBack, match="rolled back"):
        publisher.must_hold()
    assert centre.actions()[5:] == ["log rolled back", "log rolled back"]
    publisher.round()
    assert centre.size() == 7, "an alarm is entered once a witness"
    assert centre.publisher().alarms() == publisher.alarms(), "a restart does not forget it"


def test_a_rollback_is_found_once_the_log_has_grown_past_it(centre: LoggedCentre) -> None:
    """With every witness away at the start, the alarm comes when one is back, though the log is longer again."""
    centre.write(5)
    centre.publisher().round()
    centre.back_up()
    centre.write(4)
    centre.publisher().round()
    centre.restore()
    for line in centre.lines.values():
        line.away = True
    publisher = centre.publisher()
    publisher.round()
    centre.write(20)
    publisher.round()
    assert publisher.alarms() == {}
    centre.lines["w2"].away = False
    publisher.round()
    assert "it forked" in publisher.alarms()["w2.example/w"]


def test_the_file_alone_tells_of_a_rollback(centre: LoggedCentre) -> None:
    """Without any witness, the history on another machine is longer than the restored database."""
    centre.write(5)
    centre.publisher(centre.file, w1=centre.lines["w1"]).round()
    centre.back_up()
    centre.write(4)
    centre.publisher(centre.file, w1=centre.lines["w1"]).round()
    centre.restore()
    centre.lines["w1"].away = True
    publisher = centre.publisher(centre.file, w1=centre.lines["w1"])
    publisher.round()
    assert set(publisher.alarms()) == {FILE}


@pytest.mark.parametrize("size", [9, 12])
def test_a_rewritten_log_is_a_fork(centre: LoggedCentre, size: int) -> None:
    """Whoever owns the database edits an entry and computes the whole tree anew: the check is happy, nobody else."""
    centre.write(9)
    centre.publisher().round()
    rewrite(centre, 3)
    centre.write(size - 9)
    with Session(centre.engine) as session:
        assert check(LOG, session).wrong is None
        point = Checkpoint.parse(Note.parse(centre.lines["w1"].latest(ORIGIN) or "").text)
        found = check(LOG, session, [Head(point.size, point.root)])
        assert (found.wrong, "checkpoint" in found.reason) == (9, True)
    publisher = centre.publisher()
    publisher.round()
    assert set(publisher.alarms()) == {ITSELF, "w1.example/w", "w2.example/w"}
    assert "it forked" in publisher.alarms()["w1.example/w"]


def test_a_fork_is_found_while_the_centre_runs(centre: LoggedCentre) -> None:
    """No start is needed: the next round compares with what was signed last."""
    publisher = centre.publisher()
    centre.write(9)
    publisher.round()
    rewrite(centre, 3)
    publisher.round()
    assert set(publisher.alarms()) == {ITSELF}


def test_a_foreign_witness_that_shows_no_checkpoint_is_believed_too(centre: LoggedCentre) -> None:
    """One that only knows the specified request answers 409 or 422; that is alarm enough."""

    class Foreign:
        def __init__(self, real: Witnessing) -> None:
            self.real = real

        def add(self, request: bytes) -> str:
            return self.real.add(request)

        def latest(self, origin: str) -> str | None:
            return None

    foreign = Foreign(centre.lines["w1"])
    for size, words in ((4, "cosigned other 9 entries"), (9, "cosigned other 9 entries"), (15, "not continued")):
        folder = centre.folder / str(size)
        folder.mkdir()
        other = LoggedCentre(folder, centre.key)
        if seen(centre.lines["w1"]) == 0:
            centre.write(9)
            centre.publisher(w1=foreign).round()
        other.write(size, "another history")
        publisher = other.publisher(w1=foreign)
        publisher.round()
        assert words in publisher.alarms()["w1.example/w"]


def test_a_restart_names_what_was_lost_and_needs_the_witness_s_office(centre: LoggedCentre) -> None:
    """After an honest restore: a new origin, whose first entry names the old checkpoint; a witness must be told."""
    centre.write(5)
    centre.publisher(centre.file).round()
    centre.back_up()
    centre.write(4)
    centre.publisher(centre.file).round()
    lost = Checkpoint.parse(Note.parse(centre.lines["w1"].latest(ORIGIN) or "").text)
    centre.restore()
    publisher = centre.publisher(centre.file)
    new = publisher.restart("oda", "the disk  died\non Monday")
    assert new.name == f"{ORIGIN}/2"
    publisher.must_hold()
    said = centre.detail("log restarted")
    assert "the disk died on Monday" in said
    assert f"w1.example/w has 9 entries, root {lost.text.split()[2]}" in said
    publisher.round()
    assert "does not know" in str(publisher.state()) or "not known" in str(publisher.state())
    told = {name: centre.witness(name, new) for name in ("w1", "w2")}
    publisher = centre.publisher_to(told, centre.file)
    publisher.round()
    assert [one.latest(new.name) is not None for one in told.values()] == [True, True]
    assert publisher.alarms() == {}
    assert set(Note.parse(publisher.newest()).verified(centre.witness_keys)) == set(centre.witness_keys)
    assert [one.size for one in centre.file.all(centre.log_key)] == [5, 9], "the old history stays where it was"
    with Session(centre.engine) as session:
        assert check(LOG, session).wrong is None


def test_a_log_that_nobody_contradicts_is_not_begun_anew(centre: LoggedCentre) -> None:
    """Nor without a reason: a restart is for an officer who knows why."""
    centre.write(3)
    publisher = centre.publisher()
    publisher.round()
    with pytest.raises(BadInput, match="nothing contradicts"):
        publisher.restart("oda", "I would like to")
    with pytest.raises(BadInput, match="reason"):
        publisher.restart("oda", " ")


def test_a_second_rollback_to_before_the_restart_is_found_as_well(centre: LoggedCentre) -> None:
    """The same old backup once more: its log is the first generation again, which the witness remembers."""
    centre.write(5)
    centre.publisher().round()
    centre.back_up()
    centre.write(4)
    centre.publisher().round()
    centre.restore()
    new = centre.publisher().restart("oda", "the disk died")
    told = {name: centre.witness(name, new) for name in ("w1", "w2")}
    centre.publisher_to(told).round()
    centre.restore()
    publisher = centre.publisher_to(told)
    publisher.round()
    assert "rolled back" in publisher.alarms()["w1.example/w"]


def test_a_witness_that_answers_with_another_key_is_no_witness(centre: LoggedCentre) -> None:
    """Its signature is not taken over, its trouble is told, and nobody is alarmed."""
    publisher = centre.publisher(w1=centre.lines["w2"])
    centre.write(3)
    publisher.round()
    (state,) = publisher.state()
    assert "not signed with its key" in state["trouble"]
    assert Note.parse(publisher.newest()).verified(centre.witness_keys) == {}


@pytest.mark.parametrize("answer", ["", "garbage", "— w1.example/w AAAAAAAA\n", "x" * 50_000])
def test_garbage_from_a_witness_is_trouble_and_no_alarm(centre: LoggedCentre, answer: str) -> None:
    """What cannot be read says nothing about our log."""

    class Odd:
        def add(self, request: bytes) -> str:
            return answer

        def latest(self, origin: str) -> str | None:
            return answer

    publisher = centre.publisher(w1=Odd())
    centre.write(3)
    publisher.round()
    assert publisher.alarms() == {}
    assert publisher.state()[0]["trouble"]


def test_a_witness_that_names_another_size_each_time_is_given_up(centre: LoggedCentre) -> None:
    """It cannot keep the centre busy."""

    class Fickle:
        asked = 0

        def add(self, request: bytes) -> str:
            self.asked += 1
            raise Behind(self.asked)

        def latest(self, origin: str) -> str | None:
            return None

    fickle = Fickle()
    publisher = centre.publisher(w1=fickle)
    centre.write(9)
    publisher.round()
    assert fickle.asked == 3
    assert publisher.alarms() == {}


def test_a_replayed_or_foreign_checkpoint_is_no_alarm(centre: LoggedCentre) -> None:
    """A smaller checkpoint of ours says nothing new; one that we did not sign says nothing at all."""
    publisher = centre.publisher(w1=centre.lines["w1"])
    centre.write(3)
    publisher.round()
    old = publisher.newest()
    centre.write(3)
    forged = str(sign(Checkpoint(ORIGIN, 99, bytes(32)), Ed25519PrivateKey.generate()))
    other = str(sign(Checkpoint("cairn.example/other", 99, bytes(32)), centre.key))
    for shown in (old, forged, other):

        class Shows:
            def add(self, request: bytes) -> str:
                return centre.lines["w1"].add(request)

            def latest(self, origin: str, shown: str = shown) -> str | None:
                return shown

        again = centre.publisher(w1=Shows())
        again.round()
        assert again.alarms() == {}
    assert seen(centre.lines["w1"]) == 6


def test_a_new_key_signs_from_now_on(centre: LoggedCentre) -> None:
    """Another audit key: the old checkpoint is not passed off as its own, and the witness must be told of it."""
    centre.write(3)
    centre.publisher().round()
    centre.key = Ed25519PrivateKey.generate()
    publisher = centre.publisher()
    publisher.round()
    assert opened(publisher.newest(), Verifier.of(ORIGIN, Kind.LOG, centre.key))[0].size == 3
    centre.write(1)
    publisher.round()
    assert "another key" in str(publisher.state()) or "not signed by its log" in str(publisher.state())


def test_a_file_that_cannot_be_written_is_caught_up(centre: LoggedCentre) -> None:
    """A machine that is away is trouble; when it is back, the next checkpoint is written."""
    file = CheckpointFile(centre.folder / "mount" / "history.jsonl")
    publisher = centre.publisher(file)
    centre.write(3)
    publisher.round()
    assert {row["witness"]: bool(row["trouble"]) for row in publisher.state()}[FILE]
    file.path.parent.mkdir()
    publisher.round()
    assert [one.size for one in file.all(centre.log_key)] == [3]
    assert publisher.state()[0]["trouble"] == ""


def test_a_torn_line_is_passed_over_and_a_changed_one_is_named(centre: LoggedCentre) -> None:
    """A crash leaves at most a line without an end; what somebody changed is told with its number."""
    publisher = centre.publisher(centre.file)
    centre.write(3)
    publisher.round()
    whole = centre.file.path.read_bytes()
    centre.file.path.write_bytes(whole + b'{"at": "2026-11-24T0')
    assert (centre.file.last(centre.log_key) or Checkpoint("", 0, b"")).size == 3
    centre.write(1)
    publisher.round()
    assert (centre.file.last(centre.log_key) or Checkpoint("", 0, b"")).size == 4
    with pytest.raises(BadHistory, match="line 2"):
        list(centre.file.all(centre.log_key))
    line = json.loads(whole)
    line["note"] = line["note"].replace("\n3\n", "\n2\n")
    centre.file.path.write_text(json.dumps(line) + "\n")
    with pytest.raises(BadInput, match="false"):
        list(centre.file.all(centre.log_key))
    assert centre.file.last(centre.log_key) is None


def test_a_file_that_lost_its_checkpoints_is_told(centre: LoggedCentre) -> None:
    """Emptied between two starts: trouble, and written on."""
    centre.write(3)
    centre.publisher(centre.file).round()
    centre.file.path.write_bytes(b"")
    publisher = centre.publisher(centre.file)
    publisher.compare()
    assert "lost" in publisher.state()[0]["trouble"]
    centre.write(1)
    publisher.round()
    assert [one.size for one in centre.file.all(centre.log_key)] == [4]


def test_time_going_by_signs_nothing(centre: LoggedCentre) -> None:
    """Only a log that grew is signed anew: the history stays as short as the log's life."""
    publisher = centre.publisher(centre.file)
    centre.write(2)
    for _ in range(5):
        centre.clock.advance(timedelta(hours=1))
        publisher.round()
    assert len(list(centre.file.all(centre.log_key))) == 1


def test_two_publishers_of_one_log_do_not_disturb_each_other(centre: LoggedCentre) -> None:
    """A command beside the running centre: both sign the same log, at sizes of their own."""
    first, second = centre.publisher(), centre.publisher()
    for _ in range(3):
        centre.write(2)
        first.round()
        centre.write(1)
        second.round()
        first.round()
    assert first.alarms() == {}
    assert [seen(line) for line in centre.lines.values()] == [9, 9]
    assert all(row["trouble"] == "" for row in first.state())


def rewrite(centre: LoggedCentre, number: int) -> None:
    """What an owner of the database can do: change an entry, and make commitment and tree fit again."""
    with centre.engine.begin() as connection:
        connection.execute(
            text("UPDATE auditentry SET account = 'tam', commitment = NULL WHERE id = :n"), {"n": number}
        )
        connection.execute(text("DELETE FROM auditnode"))
    with Session(centre.engine.execution_options(cairn_writes=True)) as session:
        LOG.adopt(session)
        session.commit()


def test_an_add_request_carries_no_name_and_no_case(centre: LoggedCentre) -> None:
    """What leaves the house is an origin, a number, hashes and signatures."""
    sent: list[bytes] = []

    class Listening:
        def add(self, request: bytes) -> str:
            sent.append(request)
            return centre.lines["w1"].add(request)

        def latest(self, origin: str) -> str | None:
            return None

    centre.write(5, "case-very-secret")
    centre.publisher(w1=Listening()).round()
    assert not any(word in sent[0] for word in (b"kim", b"case-very-secret", b"read route"))
    assert AddCheckpoint.parse(sent[0]).old == 0
