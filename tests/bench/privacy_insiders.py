"""What an insider learns without any key, who kept codes of opened batches and knows some of the people in them.

Known pairs: whoever knows an embedding and its code for n people of one epoch fits every bit of the code as a linear
function (ridge regression: the bits of one key are signs of linear functions), and scores others by it. Anchors: who
has codes of the same m people under two epochs places strangers by their distances to these, in both, and compares the
places (trilateration); no embedding is needed. Both are the plain attacks of the literature on cancelable biometrics;
that no cleverer one exists is not claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from edge.calibrate.curves import auc, tar
from tests.bench.privacy_people import Floats, People, signs, unit_rows
from tests.bench.rows import Row

KNOWN, ANCHORS = (8, 16, 32, 64, 128, 256, 512), (2, 8, 10, 16, 32, 64, 128)
HEADLINE = 32
FAR, TURNS, RIDGE, AXES, CODES_ONLY = 1e-3, 5, 0.1, 4, 512

Bools = npt.NDArray[np.bool_]
Scored = tuple[Floats, Bools]
Figures = tuple[float, float]


def known_pairs(people: People, rng: np.random.Generator) -> list[Row]:
    """TAR at FAR 1e-3 of an attacker with known pairs, beside whoever has the key."""
    honest = _mean(lambda: with_the_key(people, rng.bytes(32)))[0]
    rows = []
    for n in KNOWN:
        reached, area = _mean(lambda n=n: with_known_pairs(people, n, rng))  # type: ignore[misc]
        note = (
            f"{n} people of one epoch known with embedding and code, bits learned by ridge regression, other people "
            f"recognised at FAR 1e-3; mean over {TURNS} keys (AUC {area:.3f}); {people.about}"
        )
        rows.append(Row(f"privacy.kpa_tar_{n}", reached, "", note, peers={"with the key": honest}))
    reached, area = _mean(lambda: with_codes_only(people, rng))
    note = (
        f"{CODES_ONLY} codes of one epoch and nobody known: the {AXES} strongest axes of the codes laid over those of "
        f"other people's embeddings; mean over {TURNS} keys (AUC {area:.3f}); {people.about}"
    )
    return [*rows, Row("privacy.kpa_tar_codes_only", reached, "", note, peers={"with the key": honest})]


def anchors(people: People, rng: np.random.Generator) -> list[Row]:
    """AUC of finding a stranger of one epoch again in another by the distances to people known in both."""
    rows = []
    for m in ANCHORS:
        reached, area = _mean(lambda m=m: by_anchors(people, m, rng))  # type: ignore[misc]
        name = "privacy.anchor_auc" if m == HEADLINE else f"privacy.anchor_auc_{m}"
        note = (
            f"strangers linked across two epochs by their places among {m} people whose codes are known in both, as a "
            f"probe's are; mean over {TURNS} pairs of keys; {people.about}"
        )
        rows.append(Row(name, area, "", note, peers={"TAR at FAR 1e-3": reached}))
    return sorted(rows, key=lambda row: row.name != "privacy.anchor_auc")


def with_the_key(people: People, key: bytes) -> Figures:
    """TAR and AUC where the key is known: probe and sighting are two photos of people who are on several."""
    codes = signs(people.faces[people.often], key)
    return _figures(_apart(people, codes @ codes.T))


def with_known_pairs(people: People, n: int, rng: np.random.Generator) -> Figures:
    """The same without the key, from n other people's embeddings and codes."""
    known, faces = rng.permutation(people.once)[:n], people.faces
    assert len(known) == n
    codes = signs(faces, rng.bytes(32))
    gram = faces[known] @ faces[known].T + RIDGE * np.eye(n, dtype=np.float32)
    weights = faces[known].T @ np.linalg.solve(gram, codes[known])
    guessed = unit_rows(faces[people.often] @ weights)
    return _figures(_apart(people, guessed @ codes[people.often].T))


def with_codes_only(people: People, rng: np.random.Generator) -> Figures:
    """The same from codes alone, whose axes are matched to those of a public population by strength and skewness."""
    test, public = people.often, people.faces[people.once]
    held = rng.permutation(test)[:CODES_ONLY]
    middle = public.mean(axis=0)
    axes = np.linalg.svd(public - middle, full_matrices=False)[2][:AXES]
    there, here = (public - middle) @ axes.T, _places(signs(people.faces[held], rng.bytes(32)))
    here = here * np.sign(_skewness(there)) * np.sign(_skewness(here))
    probes = (people.faces[test] - middle) @ axes.T
    scores = unit_rows(probes / there.std(axis=0)) @ unit_rows(here / here.std(axis=0)).T
    apart = test[:, None] != held[None]
    return _figures((scores[apart], (people.who[test][:, None] == people.who[held][None])[apart]))


def by_anchors(people: People, m: int, rng: np.random.Generator) -> Figures:
    """TAR and AUC of linking strangers, one photo of each in either epoch."""
    chosen = rng.permutation(people.once)[:m]
    assert len(chosen) == m
    names, first = np.unique(people.who[people.often], return_index=True)
    second = [np.flatnonzero(people.who[people.often] == name)[1] for name in names]
    seen = (people.often[first], people.often[second])
    codes = [signs(people.faces, rng.bytes(32)) for _ in seen]
    gram = sum(_cosines(one[chosen], one[chosen]) for one in codes) / 2
    # Codes measure a cosine with an error of about 0.05: what is weaker than that is noise, and there is more with m.
    width, turn = np.linalg.eigh(np.linalg.inv(gram + 0.0075 * m * np.eye(m)))
    metric = turn * np.sqrt(np.maximum(width, 0))
    here, there = (_placed(_cosines(one[rows], one[chosen]), metric) for one, rows in zip(codes, seen, strict=True))
    same = np.eye(len(names), dtype=np.bool_)
    return _figures(((here @ there.T).ravel(), same.ravel()))


def _placed(cosines: Floats, metric: Floats) -> Floats:
    return unit_rows((cosines - cosines.mean(axis=0)) @ metric)


def _cosines(a: Floats, b: Floats) -> Floats:
    """Estimated from codes as ±1: the share of different bits is the angle over π."""
    return np.asarray(np.sin(np.pi / 2 * (a @ b.T) / a.shape[1]), np.float32)


def _places(codes: Floats) -> Floats:
    """Coordinates of codes along their strongest axes (classical scaling)."""
    gram = _cosines(codes, codes)
    gram = gram - gram.mean(axis=0) - gram.mean(axis=1, keepdims=True) + gram.mean()
    width, turn = np.linalg.eigh(gram)
    return np.asarray(turn[:, ::-1][:, :AXES] * np.sqrt(np.maximum(width[::-1][:AXES], 1e-9)), np.float32)


def _skewness(x: Floats) -> Floats:
    return np.asarray((x**3).mean(axis=0), np.float32)


def _apart(people: People, scores: Floats) -> Scored:
    who, apart = people.who[people.often], ~np.eye(len(people.often), dtype=np.bool_)
    return scores[apart], (who[:, None] == who[None])[apart]


def _figures(scored: Scored) -> Figures:
    return tar(*scored, FAR), auc(*scored)


def _mean(figures: Callable[[], Figures]) -> Figures:
    turns: Sequence[Figures] = [figures() for _ in range(TURNS)]
    reached, area = np.mean(turns, axis=0)
    return float(reached), float(area)
