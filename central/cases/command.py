"""cairn-central case: what tracers and approvers do, over the centre's API and with their own keys."""

from __future__ import annotations

import argparse
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from central.cases.options import connect, connection, key, moment, now
from central.cli import Answer, Groups, Run, command, group, say
from central.contacts.presets import USUAL

if TYPE_CHECKING:
    from central.cases.client import CaseClient

SCOPES = ("face", "appearance")
CONSENT_LIFE = timedelta(days=14)
APPROVAL_LIFE = timedelta(days=7)
ZONE = "Asia/Seoul"
_LOOK_EVERY_S = 0.3


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "case", "open, approve, search and end cases")

    def verb(name: str, run: Run, about: str, examples: str, *, signs: bool = False) -> argparse.ArgumentParser:
        example = f"cairn-central case {examples} --token-file kim.token{' --key kim.key' if signs else ''}"
        parser = command(verbs, name, run, about, example)
        connection(parser, signs=signs)
        if name != "list":
            parser.add_argument("case")
        return parser

    opening = "open case-17 --purpose kr-idcpa-76-2 --from … --until …"
    _open_options(verb("open", open_case, "open a case and sign it", opening, signs=True))
    register_parser = verb("register", register, "hand on a sealed template", "register case-17 --template t.sealed")
    register_parser.add_argument(
        "--template", type=Path, required=True, metavar="FILE", help="from cairn-edge register"
    )
    asking = "consent case-17 --scope face --refuse appearance"
    _consent_options(verb("consent", consent, "take down what the patient agreed to and refused", asking, signs=True))
    approving = verb("approve", approve, "sign a case as the second person", "approve case-17", signs=True)
    approving.add_argument("--yes", action="store_true", help="do not ask before signing")
    verb("search", search, "search for the route, and wait for it", "search case-17")
    verb("route", show_route, "show the route that was found", "route case-17 --json")
    contacts_parser = verb("contacts", show_contacts, "list people possibly exposed", "contacts case-17")
    rules = f"{USUAL}, cdc-2020-10, who-2021, or one of the city's own"
    contacts_parser.add_argument("--preset", default=USUAL, help=rules)
    map_parser = verb("map", save_map, "save the route as a picture", "map case-17 --svg route.svg")
    map_parser.add_argument("--svg", type=Path, required=True, metavar="FILE")
    verb("show", show, "show a case", "show case-17")
    verb("list", list_cases, "list your cases", "list")
    sharing = verb("share", share, "let another tracer work on a case for a time", "share case-17 --with tam --until …")
    sharing.add_argument("--with", dest="other", required=True, metavar="ACCOUNT")
    sharing.add_argument("--until", type=moment, required=True, metavar="TIME", help="at most 14 days from now")
    back = verb("unshare", unshare, "take a share back", "unshare case-17 --from tam")
    back.add_argument("--from", dest="other", required=True, metavar="ACCOUNT")
    taking_back = verb("withdraw", withdraw, "end a case on the patient's word and erase it", "withdraw case-17")
    taking_back.add_argument("--scope", choices=SCOPES, help="take only this back; everything when not given")
    verb("close", close, "end a case whose work is done", "close case-17")


def open_case(options: argparse.Namespace) -> Answer:
    from shared.errors import BadInput
    from shared.releases import CaseScope

    if options.manual and (options.cell or options.consent):
        raise BadInput("a manual case has no cells and no scopes", hint="leave out --cell and --consent, or --manual")
    own = key(options)
    with connect(options) as client:
        scope = CaseScope(
            case=options.case,
            purpose=options.purpose,
            opened_by=client.account,
            start=options.start,
            end=options.until,
            cells=() if options.manual else tuple(options.cell or client.cells()),
            consents=() if options.manual else tuple(options.consent or ["face"]),
            expires=options.expires or now() + APPROVAL_LIFE,
        )
        return _brief(client.open(scope, own))


