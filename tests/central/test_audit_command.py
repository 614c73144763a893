"""cairn-central audit as it is typed: an officer who trusts nobody, with files and public keys."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import text

from central.audit.service import LOG, record
from central.database import open_database, writing
from shared.clock import SystemClock
from tests.central.test_cli import answer, refused
from tests.system.site import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
NAME, WITNESS = "cairn.example/centre", "health.example/w"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A centre's database and its audit key; nothing of this machine's own environment."""
    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)
    for name, value in (
        ("DATABASE", f"sqlite:///{tmp_path / 'centre.sqlite'}"),
        ("AUDIT_KEY", str(tmp_path / "audit.key")),
        ("AUDIT_NAME", NAME),
    ):
        monkeypatch.setenv(f"CAIRN_CENTRE_{name}", value)
    for name in ("audit", "witness"):
        answer(capsys, "key", "signing", tmp_path / f"{name}.key")
    return tmp_path


def write(home: Path, count: int, case: str = "case-1") -> None:
    engine = open_database(f"sqlite:///{home / 'centre.sqlite'}")
    for number in range(count):
        with writing(engine) as session:
            record(session, SystemClock().now(), "kim", "read route", case, f"number {number}")
    engine.dispose()


def do(home: Path, statement: str) -> None:
    engine = open_database(f"sqlite:///{home / 'centre.sqlite'}")
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def keys(capsys: pytest.CaptureFixture[str], home: Path) -> tuple[str, str]:
    """The verifier keys of the log and of the witness."""
    log = answer(capsys, "audit", "key", home / "audit.key", "--name", NAME)["key"]
    witness = answer(capsys, "audit", "key", home / "witness.key", "--name", WITNESS, "--witness")["key"]
    return log, witness


@contextmanager
def watching(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch, *logs: str
) -> Iterator[str]:
    """A witness as a process of its own, and the centre's settings pointing at it; yields its key."""
    log, witness = keys(capsys, home)
    settings, port = home / "witness.env", free_port()
    lines = {
        "NAME": WITNESS, "SIGNING_KEY": home / "witness.key", "STORE": home / "witness.sqlite", "PORT": port,
        "LOGS": json.dumps([log, *logs]),
    }  # fmt: skip
    settings.write_text("".join(f"CAIRN_WITNESS_{name}={value}\n" for name, value in lines.items()))
    if not (home / "witness.sqlite").exists():
        made = answer(capsys, "audit", "witness", "--init", "--env-file", settings)
        assert made["witness_key"] == witness
    monkeypatch.setenv("CAIRN_CENTRE_WITNESSES", json.dumps({f"http://127.0.0.1:{port}": witness}))
    command = [sys.executable, "-m", "central", "audit", "witness", "--env-file", str(settings)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _up(port), "the witness")
        yield witness
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").is_success
    except httpx.TransportError:
        return False


