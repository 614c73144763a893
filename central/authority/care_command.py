"""What an authority's office does now and then: check, clock, token, rewrap, statements, accept-restore."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from central.cli import Answer, Groups, command, env_file, group
from shared.errors import BadInput, CairnError

if TYPE_CHECKING:
    from central.authority.service import Authority
    from central.authority.settings import AuthoritySettings
    from central.authority.statements import Destruction

PREFIX = "CAIRN_AUTHORITY_"


def add_verbs(verbs: Groups) -> None:
    look = command(
        verbs, "check", check, "look at secrets, log, witnesses, files, keys and clock",
        "cairn-central authority check --env-file north.env",
    )  # fmt: skip
    env_file(look, PREFIX)
    clock = group(verbs, "clock", "what to do about a clock in doubt")
    accept = command(
        clock, "accept", accept_clock, "say that a person looked and the clock is right",
        "cairn-central authority clock accept --env-file north.env",
    )  # fmt: skip
    env_file(accept, PREFIX)
    token = command(
        verbs, "token", make_token_key, "make the key for day secrets in the token; again is harmless",
        "cairn-central authority token --env-file north.env",
    )  # fmt: skip
    env_file(token, PREFIX)
    lines = command(
        verbs, "keys", show_keys, "print what others verify this office with; --init makes the witness's store",
        "cairn-central authority keys --env-file north.env",
    )  # fmt: skip
    lines.add_argument("--init", action="store_true", help="make witness_store, once in the witness's life")
    env_file(lines, PREFIX)
    _add_rewrap(verbs)
    _add_statements(verbs)


def _add_rewrap(verbs: Groups) -> None:
    parser = command(
        verbs, "rewrap", rewrap, "move the day secrets under another key, all or none; restart serve afterwards",
        "cairn-central authority rewrap --to token --env-file north.env",
    )  # fmt: skip
    parser.add_argument("--to", required=True, choices=["token", "passphrase"])
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="the new one, else that of the settings")
    env_file(parser, PREFIX)


def _add_statements(verbs: Groups) -> None:
    listed = command(
        verbs, "statements", statements, "list the signed statements of destroyed days, or verify a file of them",
        "cairn-central authority statements --file statements.json --key north.key.pub",
    )  # fmt: skip
    listed.add_argument("--file", type=Path, metavar="FILE", help="JSON from this command or from the centre")
    listed.add_argument("--key", type=Path, metavar="FILE", help="the authority's raw Ed25519 public key")
    env_file(listed, PREFIX)
    restored = command(
        verbs, "accept-restore", accept_restore, "go on from a restored database: destroy again what it brought back",
        "cairn-central authority accept-restore --statements statements.json --env-file north.env",
    )  # fmt: skip
    restored.add_argument("--statements", type=Path, required=True, metavar="FILE", help="the centre's GET /statements")
    env_file(restored, PREFIX)


def check(options: argparse.Namespace) -> Answer:
    """Exit code 2 when anything is wrong; the table is printed by way of the refusal."""
    found = _opened(options).check()
    if found.problems:
        wrong = "; ".join(f"{what}: {error.message}" for what, error in found.parts if error)
        raise type(found.problems[0])(wrong, hint=found.problems[0].hint)
    return [{"part": what, "found": "well"} for what, _ in found.parts]


def accept_clock(options: argparse.Namespace) -> Answer:
    authority = _opened(options)
    before = authority.clock.read()
    now = authority.accept_clock()
    return {"now": now.isoformat(), "was": before.doubt or "in no doubt"}


def make_token_key(options: argparse.Namespace) -> Answer:
    from central.authority.token_key import TokenKey

    place = _settings(options).token()
    if place is None:
        raise BadInput("no token is configured", hint="set token_module, token_label and token_pin_file")
    key = TokenKey(place)
    made = key.make()
    return {"token": place.token, "key": key.id, "made": made}


def show_keys(options: argparse.Namespace) -> Answer:
    import base64

    from central.audit.witness_store import WitnessStore
    from central.authority.opening import make_authority
    from central.authority.witnessing import witness_of
    from shared.clock import SystemClock

    settings = _settings(options)
    if options.init and settings.witness_store:
        WitnessStore.make(settings.witness_store)
    authority, witness = make_authority(settings), witness_of(settings, SystemClock())
    return {
        "authority": authority.name,
        "statements": base64.b64encode(authority.public).decode(),
        "log": str(authority.book.publisher.log_key()),
        "witness": str(witness.key) if witness else "",
    }


def rewrap(options: argparse.Namespace) -> Answer:
    from central.authority.opening import files_of
    from central.authority.service import Authority
    from shared.clock import SystemClock

    settings = _settings(options)
    files = files_of(settings)
    to_token = options.to == "token"
    if to_token or options.passphrase_file is None:
        if files.token is None or files.passphrase_file is None:
            raise BadInput("both keys are needed to move", hint="keep passphrase_file and the token in the settings")
        files = dataclasses.replace(files, token=None if to_token else files.token)
    authority = Authority(files, SystemClock())
    place, path = settings.token(), options.passphrase_file or files.passphrase_file
    target = dataclasses.replace(files, token=place if to_token else None, passphrase_file=path)
    new = target.key(authority.engine)
    return {"moved": authority.rewrap(new), "under": new.id}


def statements(options: argparse.Namespace) -> Answer:
    from central.authority.statements import check_destruction, statement_to_map
    from shared.keys import read_public, signing_public

    if options.file is None:
        return [statement_to_map(one) for one in _opened(options).statements()]
    if options.key is None:
        raise BadInput("no key to verify with", hint="give the authority's public key with --key")
    public, found = signing_public(read_public(options.key)), _read(options.file)
    for one in found:
        check_destruction(one, public)
    return [{"authority": one.authority, "day": one.day.isoformat(), "signed": "yes"} for one in found]


def accept_restore(options: argparse.Namespace) -> Answer:
    authority = _opened(options)
    own = [one for one in _read(options.statements) if one.authority == authority.name]
    days = authority.accept_restore(own)
    log = authority.book.publisher.log_key().name
    return {"statements": len(own), "destroyed": [day.isoformat() for day in days], "log": log}


def _read(path: Path) -> list[Destruction]:
    from central.authority.statements import statement_from_map

    hint = "give JSON: the centre's GET /statements, or `cairn-central authority statements --json`"
    try:
        rows = json.loads(path.read_text("utf-8"))
        return [statement_from_map(row) for row in rows]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} holds no statements ({type(error).__name__})", hint=hint) from None
    except CairnError as error:
        raise BadInput(f"{path}: {error.message}", hint=hint) from None


def _settings(options: argparse.Namespace) -> AuthoritySettings:
    from central.authority.settings import AuthoritySettings

    return AuthoritySettings.load(options.env_file)


def _opened(options: argparse.Namespace) -> Authority:
    from central.authority.opening import make_authority

    return make_authority(_settings(options))
