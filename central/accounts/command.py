"""cairn-central account: who may do what; works on the centre's database directly."""

from __future__ import annotations

import argparse
from pathlib import Path

from central.cli import Answer, Groups, command, env_file, group

ROLES = ("tracer", "approver", "privacy-officer", "technician", "administrator")


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "account", "people's accounts (CAIRN_CENTRE_DATABASE)")
    adding = command(
        verbs, "add", add, "add an account, or give one new roles, key and token",
        "cairn-central account add kim --role tracer --key kim.key.pub --token-file kim.token",
    )  # fmt: skip
    adding.add_argument("name")
    adding.add_argument("--role", action="append", required=True, choices=ROLES)
    adding.add_argument("--key", type=Path, required=True, metavar="FILE", help="the person's raw public key, 32 bytes")
    adding.add_argument("--token-file", type=Path, metavar="FILE", help="write the token here, not on the screen")
    key = command(
        verbs, "key", make_key, "make a person's own signing key, and FILE.pub", "cairn-central account key kim.key"
    )
    key.add_argument("file", type=Path)
    listing = command(verbs, "list", list_accounts, "list accounts", "cairn-central account list --json")
    for parser in (adding, listing):
        env_file(parser, "CAIRN_CENTRE_")


def add(options: argparse.Namespace) -> Answer:
    from central.accounts.service import Role, add_account
    from central.audit.service import record
    from central.database import open_database, writing
    from central.key_files import write_secret
    from central.settings import DatabaseSettings
    from shared.clock import SystemClock
    from shared.keys import read_public

    public, roles = read_public(options.key), {Role(name) for name in options.role}
    engine = open_database(DatabaseSettings.load(options.env_file).database.get_secret_value())
    with writing(engine) as session:
        token = add_account(session, options.name, roles, public)
        record(session, SystemClock().now(), "console", "account", detail=f"{options.name}: {' '.join(sorted(roles))}")
    answer = {"account": options.name, "roles": sorted(roles)}
    if options.token_file is None:
        return answer | {"token": token}
    write_secret(options.token_file, token)
    return answer | {"token_file": str(options.token_file)}


def make_key(options: argparse.Namespace) -> Answer:
    from central.key_files import make_key as make

    return make("signing", options.file)


def list_accounts(options: argparse.Namespace) -> Answer:
    from sqlmodel import Session

    from central.accounts.service import accounts
    from central.database import open_database
    from central.settings import DatabaseSettings

    engine = open_database(DatabaseSettings.load(options.env_file).database.get_secret_value())
    with Session(engine) as session:
        return [{"account": a.name, "roles": a.roles.split(), "active": a.active} for a in accounts(session)]
