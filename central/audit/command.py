"""cairn-central audit: verify, prove, export and publish the audit log; be a witness of one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from central.cli import Answer, Groups, Run, command, env_file, group, say

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from central.audit.publisher import Publisher

_TOLD_EVERY = 20_000


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "audit", "verify, prove, export and publish the audit log; be a witness of one")

    def verb(name: str, run: Run, about: str, examples: str) -> argparse.ArgumentParser:
        return command(verbs, name, run, about, f"cairn-central audit {examples}")

    checking = verb(
        "verify", verify, "check the log in the database, an exported file, or one entry's proof",
        "verify log.jsonl --log-key 'cairn.example/centre+…' --witness-key 'health.example/w+…'",
    )  # fmt: skip
    checking.add_argument("file", type=Path, nargs="?", help="an exported log; without it, the database is checked")
    checking.add_argument("--proof", type=Path, metavar="FILE", help="check one entry's proof instead")
    checking.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint, or a history of them, to fit")
    checking.add_argument("--log-key", metavar="KEY", help="the log's verifier key, NAME+ID+KEY")
    checking.add_argument("--witness-key", action="append", default=[], metavar="KEY", help="who must have cosigned")
    proving = verb("prove", prove, "write down one entry with all that proves it", "prove 17 --out entry-17.json")
    proving.add_argument("number", type=int)
    proving.add_argument("--out", type=Path, metavar="FILE", help="write it here; else it is printed")
    exporting = verb("export", export, "write the whole log into a file", "export log.jsonl --env-file centre.env")
    exporting.add_argument("file", type=Path)
    point = verb(
        "checkpoint", checkpoint, "sign the log as it is now, and send it to the witnesses",
        "checkpoint --out checkpoint.txt --env-file centre.env",
    )  # fmt: skip
    point.add_argument("--out", type=Path, metavar="FILE", help="write the checkpoint here too")
    again = verb(
        "restart", restart, "begin a new generation of a log that was restored from a backup",
        'restart --reason "the disk died on 24 November; restored from the night before"',
    )  # fmt: skip
    again.add_argument("--reason", required=True)
    for parser in (checking, proving, exporting, point, again):
        env_file(parser, "CAIRN_CENTRE_")
    naming = verb(
        "key", key, "print the verifier key that others are given", "key audit.key --name cairn.example/centre"
    )
    naming.add_argument("file", type=Path, help="the private key, from cairn-central key signing")
    naming.add_argument("--name", required=True)
    naming.add_argument("--witness", action="store_true", help="it is a witness's key, not a log's")
    watching = verb("witness", witness, "witness other offices' logs", "witness --env-file witness.env")
    watching.add_argument("--init", action="store_true", help="make the empty store, once, and end")
    env_file(watching, "CAIRN_WITNESS_")


def verify(options: argparse.Namespace) -> Answer:
    from central.audit import verifying

    keys = verifying.Keys.parse(options.log_key, options.witness_key)
    if options.proof:
        return verifying.proof_file(options.proof, keys)
    if options.file:
        return verifying.export_file(options.file, keys, options.checkpoint, _told("checked"))
    with _opened(options) as (engine, publisher):
        return verifying.database(engine, publisher, keys, options.checkpoint, _told("checked"))


def prove(options: argparse.Namespace) -> Answer:
    from sqlmodel import Session

    from central.audit.evidence import prove as proven
    from central.audit.service import LOG, PUBLISHED
    from central.audit.verifying import newest_checkpoint, write_json

    with _opened(options) as (engine, publisher):
        if publisher is not None:
            publisher.round()
        with Session(engine) as session:
            document = proven(LOG, session, options.number, newest_checkpoint(session, PUBLISHED))
    if options.out is None:
        options.json = True
        return document
    write_json(options.out, document)
    return {"entry": options.number, "file": str(options.out)}


def export(options: argparse.Namespace) -> Answer:
    from central.audit.service import record
    from central.audit.verifying import write_export
    from central.database import writing
    from shared.clock import SystemClock

    with _opened(options) as (engine, publisher):
        with writing(engine) as session:  # what leaves the house is in the log, and in the copy of it
            record(session, SystemClock().now(), "console", "exported log")
        if publisher is not None:
            publisher.round()
        return write_export(engine, options.file, _told("written"))


def checkpoint(options: argparse.Namespace) -> Answer:
    from central.audit.verifying import write_text

    with _opened(options) as (_, found):
        publisher = _with_a_key(found)
        publisher.round()
        publisher.must_hold()
        note = publisher.newest()
        if options.out:
            write_text(options.out, note)
        return {"log_key": str(publisher.log_key()), "checkpoint": note, "published": publisher.state()}


def restart(options: argparse.Namespace) -> Answer:
    with _opened(options) as (_, found):
        publisher = _with_a_key(found)
        log_key = publisher.restart("console", options.reason)
        publisher.round()
        say("give the new verifier key to every witness's office; until then nobody vouches for the new generation")
        return {"log_key": str(log_key), "published": publisher.state()}


def key(options: argparse.Namespace) -> Answer:
    from central.audit.notes import Kind, Verifier
    from shared.keys import read_signing_key

    kind = Kind.WITNESS if options.witness else Kind.LOG
    return {"key": str(Verifier.of(options.name, kind, read_signing_key(options.file)))}


def witness(options: argparse.Namespace) -> Answer:
    import uvicorn

    from central.audit.settings import WitnessSettings
    from central.audit.witness_http import create_app
    from central.audit.witness_store import WitnessStore
    from central.services_command import start_log
    from central.serving import server_config
    from shared.clock import SystemClock

    settings = WitnessSettings.load(options.env_file)
    if options.init:
        WitnessStore.make(settings.store)
    watching = settings.open(SystemClock())
    if options.init:
        return {"store": str(settings.store), "witness_key": str(watching.key)}
    start_log()
    uvicorn.Server(server_config(create_app(watching), settings.host, settings.port, settings.tls)).run()
    return None


class _told:
    """Says how far a long command is, now and then."""

    def __init__(self, word: str) -> None:
        self._word, self._next = word, _TOLD_EVERY

    def __call__(self, done: int, size: int) -> None:
        if done >= self._next:
            self._next = done + _TOLD_EVERY
            say(f"{done:,} of {size:,} entries {self._word}")


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[Engine, Publisher | None]]:
    """The centre's database, and what publishes its log when it has a key."""
    from central.audit.service import adopt
    from central.audit.settings import AuditSettings, open_publisher
    from central.database import open_database, writing
    from shared.clock import SystemClock

    settings = AuditSettings.load(options.env_file)
    engine = open_database(settings.database.get_secret_value())
    publisher = None
    try:
        with writing(engine) as session:
            adopt(session)  # an older version's log
        publisher = open_publisher(engine, SystemClock(), settings)
        yield engine, publisher
    finally:
        if publisher is not None:
            publisher.close()
        engine.dispose()


def _with_a_key(publisher: Publisher | None) -> Publisher:
    from central.errors import BadSettings

    if publisher is None:
        hint = "make one with: cairn-central key signing audit.key, and set CAIRN_CENTRE_AUDIT_KEY"
        raise BadSettings("the log has no key that signs it", hint=hint)
    return publisher
