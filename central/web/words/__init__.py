"""The pages' words, English and Korean. A word that is missing fails a test, not a tracer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from central.reports.map_words import Language
from central.web.words.asking import ASKING
from central.web.words.cases import CASES
from central.web.words.contacts import CONTACTS
from central.web.words.exports import EXPORTS
from central.web.words.governance import GOVERNANCE
from central.web.words.refusals import REFUSALS
from central.web.words.signing import SIGNING

WORDS: Final[dict[str, tuple[str, str]]] = {**CASES, **CONTACTS, **ASKING, **SIGNING, **GOVERNANCE, **EXPORTS}


def word(name: str, language: Language, **values: object) -> str:
    """A phrase in the language, filled in. KeyError for one that does not exist."""
    return WORDS[name][language == "ko"].format(**values)


def korean_refusal(kinds: Iterable[str]) -> tuple[str, str] | None:
    """What a refusal says in Korean, and what to do next: by its own name, or the nearest of those above it.

    None when none of them has words, and it is told in English only.
    """
    return next((REFUSALS[kind] for kind in kinds if kind in REFUSALS), None)
