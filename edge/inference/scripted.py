"""A session that answers what it was told to, so that a model's arithmetic can be tested without its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge.inference import Array, Floats, TensorSpec

Answer = Mapping[str, Floats] | Callable[[Array], Mapping[str, Floats]]


class ScriptedSession:
    """`answer` is given for each run, or computed from what comes in; `seen` keeps every input."""

    def __init__(self, spec: TensorSpec, answer: Answer) -> None:
        self._spec, self._answer = spec, answer
        self.seen: list[Array] = []

    @property
    def input(self) -> TensorSpec:
        return self._spec

    def run(self, stored: Array) -> Mapping[str, Floats]:
        if stored.shape != self._spec.shape or stored.dtype != self._spec.dtype:
            wanted = f"{self._spec.shape} {self._spec.dtype}"
            raise ValueError(f"the model takes {wanted}, it was given {stored.shape} {stored.dtype}")
        self.seen.append(stored)
        return self._answer(stored) if callable(self._answer) else self._answer
