"""Keys and codes: what must match does, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codes import APPEARANCE_BITS, FACE_BITS, decode, encode, encode_quantised, hamming, quantise
from shared.epochs import Epoch, Modality, code_key, derive_shares, seal_key
from shared.errors import BadEmbedding, BadIdentifier, BadInput

EPOCH = Epoch.at("cell-1", datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
SECRETS = [bytes([1]) * 32, bytes([2]) * 32]


def key(epoch: Epoch = EPOCH, secrets: list[bytes] = SECRETS) -> bytes:
    return code_key([derive_shares(s, epoch).code for s in secrets], Modality.FACE, "model-1", epoch)


def pair(cosine: float, n: int, d: int = 192) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(2, n, d))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b -= (a * b).sum(1, keepdims=True) * a
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return a.astype(np.float32), (cosine * a + np.sqrt(1 - cosine**2) * b).astype(np.float32)


@pytest.mark.parametrize("cosine", [-0.5, 0.0, 0.3, 0.7, 0.95])
def test_distance_within_an_epoch_follows_the_angle(cosine: float) -> None:
    """Under one key the share of differing bits is the angle between the embeddings over pi."""
    a, b = pair(cosine, 300)
    share = hamming(encode(a, key(), FACE_BITS), encode(b, key(), FACE_BITS)).mean() / FACE_BITS
    assert share == pytest.approx(np.arccos(cosine) / np.pi, abs=0.01)


def test_distance_across_epochs_says_nothing() -> None:
    """The same face under the keys of two epochs differs in half of the bits."""
    a, _ = pair(0.0, 300)
    other = key(Epoch(EPOCH.cell, EPOCH.hour + 1))
    share = hamming(encode(a, key(), FACE_BITS), encode(a, other, FACE_BITS)).mean() / FACE_BITS
    assert share == pytest.approx(0.5, abs=0.01)


def test_many_keys_at_once_give_the_same_codes_as_one_by_one() -> None:
    """The vectorised transform and the single one agree, for more and for fewer dimensions than bits."""
    keys = [key(), key(Epoch("cell-2", EPOCH.hour))]
    for d, bits in ((192, FACE_BITS), (1280, APPEARANCE_BITS)):
        x = pair(0.5, 3, d)[0]
        together = encode_quantised(quantise(x), keys, bits)
        assert together.shape == (2, 3, bits // 8)
        assert all((together[i] == encode(x, keys[i], bits)).all() for i in range(2))


def test_who_holds_the_key_can_nearly_invert_a_code() -> None:
    """Decoding gives back the direction (this is why codes are keyed and sealed), and without the key it does not."""
    a, _ = pair(0.0, 50)
    codes = encode(a, key(), FACE_BITS)
    assert (decode(codes, key(), 192) * a).sum(1).mean() > 0.9
    assert abs((decode(codes, bytes(32), 192) * a).sum(1).mean()) < 0.05


@given(st.integers(0, 255), st.integers(0, 31))
def test_every_byte_of_a_day_secret_matters(value: int, at: int) -> None:
    """Changing any byte of one authority's secret changes the key."""
    changed = bytearray(SECRETS[1])
    if changed[at] == value:
        return
    changed[at] = value
    assert key(secrets=[SECRETS[0], bytes(changed)]) != key()


def test_one_authority_alone_cannot_make_the_key() -> None:
    """A key from one share, or from the shares in another order, is another key."""
    assert len({key(), key(secrets=SECRETS[:1]), key(secrets=SECRETS[::-1])}) == 3


def test_the_seal_key_differs_by_node_cell_and_hour() -> None:
    """Two nodes of one cell, two cells and two hours never share a seal key."""
    shares = [derive_shares(s, EPOCH).seal for s in SECRETS]
    epochs = [EPOCH, Epoch("cell-2", EPOCH.hour), Epoch(EPOCH.cell, EPOCH.hour + 1)]
    assert len({seal_key(shares, node, e) for node in ("node-1", "node-2") for e in epochs}) == 6


@pytest.mark.parametrize("bad", [np.zeros((1, 8)), np.full((1, 8), np.nan), np.full((1, 8), np.inf), np.ones(8)])
def test_an_embedding_that_is_no_direction_is_refused(bad: np.ndarray) -> None:
    """Zero, not-a-number, infinite and one-dimensional embeddings are named errors."""
    with pytest.raises(BadEmbedding):
        quantise(bad.astype(np.float32))


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_a_name_is_safe_or_refused(text: str) -> None:
    """A cell's name can never hold a separator, a wildcard or an upper-case letter."""
    try:
        Epoch(text, 1)
    except BadIdentifier:
        return
    assert text == text.lower() and not set(text) & set("/+#\0 ")


def test_a_short_share_is_refused() -> None:
    """A truncated share never becomes a weaker key."""
    with pytest.raises(BadInput):
        seal_key([bytes(31), bytes(32)], "node-1", EPOCH)