def register(options: argparse.Namespace) -> Answer:
    from shared.errors import BadInput

    try:
        sealed = options.template.read_bytes()
    except OSError as error:
        hint = "make it on a box with: cairn-edge register"
        raise BadInput(f"cannot read {options.template}: {error.strerror}", hint=hint) from None
    with connect(options) as client:
        client.register(options.case, sealed)
        return _brief(client.show(options.case))


def consent(options: argparse.Namespace) -> Answer:
    from central.consents.terms import Said, receipt_on
    from shared.errors import BadInput

    given, refused = tuple(options.scope or ()), tuple(options.refuse or ())
    if sorted((*given, *refused)) != sorted(SCOPES):
        hint = "ask for each: --scope what the patient agrees to, --refuse what not"
        raise BadInput("face and appearance each need one answer", hint=hint)
    own, taken = key(options), now()
    with connect(options) as client:
        notice, bases = client.terms()
        shown = client.show(options.case)
        if shown["purpose"] not in bases:
            hint = "open a new case under one that is"
            raise BadInput(f"the legal basis {shown['purpose']} is not in force", hint=hint)
        said = Said(
            receipt=options.receipt or str(uuid.uuid4()),
            case=options.case,
            given=given,
            given_at=options.given or taken,
            expires=options.expires or taken + CONSENT_LIFE,
            signed_by=client.account,
            language=options.language,
        )
        say(f"You sign that the patient was shown {notice.name}, version {notice.version}, in {options.language},")
        say(f"  agreed to {' and '.join(given) or 'nothing'}, and refused {' and '.join(refused) or 'nothing'}")
        return _brief(client.consent(receipt_on(notice, bases[shown["purpose"]], said), own))


def approve(options: argparse.Namespace) -> Answer:
    from zoneinfo import ZoneInfo

    from central.cases.in_words import in_words, warnings
    from shared.errors import Refused

    own = key(options)
    with connect(options) as client:
        asked = client.to_approve(options.case)
        _, bases = client.terms()
        cells = client.cells()
        say("You sign:")
        for line in in_words(asked.scope, asked.consent, asked.photos, bases, ZoneInfo(ZONE), cells):
            say(f"  {line}")
        say(f"  template {asked.template.hex()[:16]}")
        for line in warnings(asked.scope, asked.consent, cells, now()):
            say(f"! {line}")
        if not options.yes and not _agreed():
            raise Refused("not signed", hint="answer y, or give --yes")
        return _brief(client.approve(asked, own, now()))


