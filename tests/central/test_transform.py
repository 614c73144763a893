"""The compiled code transform: the bits of the definition, nothing touched beside them, and numpy in its absence."""

from __future__ import annotations

import ctypes.util
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.hatch_build import compiled
from central.probes import transform
from central.probes.transform import built, encode_quantised
from shared import codes
from shared.codes import FACE_BITS, MAX_DIMENSIONS, Int8
from shared.errors import BadEmbedding, BadInput

_WATCHING = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-Wall", "-Wextra", "-Werror")
compiler = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler: tools/need gcc libc6-dev")


@pytest.fixture(scope="module", autouse=True)
def _there() -> None:
    """Without the library every test of this file would hold numpy against itself."""
    if built(transform.BUILT) is None:
        assert os.environ.get("CI") != "true", "the transform was not compiled"
        pytest.skip("the transform is not compiled here: tools/need gcc libc6-dev, then tools/bootstrap")


def embeddings(seed: int, n: int, d: int) -> Int8:
    return np.random.default_rng(seed).integers(-128, 128, (n, d)).astype(np.int8)


@settings(max_examples=120)
@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.sampled_from([1, 5, 8, 9, 16, 31, 64, 100, 192, 256, 257, 512, 1280, 4096]),
    bits=st.sampled_from([8, 64, 512, 1000, 1024]),
    n=st.integers(0, 5),
    keys=st.integers(0, 19),
)
def test_the_compiled_transform_gives_the_bits_of_the_reference(
    seed: int, d: int, bits: int, n: int, keys: int
) -> None:
    """For any length, number of rows and keys, and where a code ends inside a block, every bit is the box's."""
    x, some = embeddings(seed, n, d), [np.random.default_rng(seed + k).bytes(32) for k in range(keys)]
    made = encode_quantised(x, some, bits)
    assert made.shape == (keys, n, bits // 8)
    assert (made == codes.encode_quantised(x, some, bits)).all()


@pytest.mark.parametrize("kind", ["largest", "alternating", "one"])
def test_nothing_is_lost_at_the_largest_size(kind: str) -> None:
    """With 4,096 dimensions at full scale 32 bits hold what doubles hold."""
    x = {
        "largest": np.full(MAX_DIMENSIONS, 127),
        "alternating": np.where(np.arange(MAX_DIMENSIONS) % 2, 127, -127),
        "one": np.eye(1, MAX_DIMENSIONS)[0] * 127,
    }[kind].astype(np.int8)[None]
    keys = [bytes([k] * 32) for k in range(3)]
    assert (encode_quantised(x, keys, 4096) == codes.encode_quantised(x, keys, 4096)).all()


def test_what_is_no_embedding_or_key_is_refused_before_it_is_handed_over() -> None:
    """Nothing that numpy would refuse reaches compiled code, which looks at nothing."""
    wrong: list[Any] = [np.zeros((1, 192), np.int16), np.zeros(192, np.int8), np.zeros((1, 4097), np.int8)]
    for bad in wrong:
        with pytest.raises(BadEmbedding):
            encode_quantised(bad, [bytes(32)], FACE_BITS)
    for key, bits in ((bytes(31), 1024), (bytes(33), 1024), (bytes(32), 1020), (bytes(32), 0)):
        with pytest.raises(BadInput):
            encode_quantised(embeddings(1, 1, 192), [bytes(32), key], bits)


def test_rows_that_do_not_lie_together_are_read_rightly() -> None:
    """Every second row of a larger array, turned over, gives the codes of these rows."""
    every, keys = embeddings(1, 8, 384), [bytes([k] * 32) for k in range(5)]
    some = every[::-2, ::2]
    assert (encode_quantised(some, keys, FACE_BITS) == codes.encode_quantised(some.copy(), keys, FACE_BITS)).all()


def test_without_the_library_numpy_does_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The codes are the same, and the operator is told once what to install."""
    x, keys = embeddings(1, 3, 192), [bytes(32), bytes([1] * 32)]
    with_it = encode_quantised(x, keys, FACE_BITS)
    monkeypatch.setattr(transform, "BUILT", tmp_path / "libtransform.so")
    with caplog.at_level(logging.WARNING):
        assert (encode_quantised(x, keys, FACE_BITS) == with_it).all()
        assert (encode_quantised(x, keys, FACE_BITS) == with_it).all()
    (told,) = caplog.messages
    assert "gcc" in told


def test_a_library_that_is_another_is_not_used(tmp_path: Path) -> None:
    """Garbage, or a library without our function, is as good as none."""
    (tmp_path / "garbage.so").write_bytes(b"\x7fELF" + bytes(100))
    assert built(tmp_path / "garbage.so") is None
    assert built(Path(str(ctypes.util.find_library("c")))) is None


@compiler
def test_it_reads_and_writes_nothing_but_what_it_is_given(tmp_path: Path) -> None:
    """Compiled without a warning to watch its own memory (AddressSanitizer, UBSan), it encodes rows that end where
    their memory ends."""
    watched = compiled(tmp_path / "libwatched.so", *_WATCHING)
    assert watched
    runtime = [_of_compiler(name) for name in ("libasan.so", "libubsan.so")]
    if not all(Path(file).is_absolute() for file in runtime):
        pytest.skip("this compiler brings no sanitizers")
    code = (
        "import sys; from pathlib import Path; import numpy as np; from central.probes import transform\n"
        "from shared import codes; transform.BUILT = Path(sys.argv[1]); assert transform.built(transform.BUILT)\n"
        "for d, bits, n, keys in ((192, 1024, 3, 5), (1280, 512, 2, 3), (1, 8, 1, 17), (4096, 1000, 1, 1)):\n"
        "    x = np.random.default_rng(d).integers(-127, 128, (n, d)).astype(np.int8)\n"
        "    some = [bytes([k] * 32) for k in range(keys)]\n"
        "    made = transform.encode_quantised(x, some, bits)\n"
        "    assert (made == codes.encode_quantised(x, some, bits)).all()\n"
        "print('whole')"
    )
    environment = os.environ | {
        "LD_PRELOAD": " ".join(runtime),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
    }
    command = [sys.executable, "-c", code, str(watched)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=transform.BUILT.parents[2]
    )
    assert done.stdout.strip() == "whole", done.stderr


def _of_compiler(name: str) -> str:
    done = subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)  # noqa: S607
    return done.stdout.strip()


@pytest.mark.parametrize("broken", ["no-such-compiler", "false"])
def test_an_installation_without_a_working_compiler_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    """It says that searches take longer, and leaves neither half a library behind nor that of an older source."""
    empty = tmp_path / "bin"
    empty.mkdir()
    if shutil.which(broken):
        (empty / "cc").symlink_to(str(shutil.which(broken)))
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.delenv("CC", raising=False)
    (tmp_path / "libtransform.so").write_bytes(b"older")
    assert compiled(tmp_path / "libtransform.so") is None
    assert "searches take longer" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [empty]
