"""THREATS.md is held to its word: every line names what shows it, and all that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.bench.privacy_insiders import ANCHORS, KNOWN

ROOT = Path(__file__).parent.parent
THREATS = (ROOT / "THREATS.md").read_text("utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROW = re.compile(r"`((?:privacy|search|ingest|route|contacts|edge)\.[\w.-]+)`")
PARTIES = {
    "node", "seized box", "broker", "batch store", "one authority", "probe service", "search worker", "centre operator",
    "tracer", "approver", "privacy officer", "technician", "administrator", "outsider",
    "whoever controls the model files",
}  # fmt: skip


def lines() -> list[str]:
    """Rows of the tables, and points of the lists with the lines that belong to them."""
    rows = [line for line in THREATS.splitlines() if line.startswith("|") and not line.startswith("|---")]
    heads = {line for line in rows if f"{line}\n|---" in THREATS}
    points = re.findall(r"^- .*(?:\n  .*)*", THREATS, re.MULTILINE)
    return [row for row in rows if row not in heads] + points


@pytest.mark.parametrize("line", lines(), ids=lambda line: line.strip("|- ")[:40])
def test_every_line_names_what_shows_it(line: str) -> None:
    """A claim about a threat has a test or a figure behind it."""
    assert TEST.search(line) or ROW.search(line)


def test_every_named_test_exists() -> None:
    """Nobody is sent to a test that was renamed or taken out."""
    named = sorted(set(TEST.findall(THREATS)))
    assert len(named) > 30
    missing = [f"{path}::{name}" for path, name in named if name not in _tests_in(ROOT / path)]
    assert missing == []


def test_every_named_figure_is_measured() -> None:
    """Each row of the benchmark that is named is one that the benchmark gives."""
    given = set(re.findall(r'"(privacy\.[a-z_0-9]+)"', "".join(_sources())))
    given |= {f"privacy.kpa_tar_{n}" for n in KNOWN} | {f"privacy.anchor_auc_{m}" for m in ANCHORS}
    assert set(ROW.findall(THREATS)) <= given


def test_all_eleven_promises_and_all_parties_are_there() -> None:
    """Each acceptance test of the design has its line, and no party is left out."""
    assert [int(n) for n in re.findall(r"^\| (\d+) · ", THREATS, re.MULTILINE)] == list(range(1, 12))
    begins = re.findall(r"^\| ([a-z][^|]*?) ?\|", THREATS, re.MULTILINE)
    assert not {party for party in PARTIES if not any(begin.startswith(party) for begin in begins)}


def _sources() -> list[str]:
    return [path.read_text("utf-8") for path in sorted((ROOT / "tests" / "bench").glob("privacy*.py"))]


def _tests_in(path: Path) -> set[str]:
    if not path.exists():
        return set()
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}