def search(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        job = client.ask("POST", f"/cases/{options.case}/route-jobs")
        return _wait(client, job)


def show_route(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        found = client.ask("GET", f"/cases/{options.case}/route")
    if found["questions"]:
        say(f"{len(found['questions'])} to ask the patient about: cairn-central route questions {options.case}")
    if found["unheeded"]:
        say(f"{found['unheeded']} answers came after this route was found; search again to have them counted")
    return found if options.json else _visits(found["route"])


def show_contacts(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        found = client.ask("GET", f"/cases/{options.case}/contacts", params={"preset": options.preset})
    return found if options.json else [_contact(row) for row in (*found["contacts"], *found["near"])]


def save_map(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        options.svg.write_text(client.ask("GET", f"/cases/{options.case}/route/map.svg"), "utf-8")
    return {"case": options.case, "picture": str(options.svg)}


def show(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        found: dict[str, Any] = client.show(options.case)
    return found if options.json else {name: value for name, value in found.items() if name != "documents"}


def list_cases(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        rows: list[dict[str, Any]] = client.ask("GET", "/cases")
        return rows


def share(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        until = {"until": options.until.isoformat()}
        row: dict[str, Any] = client.ask("PUT", f"/cases/{options.case}/grants/{options.other}", until)
        return row


def unshare(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        row: dict[str, Any] = client.ask("DELETE", f"/cases/{options.case}/grants/{options.other}")
        return row


def withdraw(options: argparse.Namespace) -> Answer:
    return _end(options, "withdraw", {"scope": options.scope} if options.scope else None)


def close(options: argparse.Namespace) -> Answer:
    return _end(options, "close")


def _end(options: argparse.Namespace, how: str, params: dict[str, str] | None = None) -> Answer:
    with connect(options) as client:
        ended: dict[str, Any] = client.ask("POST", f"/cases/{options.case}/{how}", params=params)
    if ended["untold"]:
        say(f"not told yet, and told as soon as they are back: {', '.join(ended['untold'])}")
    return ended


def _wait(client: CaseClient, job: dict[str, Any]) -> dict[str, Any]:
    import threading

    from central.cases.client import ApiRefused

    pause, said, path = threading.Event(), "", f"/cases/{job['case']}/route-jobs/{job['job']}"
    try:
        while job["state"] in ("waiting", "running"):
            pause.wait(_LOOK_EVERY_S)
            job = client.ask("GET", path)
            waits = job["state"] == "waiting" and job["error"]
            searched = f"searched {job['done']} of {job['batches']} batches"
            now = f"waits: {job['error']['message']}" if waits else searched
            if now != said:
                said = now
                say(now)
    except KeyboardInterrupt:
        client.ask("DELETE", path)
        raise
    for day, authorities in job["not_covered"].items():
        say(f"not covered: {day}, no secret of that day at {' and '.join(authorities)}")
    for modality, bits in job["narrowed"].items():
        say(f"many look like the patient: by {modality} only what differs in at most {bits} bits was looked at")
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


def _contact(row: dict[str, Any]) -> dict[str, Any]:
    """One line a person: a contact, or near the rule's limit, and why."""
    nearest = "not measured" if row["nearest_m"] is None else f"{row['nearest_m']:.2f} m"
    return {
        "pseudonym": row["pseudonym"],
        "verdict": "contact" if row["counts"] else "near the limit",
        "minutes": row["minutes"],
        "range": f"{row['least_minutes']:.0f}-{row['most_minutes']:.0f} min",
        "uncertain": ", ".join(reason.replace("_", " ") for reason in row["because"]),
        "indoors": row["indoor_minutes"],
        "nearest": nearest,
        "patient_there": row["confidence"],
        "start": row["start"],
        "end": row["end"],
        "perhaps": ", ".join(row["perhaps"]),
    }


def _brief(case: dict[str, Any]) -> dict[str, Any]:
    names = ("case", "state", "opened_by", "expires", "registered", "approver")
    return {name: case[name] for name in names} | {"consented": case["consent"] is not None}


def _open_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--purpose", required=True, metavar="BASIS", help="the one legal basis, by its name")
    parser.add_argument("--from", dest="start", type=moment, required=True, metavar="TIME", help="begin of the window")
    parser.add_argument("--until", type=moment, required=True, metavar="TIME", help="end of the window")
    parser.add_argument("--cell", action="append", help="a cell to search; again for more; all when not given")
    parser.add_argument("--consent", action="append", choices=SCOPES, help="search by this; face")
    parser.add_argument("--expires", type=moment, metavar="TIME", help="no release after; in 7 days")
    parser.add_argument("--manual", action="store_true", help="no camera search at all: a timeline kept by hand")


def _consent_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scope", action="append", choices=SCOPES, help="the patient agrees to this")
    parser.add_argument("--refuse", action="append", choices=SCOPES, help="the patient refuses this")
    parser.add_argument("--language", default="en", choices=["en", "ko"], help="in which it was explained; en")
    parser.add_argument("--receipt", metavar="NAME", help="the number of the receipt; a random one when not given")
    parser.add_argument("--given", type=moment, metavar="TIME", help="when; now")
    parser.add_argument("--expires", type=moment, metavar="TIME", help="until when; 14 days from now, at most 30")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    say("Sign? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
