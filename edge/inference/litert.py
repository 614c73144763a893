"""LiteRT, the only place that imports it. On boxes that carry its predecessor tflite-runtime, that serves as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge.inference import Array, BadModelFile, Floats, NoRuntime, TensorSpec

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    try:
        from tflite_runtime.interpreter import Interpreter
    except ImportError:
        Interpreter = None


class LiteRtSession:
    """A .tflite model in memory, on the processor. One thread by default: a box has one core a camera."""

    def __init__(self, content: bytes, threads: int = 1) -> None:
        if Interpreter is None:
            raise NoRuntime("no model runtime is installed", hint="pip install ai-edge-litert")
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BadModelFile(f"the runtime refuses a model: {error}", hint="reinstall the edge package") from None
        details = self._interpreter.get_input_details()[0]
        self._index: int = details["index"]
        self._outputs: list[dict[str, Any]] = self._interpreter.get_output_details()
        self._input = _spec(details)

    @property
    def input(self) -> TensorSpec:
        return self._input

    def run(self, stored: Array) -> Mapping[str, Floats]:
        """Outputs by name. Raises ValueError where the shape or dtype is not the input's: a fault of the caller."""
        self._interpreter.set_tensor(self._index, stored)
        self._interpreter.invoke()
        return {output["name"]: self._real(output) for output in self._outputs}

    def _real(self, output: dict[str, Any]) -> Floats:
        stored = self._interpreter.get_tensor(output["index"])
        spec = _spec(output)
        if spec.dtype.kind == "f":
            return np.asarray(stored, np.float32)
        return np.asarray((stored.astype(np.float32) - spec.zero_point) * spec.scale, np.float32)


def _spec(details: dict[str, Any]) -> TensorSpec:
    dtype, shape = np.dtype(details["dtype"]), tuple(int(side) for side in details["shape"])
    scale, zero_point = details["quantization"]
    # The runtime reports scale 0 for tensors that are not quantised.
    return TensorSpec(shape, dtype, float(scale), int(zero_point)) if scale else TensorSpec(shape, dtype)
