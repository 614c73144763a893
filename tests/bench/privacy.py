"""What codes give away: linkability across and within epochs, and a search after the keys are destroyed.

D_sys is the global measure of linkability of Gomez-Barrero et al. 2018 ("General framework to evaluate unlinkability in
biometric template protection systems"): 0 where mated and non-mated pairs cannot be told apart, 1 where always.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from shared.batches import open_batch, read_batch
from shared.codes import FACE_BITS, _bits, _carrier, _signs, encode_quantised, hamming, quantise
from shared.epochs import Epoch, Modality, code_key, derive_shares, seal_key
from shared.errors import CannotOpen, ReleaseRefused
from tests.bench.privacy_coding import inversion, recognition
from tests.bench.privacy_insiders import anchors, known_pairs
from tests.bench.privacy_people import PHOTOS, read_photos, simulated
from tests.bench.rows import Goal, Row, Say
from tests.central.authority_fixtures import FACE_MODEL, NODE, World, some_faces

MATED, STRANGERS, BINS, GUESSES, PEOPLE = 32_768, 163_840, 50, 128, 256
COUNT = "A count with a fixed seed: the machine's noise does not matter."
Int8 = npt.NDArray[np.int8]
Distances = npt.NDArray[np.int32]


def measure(say: Say) -> list[Row]:
    rng = np.random.default_rng(20)
    rows = _linkability(rng, say) + _destruction(rng, say)
    say("photos of faces")
    photos = read_photos()
    people = photos.people if photos else simulated(rng)
    if photos:
        rows += recognition(photos, rng)
    else:
        say(f"no pictures in {PHOTOS}: privacy.tar_float, _code and _code_masked are left out, the rest is simulated")
    rows.append(inversion(people, rng))
    say("attacks with known people")
    return rows + known_pairs(people, rng) + anchors(people, rng)


def _linkability(rng: np.random.Generator, say: Say) -> list[Row]:
    say(f"{MATED:,} mated and {STRANGERS:,} other pairs, a fresh key each")
    across, within = pairs_apart(rng, False), pairs_apart(rng, True)
    mixed = rng.permutation(np.concatenate(across))
    pairs = f"{MATED:,} mated and {STRANGERS:,} other pairs, simulated embeddings of cosine 0.65 ± 0.12"
    shuffled = f"the same, labels shuffled: what the estimate gives for nothing. {COUNT}"
    return [
        Row("privacy.d_sys_cross_epoch", d_sys(*across), "", f"{pairs}, fresh keys a pair. {COUNT}", Goal("≤", 0.05)),
        Row("privacy.d_sys_null", d_sys(mixed[:MATED], mixed[MATED:]), "", shuffled),
        Row("privacy.d_sys_same_epoch", d_sys(*within), "", f"{pairs}, one fresh key a pair. {COUNT}", Goal("≥", 0.9)),
    ]


def _destruction(rng: np.random.Generator, say: Say) -> list[Row]:
    say(f"a search after a day secret is destroyed, {GUESSES} guesses")
    auc, opened = after_destruction(rng)
    known = f"{GUESSES} guesses of the destroyed secret, the other authority's share known"
    return [
        Row(
            "privacy.auc_after_destruction",
            auc,
            "",
            f"mean over {known}; {PEOPLE} people. {COUNT}",
            Goal("≈", 0.5, 0.01),
        ),
        Row("privacy.opened_after_destruction", opened, "batches", f"of {known}. {COUNT}", Goal("≤", 0)),
    ]


def pairs_apart(
    rng: np.random.Generator, same_key: bool, mated: int = MATED, strangers: int = STRANGERS
) -> tuple[Distances, Distances]:
    """Distances of mated and of other pairs, each pair under fresh keys, or one fresh key for both."""
    own = _distances(*_pairs(rng, mated), rng, same_key)
    return own, _distances(_people(rng, strangers), _people(rng, strangers), rng, same_key)


def d_sys(mated: Distances, others: Distances) -> float:
    """The measure at equal priors, from histograms over mid-ranks, so that equal scores share a bin: ∫ p(s|m)·D(s) ds.

    D(s) = 2·LR/(1 + LR) - 1 where the likelihood ratio LR(s) = p(s|m)/p(s|n) is above 1, and 0 elsewhere.
    """
    ranks = rankdata(np.concatenate([mated, others]), method="average")
    edges = np.linspace(0, len(ranks), BINS + 1)
    p_mated, p_others = (
        np.histogram(part, edges)[0] / len(part) for part in (ranks[: len(mated)], ranks[len(mated) :])
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        local = np.where(p_mated > p_others, 2 * p_mated / (p_mated + p_others) - 1, 0.0)
    return float((p_mated * local).sum())


def _people(rng: np.random.Generator, n: int) -> Int8:
    return quantise(rng.standard_normal((n, 192)).astype(np.float32))


def _pairs(rng: np.random.Generator, n: int) -> tuple[Int8, Int8]:
    """Two pictures each of n people."""
    a, b = rng.standard_normal((2, n, 192))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b -= (a * b).sum(axis=1, keepdims=True) * a
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    cosine = np.clip(rng.normal(0.65, 0.12, (n, 1)), 0.2, 0.99)
    second = cosine * a + np.sqrt(1 - cosine**2) * b
    return quantise(a.astype(np.float32)), quantise(second.astype(np.float32))


def _distances(a: Int8, b: Int8, rng: np.random.Generator, same_key: bool) -> Distances:
    """Distances of row i of a to row i of b, each pair under fresh keys, or one fresh key for both."""
    found = []
    for at in range(0, len(a), 64):
        first, second = a[at : at + 64], b[at : at + 64]
        keys = [rng.bytes(32) for _ in first]
        codes = each_under_its_key(first, keys)
        other = each_under_its_key(second, keys if same_key else [rng.bytes(32) for _ in second])
        found.append(hamming(codes, other))
    return np.concatenate(found)


def each_under_its_key(x_q: Int8, keys: list[bytes]) -> npt.NDArray[np.uint8]:
    """Codes of row i under key i alone: production makes every row under every key."""
    d, blocks = 256, FACE_BITS // 256
    x = np.zeros((1, d, len(keys) * blocks), _carrier(d))
    x[0, : x_q.shape[1]] = np.repeat(x_q.T, blocks, axis=1)
    memory = np.empty((2, x.size), x.dtype)
    return _bits(x, _signs(keys, d, FACE_BITS), memory).reshape(len(keys), -1)


def after_destruction(rng: np.random.Generator) -> tuple[float, int]:
    """Mean AUC of searches under guessed secrets, and how many guesses opened a batch, after a real destruction."""
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        world = World(Path(folder))
        epoch = Epoch.at("cell-1", world.clock.now())
        code_shares, seal_shares = world.node_shares(epoch)
        sealed = read_batch(world.batch(some_faces(2)))
        seen, sought = _pairs(rng, PEOPLE)
        stored = encode_quantised(seen, [code_key(code_shares, Modality.FACE, FACE_MODEL, epoch)], FACE_BITS)[0]
        assert _auc(hamming(stored[:, None], stored[None])) == 1  # with its key a search works
        world.authorities[0].destroy(epoch.start.date())
        try:
            world.worker_releases(world.release(), bytes(32))
        except ReleaseRefused:
            pass
        else:
            raise AssertionError("a destroyed day was released")
    areas, opened = [], 0
    for _ in range(GUESSES):
        guess = derive_shares(rng.bytes(32), epoch)
        key = code_key([guess.code, code_shares[1]], Modality.FACE, FACE_MODEL, epoch)
        probes = encode_quantised(sought, [key], FACE_BITS)[0]
        areas.append(_auc(hamming(probes[:, None], stored[None])))
        try:
            open_batch(sealed, seal_key([guess.seal, seal_shares[1]], NODE, epoch))
            opened += 1
        except CannotOpen:
            continue
    return float(np.mean(areas)), opened


def _auc(distances: Distances) -> float:
    """Area under the curve: the chance that somebody's own code is nearer than another's (Mann and Whitney 1947)."""
    own = np.eye(len(distances), dtype=bool)
    ranks = rankdata(distances, method="average").reshape(distances.shape)
    n, m = own.sum(), (~own).sum()
    return float(1 - (ranks[own].sum() - n * (n + 1) / 2) / (n * m))
