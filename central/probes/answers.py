"""What the probe service answers to several cases at once: each one's sealed probes, or why there are none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from central.errors import ServiceDown
from shared.errors import BadInput, CairnError, Refused
from shared.wire import pack, unpack


def answers_to_bytes(answers: Iterable[bytes | CairnError]) -> bytes:
    return pack([one if isinstance(one, bytes) else _words(one) for one in answers])


def answers_from_bytes(raw: bytes, kinds: Mapping[str, type[CairnError]]) -> list[bytes | CairnError]:
    """The same again; `kinds` are the errors that are known by name. Raises ServiceDown for another form."""
    try:
        return [one if isinstance(one, bytes) else _error(one, kinds) for one in unpack(raw, BadInput, "an answer")]
    except (BadInput, TypeError, ValueError, KeyError, AttributeError):
        raise ServiceDown("the probe service answers in another form", hint="compare the versions") from None


def _words(error: CairnError) -> list[str]:
    return [type(error).__name__, error.message, error.hint]


def _error(words: list[str], kinds: Mapping[str, type[CairnError]]) -> CairnError:
    name, message, hint = words
    return kinds.get(name, Refused)(message, hint=hint)
