"""The search for leaks finds what is planted, and nothing in sealed bytes."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tests.demo.heads import portrait
from tests.demo.leaks import Searcher, Secrets

VECTOR = np.random.default_rng(1).normal(size=192).astype(np.float32)
NAME = "hana-seo"
SEARCHER = Searcher(Secrets([VECTOR], [portrait()], [NAME]))


def encoded(kind: str) -> bytes:
    return bytes(cv2.imencode(kind, portrait()[::4, ::4])[1])


PLANTS: dict[str, Callable[[], bytes]] = {
    "a JPEG": lambda: encoded(".jpg"),
    "a PNG": lambda: encoded(".png"),
    "raw pixels": portrait()[101:121].tobytes,
    "raw pixels, blue first": portrait()[97:131, :, ::-1].tobytes,
    "float32": VECTOR.tobytes,
    "float32, cut": lambda: VECTOR.tobytes()[380:],
    "float16": lambda: VECTOR.astype(np.float16).tobytes(),
    "base64 of float32": lambda: base64.b64encode(VECTOR.tobytes()),
    "base64 of float32, shifted": lambda: base64.b64encode(b"x" + VECTOR.tobytes()),
    "a name": lambda: b"signed by Hana-Seo",
    "a name in base64": lambda: base64.b64encode(b"signed by hana-seo!"),
    "a name in hexadecimal": lambda: NAME.encode().hex().encode(),
}


@pytest.mark.parametrize("what", PLANTS)
def test_what_is_planted_is_found(what: str) -> None:
    """A picture, an embedding or a name in the middle of sealed bytes does not stay hidden."""
    assert SEARCHER.leaks("cairn/v1/nodes/box-1/batches", os.urandom(1000) + PLANTS[what]() + os.urandom(1000))


def test_sealed_bytes_are_no_leak() -> None:
    """Random bytes, a megabyte of them, are not taken for anything."""
    assert SEARCHER.leaks("cairn/v1/nodes/box-1/batches", np.random.default_rng(2).bytes(1_000_000)) == []


def test_a_name_in_a_topic_is_a_leak() -> None:
    """Topics are looked at too."""
    assert SEARCHER.leaks(f"cairn/v1/{NAME}/batches", b"") == [f"the name {NAME}"]
