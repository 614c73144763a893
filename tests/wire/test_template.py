"""Golden templates: what a box of an older version sealed means the same today, and no other form is taken."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadEmbedding, BadIdentifier, CairnError
from shared.templates import (
    AppearancePart,
    FacePart,
    OldTemplate,
    Template,
    open_template,
    seal_template,
    template_from_bytes,
    template_to_bytes,
)
from shared.wire import pack, unpack
from tests.wire.make_template import FILE, golden, templates

KEPT: dict[str, str] = json.loads(FILE.read_text())
ROW = bytes([127, 1, 2, 255])


@pytest.mark.parametrize("name", KEPT)
def test_a_template_is_made_byte_for_byte_as_before(name: str) -> None:
    """The same embeddings give the recorded bytes on every machine and in every version."""
    assert golden()[name] == KEPT[name]


@pytest.mark.parametrize("name", KEPT)
def test_an_old_template_still_means_the_same(name: str) -> None:
    """Photos, models and every row are read back."""
    read, made = template_from_bytes(bytes.fromhex(KEPT[name])), templates()[name]
    assert (read.photos, read.models) == (made.photos, made.models)
    for one, other in ((read.face, made.face), (read.appearance, made.appearance)):
        assert (one is None) == (other is None)
    if read.face and made.face:
        assert np.array_equal(read.face.rows, made.face.rows)
    if read.appearance and made.appearance:
        assert np.array_equal(read.appearance.row, made.appearance.row)


def test_a_sealed_template_opens_for_its_case_and_service_only() -> None:
    """Another case and another key are both refused."""
    service = X25519PrivateKey.generate()
    sealed = seal_template(templates()["both"], "case-1", service.public_key())
    assert open_template(sealed, "case-1", service).photos == 5
    for case, key in (("case-2", service), ("case-1", X25519PrivateKey.generate())):
        with pytest.raises(CairnError, match="does not open"):
            open_template(sealed, case, key)
    with pytest.raises(BadIdentifier):
        seal_template(templates()["both"], "Case 1", service.public_key())


def form(**changes: object) -> bytes:
    """A good template of a face, with some entries changed; those that are None are left out."""
    good = {"photos": 1, "face": ["m", ROW, ROW], "appearance": None}
    return pack({name: value for name, value in (good | changes).items() if value is not ...})


@pytest.mark.parametrize(
    "raw",
    [
        form(photos=0), form(photos=6), form(photos=True), form(photos="1"), form(photos=-1), form(photos=...),
        form(face=None), form(face=None, photos=0), form(face=["m", ROW]), form(face=["m", ROW, ROW[:3]]),
        form(face=["m", b"", b""]), form(face=["m", bytes(4), ROW]), form(face=["M M", ROW, ROW]), form(face=7),
        form(face=["m", "text", ROW]), form(face=["m", ROW * 1025, ROW * 1025]), form(face=["m", [127], ROW]),
        form(face=None, photos=1, appearance=["m", ROW]), form(appearance=["m", bytes([128, 0])]),
        form(appearance=["m", ROW, ROW]), form(appearance=...), form(more=1), pack([]), pack(None), b"", b"\xff" * 30,
    ],
    ids=lambda raw: raw.hex()[:24],
)  # fmt: skip
def test_what_is_no_template_is_refused_by_name(raw: bytes) -> None:
    """Whatever is missing, too much, too long, of another type or never quantised."""
    with pytest.raises(BadEmbedding) as refusal:
        template_from_bytes(raw)
    assert refusal.value.hint
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("rows", [1, 2, 16])
def test_rows_per_photo_are_the_old_form(rows: int) -> None:
    """A template that grows with the photos is refused by its own name, however many rows it has."""
    old = pack({"model": "m", "photos": min(rows, 5), "faces": [ROW] * rows, "masks": [2] * rows})
    with pytest.raises(OldTemplate, match="row for each photo"):
        template_from_bytes(old)


def test_a_box_makes_no_template_that_nobody_would_take() -> None:
    """Six photos, or nothing at all, are refused where the template is made."""
    row = np.frombuffer(ROW, np.int8)
    for bad in (Template(6, FacePart("m", row, row), None), Template(0, None, None)):
        with pytest.raises(BadEmbedding):
            template_to_bytes(bad)


@given(photos=st.integers(1, 5), rows=st.lists(st.integers(-127, 127), min_size=1, max_size=40), worn=st.booleans())
def test_any_template_survives_its_bytes(photos: int, rows: list[int], worn: bool) -> None:
    """Read back it is the same, and written again the same bytes."""
    row = np.array([127, *rows], np.int8)
    made = Template(photos, FacePart("m-1", row, row[::1]), AppearancePart("m-2", row) if worn else None)
    raw = template_to_bytes(made)
    assert template_to_bytes(template_from_bytes(raw)) == raw
    assert unpack(raw, BadEmbedding, "a template")["photos"] == photos


@given(st.binary(max_size=120))
def test_no_bytes_make_the_reader_fall(raw: bytes) -> None:
    """Anything is either a template or a named refusal."""
    try:
        template_from_bytes(raw)
    except BadEmbedding:
        return