def test_a_witnessed_log_is_verified_by_somebody_with_public_keys_only(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published to a real witness, exported, proven; then checked without database, settings or private keys."""
    write(home, 7)
    log, _ = keys(capsys, home)
    with watching(capsys, home, monkeypatch) as witness:
        said = answer(capsys, "audit", "checkpoint", "--out", home / "checkpoint.txt")
        assert (said["log_key"], [row["size"] for row in said["published"]]) == (log, [7])
        assert answer(capsys, "audit", "export", home / "log.jsonl")["entries"] == 8
        assert answer(capsys, "audit", "prove", 3, "--out", home / "entry.json")["entry"] == 3
        whole = answer(capsys, "audit", "verify", "--witness-key", witness, "--log-key", log)
        assert (whole["whole"], whole["entries"], whole["signed"]) == (True, 8, 8)
    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)
    trust = ("--log-key", log, "--witness-key", witness)
    checked = answer(capsys, "audit", "verify", home / "log.jsonl", *trust, "--checkpoint", home / "checkpoint.txt")
    assert (checked["entries"], checked["signed"], set(checked["cosigned"])) == (8, 8, {WITNESS})
    proven = answer(capsys, "audit", "verify", "--proof", home / "entry.json", *trust)
    assert (proven["entry"], proven["account"], proven["case"], proven["detail"]) == (3, "kim", "case-1", "number 2")
    assert set(proven["cosigned"]) == {WITNESS}
    assert "KEY" in refused(capsys, "audit", "verify", "--proof", home / "entry.json").upper()


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ("UPDATE auditentry SET account = 'tam' WHERE id = 4", "entry 4: this entry was edited"),
        ("DELETE FROM auditentry WHERE id = 2", "entry 2: this entry is missing"),
        ("DELETE FROM auditentry WHERE id > 5", "entry 6: this entry is missing"),
        ("UPDATE auditentry SET id = 9 - id WHERE id < 9", ""),
    ],
)
def test_an_edit_in_the_database_is_named(
    home: Path, capsys: pytest.CaptureFixture[str], edit: str, named: str
) -> None:
    """Edited, deleted, truncated: exit code 2 and the first wrong entry."""
    write(home, 7)
    answer(capsys, "audit", "checkpoint")
    if not named:
        for change in ("SET id = 99 WHERE id = 2", "SET id = 2 WHERE id = 5", "SET id = 5 WHERE id = 99"):
            do(home, f"UPDATE auditentry {change}")
        named = "entry 2: this entry was edited"
    else:
        do(home, edit)
    assert named in refused(capsys, "audit", "verify")


def line_changed(lines: list[str], number: int, change: dict[str, Any]) -> list[str]:
    row = json.loads(lines[number]) | change
    return [*lines[:number], json.dumps(row) + "\n", *lines[number + 1 :]]


def test_a_changed_file_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cut off, reordered, edited or garbage: each has its words, and its line where it has one."""
    write(home, 7)
    log, _ = keys(capsys, home)
    file = home / "log.jsonl"
    answer(capsys, "audit", "export", file)
    lines = file.read_text().splitlines(keepends=True)
    assert len(lines) == 10

    def says(changed: list[str] | str, *more: object) -> str:
        file.write_text(changed if isinstance(changed, str) else "".join(changed))
        return refused(capsys, "audit", "verify", file, "--log-key", log, *more)

    assert "entry 4: this entry was edited" in says(line_changed(lines, 4, {"account": "tam"}))
    blanked = line_changed(lines, 4, {"salt": None, "account": "", "case": "", "detail": ""})
    assert "1 entries were erased without an entry that says so" in says(blanked)
    assert "entry 2: this entry is missing" in says([*lines[:2], lines[3], lines[2], *lines[4:]])
    assert "entry 3: this entry is missing" in says([*lines[:3], *lines[4:]])
    assert "ends too early" in says(lines[:-1])
    assert "cannot be read" in says("".join(lines)[:-200])
    assert "entry 8: this entry is missing" in says([*lines[:8], lines[9]])
    assert "something follows" in says([*lines, lines[8], lines[9]])
    assert "not an exported" in says(["{}\n", *lines[1:]])
    for garbage in ("", "garbage", "[]\n", "\x00" * 100, "{" * 5000, lines[0] + "null\n" + lines[-1]):
        assert "✗" in says(garbage)
    assert "line 3" in says([*lines[:2], '{"number": 2}\n', *lines[3:]])
    (home / "other.txt").write_text("garbage")
    assert "not a signed note" in says(lines, "--checkpoint", home / "other.txt")
    file.write_text("".join(lines))
    assert answer(capsys, "audit", "verify", file, "--log-key", log)["entries"] == 8
    assert answer(capsys, "audit", "verify", file)["signed"] == 0
    assert "cannot read" in refused(capsys, "audit", "verify", home / "missing.jsonl")


def test_a_log_that_was_written_anew_does_not_fit_an_older_checkpoint(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of database and key rewrites the past: signed and whole, and the history elsewhere shows it."""
    history = home / "elsewhere.jsonl"
    monkeypatch.setenv("CAIRN_CENTRE_CHECKPOINT_FILE", str(history))
    write(home, 5)
    log, _ = keys(capsys, home)
    answer(capsys, "audit", "checkpoint")
    monkeypatch.delenv("CAIRN_CENTRE_CHECKPOINT_FILE")
    (home / "centre.sqlite").unlink()
    write(home, 9, "another story")
    answer(capsys, "audit", "export", home / "log.jsonl")
    assert answer(capsys, "audit", "verify", home / "log.jsonl", "--log-key", log)["whole"] is True
    said = refused(capsys, "audit", "verify", home / "log.jsonl", "--log-key", log, "--checkpoint", history)
    assert "entry 5: the log up to here is not the one of which a checkpoint was signed" in said
    said = refused(capsys, "audit", "verify", "--log-key", log, "--checkpoint", history)
    assert "entry 5" in said
    monkeypatch.setenv("CAIRN_CENTRE_CHECKPOINT_FILE", str(history))
    assert "it forked" in refused(capsys, "audit", "verify")


def test_a_changed_proof_proves_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any word, the path, the checkpoint, another key or another log's key: refused with its reason."""
    write(home, 7)
    log, witness = keys(capsys, home)
    file = home / "entry.json"
    answer(capsys, "audit", "prove", 3, "--out", file)
    good = json.loads(file.read_text())

    def says(changed: object, key: str = log, *more: object) -> str:
        file.write_text(json.dumps(changed))
        return refused(capsys, "audit", "verify", "--proof", file, "--log-key", key, *more)

    words: list[dict[str, Any]] = [{"account": "tam"}, {"case": "case-2"}, {"detail": ""}, {"salt": "AAAA"}]
    for change in words:
        assert "the entry was changed" in says(good | {"entry": good["entry"] | change})
    places: list[dict[str, Any]] = [
        {"number": 4}, {"number": 0}, {"number": 99}, {"action": "did"}, {"at": "2026-01-01T00:00:00+00:00"},
    ]  # fmt: skip
    for change in places:
        assert "not in the log" in says(good | {"entry": good["entry"] | change})
    for path in (good["inclusion"][1:], [*good["inclusion"], good["inclusion"][0]], good["inclusion"][::-1]):
        assert "not in the log" in says(good | {"inclusion": path})
    assert "false" in says(good | {"checkpoint": good["checkpoint"].replace("\n7\n", "\n8\n")})
    assert "has not cosigned" in says(good, log, "--witness-key", witness)
    other = answer(capsys, "audit", "key", home / "witness.key", "--name", NAME)["key"]
    assert "not signed by the log" in says(good, other)
    broken: list[Any] = [
        None, [], {}, {"format": good["format"]}, good | {"entry": 3}, good | {"inclusion": "AAAA"},
        good | {"entry": good["entry"] | {"at": "yesterday"}}, good | {"inclusion": [3]},
        good | {"entry": good["entry"] | {"number": True}},
    ]  # fmt: skip
    for garbage in broken:
        assert "✗" in says(garbage)
    file.write_bytes(b"\xff\xfe")
    assert "cannot read" in refused(capsys, "audit", "verify", "--proof", file, "--log-key", log)
    assert "verifier key" in refused(capsys, "audit", "verify", "--proof", file, "--log-key", "nonsense")
    assert "alone" in refused(capsys, "audit", "verify", file, "--witness-key", witness)
    for number in (0, -1, 99):
        assert "no signed entry" in refused(capsys, "audit", "prove", number)


def test_an_erased_entry_is_still_proven_to_have_been(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of an erased case the proof tells when and which kind of act, and no more; the export verifies."""
    write(home, 4, "case-1")
    engine = open_database(f"sqlite:///{home / 'centre.sqlite'}")
    with writing(engine) as session:
        LOG.erase_case(session, SystemClock().now(), "centre", "case-1")
        session.commit()
    engine.dispose()
    log, _ = keys(capsys, home)
    document = answer(capsys, "audit", "prove", 2)
    assert (document["entry"]["salt"], document["entry"]["case"]) == (None, "")
    (home / "entry.json").write_text(json.dumps(document))
    proven = answer(capsys, "audit", "verify", "--proof", home / "entry.json", "--log-key", log)
    assert (proven["erased"], proven["action"], "account" in proven) == (True, "read route", False)
    answer(capsys, "audit", "export", home / "log.jsonl")
    assert answer(capsys, "audit", "verify", home / "log.jsonl", "--log-key", log)["erased"] == 4
    assert "case-1" not in (home / "log.jsonl").read_text()


def test_after_a_restore_an_officer_begins_anew_and_the_witness_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rollback is refused by name; restart names what was lost; the witness vouches once it has the new key."""
    backup = home / "backup.sqlite"
    write(home, 3)
    with watching(capsys, home, monkeypatch):
        answer(capsys, "audit", "checkpoint")
        _copy(home, backup)
        write(home, 2)
        answer(capsys, "audit", "checkpoint")
        assert "nothing contradicts" in refused(capsys, "audit", "restart", "--reason", "just because")
        for ending in ("", "-wal", "-shm"):
            (home / f"centre.sqlite{ending}").unlink(missing_ok=True)
        backup.rename(home / "centre.sqlite")
        assert "rolled back" in refused(capsys, "audit", "checkpoint")
        assert "rolled back" in refused(capsys, "audit", "verify")
        new = answer(capsys, "audit", "restart", "--reason", "the disk died on Monday")["log_key"]
        assert new.startswith(f"{NAME}/2+")
    with watching(capsys, home, monkeypatch, new) as witness:
        said = answer(capsys, "audit", "checkpoint")
        assert [(row["origin"], row["trouble"]) for row in said["published"]] == [(f"{NAME}/2", "")]
        whole = answer(capsys, "audit", "verify", "--log-key", new, "--witness-key", witness)
        assert whole["whole"] is True
    document = answer(capsys, "audit", "prove", 5)
    assert (document["entry"]["action"], "the disk died on Monday" in document["entry"]["detail"]) == (
        "log restarted",
        True,
    )
    assert re.search(rf"{WITNESS} has 5 entries, root \S+=", document["entry"]["detail"])


def _copy(home: Path, to: Path) -> None:
    with closing(sqlite3.connect(home / "centre.sqlite")) as source:
        source.execute("VACUUM INTO ?", (str(to),))


def test_wrong_settings_are_named(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, a log's key in place of a witness's, a store that is missing: each says what to do."""
    log, witness = keys(capsys, home)
    monkeypatch.setenv("CAIRN_CENTRE_WITNESSES", json.dumps({"http://127.0.0.1:1": log}))
    assert "not a witness's" in refused(capsys, "audit", "checkpoint")
    monkeypatch.setenv("CAIRN_CENTRE_WITNESSES", json.dumps({"http://127.0.0.1:1": witness, "http://[::1]:2": witness}))
    assert "one name" in refused(capsys, "audit", "checkpoint")
    monkeypatch.setenv("CAIRN_CENTRE_WITNESSES", json.dumps({"http://elsewhere.example": witness}))
    assert "without TLS" in refused(capsys, "audit", "checkpoint")
    monkeypatch.delenv("CAIRN_CENTRE_WITNESSES")
    monkeypatch.delenv("CAIRN_CENTRE_AUDIT_KEY")
    assert "no key" in refused(capsys, "audit", "checkpoint")
    settings = home / "witness.env"
    settings.write_text(
        f"CAIRN_WITNESS_NAME={WITNESS}\nCAIRN_WITNESS_SIGNING_KEY={home / 'witness.key'}\n"
        f"CAIRN_WITNESS_STORE={home / 'w.sqlite'}\nCAIRN_WITNESS_LOGS={json.dumps([log])}\n"
    )
    assert "--init" in refused(capsys, "audit", "witness", "--env-file", settings)
    answer(capsys, "audit", "witness", "--init", "--env-file", settings)
    assert "exists" in refused(capsys, "audit", "witness", "--init", "--env-file", settings)
    settings.write_text(settings.read_text().replace(log, "nonsense"))
    assert "verifier key" in refused(capsys, "audit", "witness", "--env-file", settings)
    assert "cannot write" in refused(capsys, "audit", "export", home / "no" / "folder.jsonl")


def test_an_unfinished_export_never_has_its_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written first has another name, so that half a log is not taken for a whole one."""
    write(home, 3)
    (home / "log.jsonl").write_text("older")
    (home / "log.jsonl.part").mkdir()
    assert "cannot write" in refused(capsys, "audit", "export", home / "log.jsonl")
    assert (home / "log.jsonl").read_text() == "older"


def test_a_log_of_the_first_version_is_taken_in_and_verified(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A database from before there was a tree: its entries are in it after the first command, and none is lost."""
    with closing(sqlite3.connect(home / "centre.sqlite")) as old, old:
        old.execute(
            "CREATE TABLE auditentry (id INTEGER NOT NULL PRIMARY KEY, at DATETIME NOT NULL, account VARCHAR NOT NULL, "
            'action VARCHAR NOT NULL, "case" VARCHAR NOT NULL, detail VARCHAR NOT NULL, chain BLOB NOT NULL)'
        )
        row = ("2026-11-24 09:30:00.000000", "kim", "opened", "case-1", "", b"chain")
        old.executemany("INSERT INTO auditentry VALUES (?, ?, ?, ?, ?, ?, ?)", [(n, *row) for n in (1, 2, 3)])
    whole = answer(capsys, "audit", "verify")
    assert (whole["whole"], whole["entries"]) == (True, 3)
    document = answer(capsys, "audit", "prove", 2)["entry"]
    assert (document["account"], document["at"]) == ("kim", "2026-11-24T09:30:00.000000+00:00")
