"""The code transform, compiled: bit for bit what `shared.codes` gives, and several times as fast.

A city's probes are made under 227,000 keys for each search, and a box codes a few faces a second; so only the centre
has it. It is built from transform.c when the package is, where there is a C compiler (hatch_build.py); where there was
none, numpy does its work. Nothing is compiled while the service runs, whose unit denies that.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from shared import codes
from shared.codes import Int8, UInt8

log = logging.getLogger(__name__)

BUILT = Path(__file__).with_name("libtransform.so.1")  # the number is that of what its function is given


def encode_quantised(x_q: Int8, keys: Sequence[bytes], bits: int) -> UInt8:
    """Codes [len(keys), n, bits/8] of quantised embeddings [n, d], every embedding under every key.

    Raises BadEmbedding and BadInput.
    """
    library = built(BUILT)
    if library is None:
        return codes.encode_quantised(x_q, keys, bits)
    x = codes.padded(x_q)
    n, d = x.shape
    streams, blocks = codes.sign_streams(keys, d, bits), codes.blocks_of(d, bits)
    made = np.empty((len(keys), n, bits // 8), np.uint8)
    if library.cairn_encode(x.ctypes.data, n, d, streams, len(keys) * blocks, blocks, bits // 8, made.ctypes.data):
        raise MemoryError
    return made


@cache
def built(file: Path) -> ctypes.CDLL | None:
    """The library in that file; None, which is said once, where there is none that fits."""
    try:
        library = ctypes.CDLL(str(file))
        encode = library.cairn_encode
    except (OSError, AttributeError):
        hint = "install gcc and libc6-dev, and this package again"
        log.warning("the compiled transform is not there, so searches take longer: %s", hint)
        return None
    size, address = ctypes.c_size_t, ctypes.c_void_p
    encode.argtypes = [address, size, size, ctypes.c_char_p, size, size, size, address]
    encode.restype = ctypes.c_int
    return library
