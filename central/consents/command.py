"""cairn-central consent: the receipt of a patient's answer, to read, to print, to hand over, and to check offline."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from central.cases.options import connect, connection
from central.cli import Answer, Groups, command, group


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "consent", "receipts of what patients agreed to and refused")
    proof = "--token-file kim.token"
    for name, run, about, example in (
        ("notice", notice, "show what a patient is to be told", f"cairn-central consent notice {proof}"),
        ("show", show, "show a receipt; --json after ISO/IEC TS 27560", f"cairn-central consent show case-17 {proof}"),
        ("pdf", pdf, "write the patient's copy", f"cairn-central consent pdf case-17 --out copy.pdf {proof}"),
        ("qr", qr, "write the receipt as a QR code", f"cairn-central consent qr case-17 --out receipt.svg {proof}"),
    ):
        parser = command(verbs, name, run, about, example)
        connection(parser)
        if name != "notice":
            parser.add_argument("case")
        if name in ("pdf", "qr"):
            parser.add_argument("--out", type=Path, required=True, metavar="FILE")
        if name in ("notice", "pdf"):
            parser.add_argument("--language", choices=["en", "ko"], help="the patient's own when not given")
    checking = command(
        verbs, "verify", verify, "check a receipt, offline: its JSON, or what a phone reads from the QR code",
        "cairn-central consent verify receipt.json --key kim.key.pub",
    )  # fmt: skip
    checking.add_argument("file", type=Path)
    checking.add_argument("--key", type=Path, required=True, metavar="FILE", help="the public key of who signed it")


def notice(options: argparse.Namespace) -> Answer:
    from central.consents.notices import TEXTS

    with connect(options) as client:
        told, bases = client.terms()
    if options.json:
        return dict(told.document)
    said = {part: told.text(part, options.language or "en") for part in TEXTS}
    return {"notice": told.name, "version": told.version, "legal bases": sorted(bases), **said}


def show(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        found: dict[str, Any] = client.ask("GET", f"/cases/{options.case}/consent.json")
    if options.json:
        return found
    said = [(event["event_state"], " ".join(event["scopes"]), event["event_time"]) for event in found["events"]]
    return {
        "receipt": found["record_header"]["record_id"],
        "case": found["record_header"]["pii_principal_id"],
        "notice": found["pii_processing"][0]["privacy_notice"],
        "witness": found["signed"]["signed_by"],
        "events": "; ".join(f"{state} {scopes} at {at}" for state, scopes, at in said),
    }


def pdf(options: argparse.Namespace) -> Answer:
    params = {"language": options.language} if options.language else None
    with connect(options) as client:
        return _written(options.out, client.fetch(f"/cases/{options.case}/consent.pdf", params))


def qr(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        return _written(options.out, client.fetch(f"/cases/{options.case}/consent.svg"))


def verify(options: argparse.Namespace) -> Answer:
    from central.cases.options import now
    from central.consents.iso import check_receipt
    from central.signers import read_signer, verifier

    receipt, back = check_receipt(_bytes(options.file), verifier(read_signer(options.key)))
    state = "withdrawn" if back else "live" if receipt.given_at <= now() < receipt.expires else "over"
    return {
        "receipt": receipt.receipt,
        "signature": "good",
        "witness": receipt.signed_by,
        "case": receipt.case,
        "legal_basis": receipt.purpose,
        "given": list(receipt.scopes),
        "refused": list(receipt.refused),
        "given_at": receipt.given_at.isoformat(),
        "expires": receipt.expires.isoformat(),
        "notice": f"{receipt.notice} {receipt.notice_version}",
        "notice_sha256": receipt.notice_digest.hex(),
        "state": state if receipt.scopes else "refused",
    }


def _bytes(path: Path) -> bytes:
    from central.consents.iso import MAX_BYTES
    from shared.errors import BadInput

    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}", hint="check the path") from None


def _written(path: Path, raw: bytes) -> Answer:
    from shared.errors import BadInput

    try:
        path.write_bytes(raw)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}", hint="check the folder and its owner") from None
    return {"file": str(path), "bytes": len(raw)}
