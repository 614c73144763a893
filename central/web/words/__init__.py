"""The pages' words, English and Korean. A word that is missing fails a test, not a tracer."""

from __future__ import annotations

from typing import Final

from central.reports.map_words import Language
from central.web.words.cases import CASES
from central.web.words.governance import GOVERNANCE
from central.web.words.refusals import REFUSALS
from central.web.words.signing import SIGNING

WORDS: Final[dict[str, tuple[str, str]]] = {**CASES, **SIGNING, **GOVERNANCE}


def word(name: str, language: Language, **values: object) -> str:
    """A phrase in the language, filled in. KeyError for one that does not exist."""
    return WORDS[name][language == "ko"].format(**values)


def korean_refusal(kind: str) -> tuple[str, str] | None:
    """What a common refusal says in Korean, and what to do next; None for a rare one, told in English only."""
    return REFUSALS.get(kind)
