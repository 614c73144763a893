"""cairn-central account: who may do what; works on the centre's database directly, and notes it in the audit log."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from central.cli import Answer, Groups, Run, command, env_file, group

if TYPE_CHECKING:
    from sqlmodel import Session

ROLES = ("tracer", "approver", "privacy-officer", "technician", "administrator")
DAYS = 90


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "account", "people's accounts (CAIRN_CENTRE_DATABASE)")

    def verb(name: str, run: Run, about: str, examples: str) -> argparse.ArgumentParser:
        parser = command(verbs, name, run, about, f"cairn-central account {examples}")
        env_file(parser, "CAIRN_CENTRE_")
        if name != "list":
            parser.add_argument("name")
        return parser

    adding = verb(
        "add", add, "add an account, or give one new roles, key and token",
        "add kim --role tracer --key kim.key.pub --token-file kim.token",
    )  # fmt: skip
    adding.add_argument("--role", action="append", required=True, choices=ROLES)
    adding.add_argument(
        "--key", type=Path, metavar="FILE",
        help="the person's public key; without it, a passkey may be enrolled on the pages within a day",
    )  # fmt: skip
    adding.add_argument("--until", type=_time, metavar="TIME", help="the account ends by itself; without it, never")
    _token_options(adding)
    _token_options(verb("token", token, "give a new token in place of the one before", "token kim --token-file f"))
    granting = verb("grant", grant_role, "give a role, for a time or for good", "grant kim --role approver --until …")
    granting.add_argument("--role", required=True, choices=ROLES)
    granting.add_argument("--until", type=_time, metavar="TIME", help="the role ends by itself; without it, never")
    verb("deactivate", deactivate, "end sessions, token and signature of who left", "deactivate kim")
    verb("activate", activate, "let somebody in again", "activate kim")
    verb("passkey", allow_passkey, "let a person enrol a passkey on the pages, within a day", "passkey kim")
    exporting = verb(
        "passkey-file", export_passkey, "write a passkey's public form, for the authorities' offices",
        "passkey-file kim --out kim.passkey",
    )  # fmt: skip
    exporting.add_argument("--out", type=Path, metavar="FILE", help="where to; NAME.passkey")
    key = command(
        verbs, "key", make_key, "make a person's own signing key, and FILE.pub", "cairn-central account key kim.key"
    )
    key.add_argument("file", type=Path)
    verb("list", list_accounts, "list accounts", "list --json")


def add(options: argparse.Namespace) -> Answer:
    from central.accounts.service import ENROL_LIFE, Role, Terms, add_account
    from central.signers import fingerprint, read_signer

    public = read_signer(options.key) if options.key else b""
    roles = {Role(name) for name in options.role}
    with _writing(options) as (session, now, note):
        enrol = None if public else now + ENROL_LIFE
        terms = Terms(until=options.until, token_until=now + timedelta(days=options.days), enrol_until=enrol)
        made = add_account(session, options.name, roles, public, terms)
        until = f" until {options.until.isoformat()}" if options.until else ""
        note(f"{options.name}: {' '.join(sorted(roles))}{until}, key {fingerprint(public) if public else 'to come'}")
    answer = {"account": options.name, "roles": sorted(roles), "key": fingerprint(public) if public else None}
    return answer | _handed_over(made, options)


def token(options: argparse.Namespace) -> Answer:
    from central.accounts.service import new_token

    with _writing(options) as (session, now, note):
        until = now + timedelta(days=options.days)
        made = new_token(session, options.name, until)
        note(f"{options.name}: new token until {until.isoformat(timespec='seconds')}")
    return {"account": options.name, "until": until.isoformat(timespec="seconds")} | _handed_over(made, options)


def grant_role(options: argparse.Namespace) -> Answer:
    from central.accounts.service import Role, grant

    until = options.until.isoformat() if options.until else None
    with _writing(options) as (session, _, note):
        row = grant(session, options.name, Role(options.role), options.until)
        note(f"{options.name}: role {options.role}" + (f" until {until}" if until else ""))
        return {"account": row.name, "roles": row.roles.split(), "until": until}


def deactivate(options: argparse.Namespace) -> Answer:
    return _set_active(options, active=False) | {
        "left to do": f"each authority's office: cairn-central authority drop {options.name}"
    }


def activate(options: argparse.Namespace) -> Answer:
    return _set_active(options, active=True)


def allow_passkey(options: argparse.Namespace) -> Answer:
    from central.accounts.service import ENROL_LIFE, allow_enrolment

    with _writing(options) as (session, now, note):
        until = now + ENROL_LIFE
        allow_enrolment(session, options.name, until)
        note(f"{options.name}: may enrol a passkey until {until.isoformat(timespec='seconds')}")
    return {"account": options.name, "may enrol on the pages until": until.isoformat(timespec="seconds")}


def export_passkey(options: argparse.Namespace) -> Answer:
    from central.accounts.service import known
    from central.errors import NotFound
    from central.signers import fingerprint, kind_of
    from shared.errors import BadInput

    with _reading(options) as session:
        public = known(session, options.name).signing_public
    if kind_of(public) != "passkey":
        hint = "let them enrol one: cairn-central account passkey"
        raise NotFound(f"{options.name} has no passkey", hint=hint)
    path = options.out or Path(f"{options.name}.passkey")
    try:
        path.write_bytes(public)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}", hint="check the folder and its owner") from None
    return {
        "file": str(path),
        "fingerprint": fingerprint(public),
        "left to do": f"each authority's office: cairn-central authority person {options.name} --role … --key {path}",
    }


def make_key(options: argparse.Namespace) -> Answer:
    from central.key_files import make_key as make

    return make("signing", options.file)


def list_accounts(options: argparse.Namespace) -> Answer:
    from central.accounts.service import accounts, role_ends
    from central.signers import fingerprint, kind_of

    with _reading(options) as session:
        ends = role_ends(session)
        return [
            {
                "account": one.name,
                "roles": [_until(role, ends.get((one.name, role))) for role in one.roles.split()],
                "active": one.active,
                "until": one.until.isoformat() if one.until else None,
                "key": kind_of(one.signing_public),
                "fingerprint": fingerprint(one.signing_public) if one.signing_public else None,
                "token until": one.token_until.isoformat(timespec="minutes") if one.token_until else None,
            }
            for one in accounts(session)
        ]


def _set_active(options: argparse.Namespace, *, active: bool) -> dict[str, object]:
    from central.accounts.service import set_active

    with _writing(options) as (session, _, note):
        set_active(session, options.name, active=active)
        note(f"{options.name}: {'activated' if active else 'deactivated'}")
    return {"account": options.name, "active": active}


@contextmanager
def _writing(options: argparse.Namespace) -> Iterator[tuple[Session, datetime, Callable[[str], None]]]:
    """The session, the time, and what enters the act in the audit log and commits both."""
    from central.audit.service import record
    from central.database import open_database, writing
    from central.settings import DatabaseSettings
    from shared.clock import SystemClock

    engine, now = (
        open_database(DatabaseSettings.load(options.env_file).database.get_secret_value()),
        SystemClock().now(),
    )
    with writing(engine) as session:
        yield session, now, lambda detail: record(session, now, "console", "account", detail=detail)


@contextmanager
def _reading(options: argparse.Namespace) -> Iterator[Session]:
    from sqlmodel import Session

    from central.database import open_database
    from central.settings import DatabaseSettings

    with Session(open_database(DatabaseSettings.load(options.env_file).database.get_secret_value())) as session:
        yield session


def _handed_over(made: str, options: argparse.Namespace) -> dict[str, object]:
    from central.key_files import write_secret

    if options.token_file is None:
        return {"token": made}
    write_secret(options.token_file, made)
    return {"token_file": str(options.token_file)}


def _token_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="write the token here, not on the screen")
    parser.add_argument("--days", type=_days, default=DAYS, metavar="N", help=f"the token's life, 1 to 366; {DAYS}")


def _until(role: str, end: datetime | None) -> str:
    return f"{role} until {end.isoformat(timespec='minutes')}" if end else role


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 366:
        raise argparse.ArgumentTypeError("write a number of days from 1 to 366")
    return int(text)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a time such as 2026-11-24T09:00:00+09:00") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a time needs its zone, such as +09:00 or Z")
    return moment
