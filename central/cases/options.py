"""What the commands of people have in common: who is asking, with which key, and times that name their zone."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from central.cases.client import CaseClient

API = "http://127.0.0.1:8470"


def connection(parser: argparse.ArgumentParser, *, signs: bool = False, always: bool = True) -> None:
    """Where the centre is and who is asking; with `signs` the person's own key as well. Not `always`: where the command
    may do without the centre."""
    env = os.environ.get
    parser.add_argument("--api", default=env("CAIRN_API", API), metavar="URL", help="the centre (CAIRN_API)")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="the CA of the centre's certificate, if it is your own")
    parser.add_argument(
        "--token-file", type=Path, default=env("CAIRN_TOKEN_FILE"), metavar="FILE",
        required=always and "CAIRN_TOKEN_FILE" not in os.environ, help="who you are (CAIRN_TOKEN_FILE)",
    )  # fmt: skip
    if signs:
        parser.add_argument(
            "--key", type=Path, default=env("CAIRN_KEY_FILE"), required="CAIRN_KEY_FILE" not in os.environ,
            metavar="FILE", help="your own signing key; it never leaves this machine (CAIRN_KEY_FILE)",
        )  # fmt: skip


def moment(text: str) -> datetime:
    """A time with its zone, for argparse."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a time such as 2026-11-24T09:00:00+09:00") from None
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError("a time needs its zone, such as +09:00 or Z")
    return found


def now() -> datetime:
    from shared.clock import SystemClock  # noqa: PLC0415  (help is quick)

    return SystemClock().now()


def key(options: argparse.Namespace) -> Ed25519PrivateKey:
    from shared.keys import read_signing_key  # noqa: PLC0415

    return read_signing_key(options.key)


def connect(options: argparse.Namespace) -> AbstractContextManager[CaseClient]:
    from central.cases.client import connected  # noqa: PLC0415

    return connected(options.api, Path(options.token_file), options.ca)
