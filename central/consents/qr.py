"""The QR code of a receipt: as an SVG for the screen, and as dark squares for the page."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import segno

from central.consents.compact import Signed, to_text
from shared.errors import BadInput

QUIET = 4  # modules of white around the code, as its standard asks for
_STRONG_UP_TO = 1000  # characters: a key file's signature; a passkey's proof is longer, and its squares small enough


def qr_svg(signed: Signed) -> bytes:
    """One file that fetches nothing."""
    out = BytesIO()
    _code(signed).save(out, kind="svg", scale=4, border=QUIET, xmldecl=False, title="consent receipt")
    return out.getvalue()


def dark_runs(signed: Signed) -> tuple[int, Iterator[tuple[int, int, int]]]:
    """Modules across without the quiet zone, and runs of dark ones as (row from the top, first column, length)."""
    code = _code(signed)
    rows = [bytes(row) for row in code.matrix]

    def runs() -> Iterator[tuple[int, int, int]]:
        for number, row in enumerate(rows):
            column = 0
            while column < len(row):
                start = column
                while column < len(row) and row[column]:
                    column += 1
                if column > start:
                    yield number, start, column - start
                column += 1

    return len(rows), runs()


def _code(signed: Signed) -> Any:
    text = to_text(signed)
    try:
        return segno.make_qr(text, error="m" if len(text) <= _STRONG_UP_TO else "l", boost_error=False)
    except segno.DataOverflowError:
        raise BadInput("the receipt does not fit a QR code", hint="use its JSON instead") from None
