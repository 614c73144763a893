"""cairn-central case: what tracers and approvers do, over the centre's API and with their own keys."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from central.cli import Answer, Groups, Run, command, group, say

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from central.cases.client import CaseClient

API = "http://127.0.0.1:8470"
CONSENT_LIFE = timedelta(days=14)
APPROVAL_LIFE = timedelta(days=2)
_LOOK_EVERY_S = 0.3


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "case", "open, approve, search and end cases")

    def verb(name: str, run: Run, about: str, examples: str, *, signs: bool = False) -> argparse.ArgumentParser:
        example = f"cairn-central case {examples} --token-file kim.token{' --key kim.key' if signs else ''}"
        parser = command(verbs, name, run, about, example)
        _connection(parser, signs)
        if name != "list":
            parser.add_argument("case")
        return parser

    _open_options(verb("open", open_case, "open a case and sign it", 'open case-17 --purpose "…" --from …', signs=True))
    register_parser = verb("register", register, "hand on a sealed template", "register case-17 --template t.sealed")
    register_parser.add_argument(
        "--template", type=Path, required=True, metavar="FILE", help="from cairn-edge register"
    )
    _consent_options(
        verb("consent", consent, "take down the patient's consent", "consent case-17 --scope face", signs=True)
    )
    approving = verb("approve", approve, "sign a case as the second person", "approve case-17", signs=True)
    approving.add_argument("--yes", action="store_true", help="do not ask before signing")
    verb("search", search, "search for the route, and wait for it", "search case-17")
    verb("route", show_route, "show the route that was found", "route case-17 --json")
    contacts_parser = verb("contacts", show_contacts, "list people possibly exposed", "contacts case-17")
    contacts_parser.add_argument("--preset", default="kdca-2022-01", help="kdca-2022-01, cdc-2020-10 or who-2021")
    map_parser = verb("map", save_map, "save the route as a picture", "map case-17 --svg route.svg")
    map_parser.add_argument("--svg", type=Path, required=True, metavar="FILE")
    verb("show", show, "show a case", "show case-17")
    verb("list", list_cases, "list your cases", "list")
    verb("withdraw", withdraw, "end a case on the patient's word and erase it", "withdraw case-17")
    verb("close", close, "end a case whose work is done", "close case-17")


def open_case(options: argparse.Namespace) -> Answer:
    from shared.releases import CaseScope

    key = _key(options)
    with _connect(options) as client:
        scope = CaseScope(
            case=options.case,
            purpose=options.purpose,
            opened_by=client.account,
            start=options.start,
            end=options.until,
            cells=tuple(options.cell or client.cells()),
            consents=tuple(options.consent or ["face"]),
            expires=options.expires or _now() + APPROVAL_LIFE,
        )
        return _brief(client.open(scope, key))


def register(options: argparse.Namespace) -> Answer:
    from shared.errors import BadInput

    try:
        sealed = options.template.read_bytes()
    except OSError as error:
        hint = "make it on a box with: cairn-edge register"
        raise BadInput(f"cannot read {options.template}: {error.strerror}", hint=hint) from None
    with _connect(options) as client:
        client.register(options.case, sealed)
        return _brief(client.show(options.case))


def consent(options: argparse.Namespace) -> Answer:
    from shared.releases import ConsentReceipt

    key, now = _key(options), _now()
    with _connect(options) as client:
        receipt = ConsentReceipt(
            receipt=options.receipt or f"receipt-{options.case}",
            case=options.case,
            scopes=tuple(options.scope),
            given_at=options.given or now,
            expires=options.expires or now + CONSENT_LIFE,
            signed_by=client.account,
        )
        return _brief(client.consent(receipt, key))


def approve(options: argparse.Namespace) -> Answer:
    from shared.errors import Refused

    key = _key(options)
    with _connect(options) as client:
        asked = client.to_approve(options.case)
        scope = asked.scope
        say(f"You sign: case {scope.case}, opened by {scope.opened_by}, on this basis: {scope.purpose}")
        say(f"  from {scope.start.isoformat()} until {scope.end.isoformat()}, {len(scope.cells)} cells")
        say(f"  by {' and '.join(scope.consents)}; nothing may be searched after {scope.expires.isoformat()}")
        say(f"  with the consent {asked.consent.receipt}, witnessed by {asked.consent.signed_by}, and a template of")
        say(f"  {asked.photos} photos, {asked.template.hex()[:16]}")
        if not options.yes and not _agreed():
            raise Refused("not signed", hint="answer y, or give --yes")
        return _brief(client.approve(asked, key, _now()))


def search(options: argparse.Namespace) -> Answer:
    with _connect(options) as client:
        job = client.ask("POST", f"/cases/{options.case}/route-jobs")
        return _wait(client, job)


def show_route(options: argparse.Namespace) -> Answer:
    with _connect(options) as client:
        found = client.ask("GET", f"/cases/{options.case}/route")
    return found if options.json else _visits(found["route"])


def show_contacts(options: argparse.Namespace) -> Answer:
    with _connect(options) as client:
        found = client.ask("GET", f"/cases/{options.case}/contacts", params={"preset": options.preset})
    rows: list[dict[str, Any]] = found["contacts"]
    return found if options.json else [_flat(row) for row in rows]


def save_map(options: argparse.Namespace) -> Answer:
    with _connect(options) as client:
        options.svg.write_text(client.ask("GET", f"/cases/{options.case}/route/map.svg"), "utf-8")
    return {"case": options.case, "picture": str(options.svg)}


def show(options: argparse.Namespace) -> Answer:
    with _connect(options) as client:
        found: dict[str, Any] = client.show(options.case)
    return found if options.json else {name: value for name, value in found.items() if name != "documents"}


def list_cases(options: argparse.Namespace) -> Answer:
    with _connect(options) as client:
        rows: list[dict[str, Any]] = client.ask("GET", "/cases")
        return rows


def withdraw(options: argparse.Namespace) -> Answer:
    return _end(options, "withdraw")


def close(options: argparse.Namespace) -> Answer:
    return _end(options, "close")


def _end(options: argparse.Namespace, how: str) -> Answer:
    with _connect(options) as client:
        ended: dict[str, Any] = client.ask("POST", f"/cases/{options.case}/{how}")
    if ended["untold"]:
        say(f"not told yet, and told as soon as they are back: {', '.join(ended['untold'])}")
    return ended


def _wait(client: CaseClient, job: dict[str, Any]) -> dict[str, Any]:
    import threading

    from central.cases.client import ApiRefused

    pause, said = threading.Event(), -1
    while job["state"] in ("waiting", "running"):
        pause.wait(_LOOK_EVERY_S)
        job = client.ask("GET", f"/cases/{job['case']}/route-jobs/{job['job']}")
        if job["done"] != said:
            said = job["done"]
            say(f"searched {job['done']} of {job['batches']} batches")
    if job["error"]:
        error = job["error"]
        raise ApiRefused(error["error"], 409, error["message"], error["hint"])
    return job


def _visits(route: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "from": visit["candidate"]["start"],
            "until": visit["candidate"]["end"],
            "camera": visit["candidate"]["camera"],
            "face mask": visit["candidate"]["mask"],
            "confidence": f"{visit['confidence']:.2f}",
        }
        for visit in route["visits"]
    ]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {name: len(value) if isinstance(value, list) else value for name, value in row.items()}


def _brief(case: dict[str, Any]) -> dict[str, Any]:
    names = ("case", "state", "opened_by", "expires", "registered", "approver")
    return {name: case[name] for name in names} | {"consented": case["consent"] is not None}


def _connection(parser: argparse.ArgumentParser, signs: bool) -> None:
    env = os.environ.get
    parser.add_argument("--api", default=env("CAIRN_API", API), metavar="URL", help="the centre (CAIRN_API)")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="the CA of the centre's certificate, if it is your own")
    parser.add_argument(
        "--token-file", type=Path, default=env("CAIRN_TOKEN_FILE"), required="CAIRN_TOKEN_FILE" not in os.environ,
        metavar="FILE", help="who you are (CAIRN_TOKEN_FILE)",
    )  # fmt: skip
    if signs:
        parser.add_argument(
            "--key", type=Path, default=env("CAIRN_KEY_FILE"), required="CAIRN_KEY_FILE" not in os.environ,
            metavar="FILE", help="your own signing key; it never leaves this machine (CAIRN_KEY_FILE)",
        )  # fmt: skip


def _open_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--purpose", required=True, help="the one legal basis of this case")
    parser.add_argument("--from", dest="start", type=_time, required=True, metavar="TIME", help="begin of the window")
    parser.add_argument("--until", type=_time, required=True, metavar="TIME", help="end of the window")
    parser.add_argument("--cell", action="append", help="a cell to search; again for more; all when not given")
    parser.add_argument("--consent", action="append", choices=["face", "appearance"], help="search by this; face")
    parser.add_argument("--expires", type=_time, metavar="TIME", help="no release after; in 2 days")


def _consent_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scope", action="append", required=True, choices=["face", "appearance"])
    parser.add_argument("--receipt", help="the number of the signed form")
    parser.add_argument("--given", type=_time, metavar="TIME", help="when; now")
    parser.add_argument("--expires", type=_time, metavar="TIME", help="until when; 14 days from now")


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a time such as 2026-11-24T09:00:00+09:00") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a time needs its zone, such as +09:00 or Z")
    return moment


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    say("Sign? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _now() -> datetime:
    from shared.clock import SystemClock

    return SystemClock().now()


def _key(options: argparse.Namespace) -> Ed25519PrivateKey:
    from shared.keys import read_signing_key

    return read_signing_key(options.key)


def _connect(options: argparse.Namespace) -> AbstractContextManager[CaseClient]:
    from central.cases.client import connected

    return connected(options.api, Path(options.token_file), options.ca)
