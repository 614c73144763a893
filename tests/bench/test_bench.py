"""The measuring itself: estimates are right where the answer is known, and rows are written as they are promised."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shared.codes import FACE_BITS, encode_quantised
from tests.bench.__main__ import BENCHES, main
from tests.bench.codes import by_butterflies
from tests.bench.kernels import by_faiss_index, by_numpy, ours, some_question
from tests.bench.privacy import BINS, d_sys, each_under_its_key
from tests.bench.rows import Goal, Row, table, write


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal("≥", 5), 5, True),
        (Goal("≥", 5), 4.9, False),
        (Goal("≤", 0), 0, True),
        (Goal("≤", 0), 1, False),
        (Goal("≈", 0.5, 0.01), 0.491, True),
        (Goal("≈", 0.5, 0.01), 0.511, False),
    ],
)
def test_a_goal_is_met_or_missed(goal: Goal, value: float, met: bool) -> None:
    """The bound itself counts as met, and the other side of it does not."""
    assert goal.met_by(value) is met


def test_rows_are_written_in_the_promised_form_and_others_are_kept(tmp_path: Path) -> None:
    """The file has machine and rows with the promised keys; a second benchmark replaces its own rows only."""
    path = tmp_path / "build" / "bench.json"
    write(path, {"cores": 2}, [Row("a.x", 1, "s", "first"), Row("b.x", 2, "s", "kept", Goal("≤", 1), {"peer": 3})])
    write(path, {"cores": 2}, [Row("a.x", 5, "s", "second")])
    document = json.loads(path.read_text())
    assert set(document) == {"machine", "rows"}
    assert {tuple(row) for row in document["rows"]} == {("name", "value", "unit", "note", "goal", "peers", "met")}
    assert {row["name"]: (row["value"], row["goal"], row["met"], row["peers"]) for row in document["rows"]} == {
        "a.x": (5, None, None, {}),
        "b.x": (2, "≤ 1", False, {"peer": 3}),
    }


def test_the_table_marks_a_missed_goal() -> None:
    """Whoever reads the table sees at once which figures are not reached."""
    some = (Row("a", 1, "s", "", Goal("≥", 1)), Row("b", 0, "s", "", Goal("≥", 1)), Row("c", 1, "s", ""))
    _, met, missed, free = table(some).splitlines()
    assert (met[0], missed[0], free[0]) == ("✓", "✗", " ")


def test_an_unknown_benchmark_is_refused_with_the_names_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name ends with exit code 2 and says what there is."""
    with pytest.raises(SystemExit) as ended:
        main(["--only", "serch"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in BENCHES)


def test_linkability_is_nothing_for_equal_scores_and_all_for_apart() -> None:
    """D_sys is 0 when all scores are one, near 0 for equal distributions, and 1 for disjoint ones."""
    rng = np.random.default_rng(1)
    same = rng.integers(450, 570, 200_000).astype(np.int32)
    assert d_sys(np.full(100, 512, np.int32), np.full(900, 512, np.int32)) == pytest.approx(0, abs=1e-9)
    assert d_sys(same[:50_000], same[50_000:]) < 0.02
    assert d_sys(same[:50_000] - 400, same[50_000:]) == pytest.approx(1, abs=2 / BINS)


def test_linkability_of_half_linked_pairs_is_about_a_half() -> None:
    """When half of the mated pairs are found out for sure and the others look like strangers, D_sys is near a half.

    Half of the mass has D = 1; the other has LR = 1/2 and counts nothing: ∫ = 1/2.
    """
    rng = np.random.default_rng(2)
    far = rng.integers(450, 570, 150_000).astype(np.int32)
    mated = np.concatenate([np.full(25_000, 100, np.int32), far[:25_000]])
    assert d_sys(mated, far[25_000:]) == pytest.approx(0.5, abs=0.03)


def test_each_row_under_its_own_key_is_what_production_makes() -> None:
    """The shortcut of the benchmark gives the codes of the real transform, and so do the textbook's butterflies."""
    rng = np.random.default_rng(3)
    x, keys = rng.integers(-127, 128, (6, 192)).astype(np.int8), [rng.bytes(32) for _ in range(6)]
    real = encode_quantised(x, keys, FACE_BITS)
    assert (each_under_its_key(x, keys) == np.stack([real[i, i] for i in range(6)])).all()
    assert (by_butterflies(x, keys) == real).all()


@pytest.mark.parametrize(("n", "m"), [(1, 1), (40, 5), (256, 16)])
def test_the_kernels_side_by_side_answer_the_same(n: int, m: int) -> None:
    """What is compared for speed gives the same distances, or the comparison means nothing."""
    question = some_question(n, m)
    assert (ours(question) == by_numpy(question)).all()
    assert (ours(question) == by_faiss_index(question)).all()
