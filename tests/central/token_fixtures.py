"""A software token of its own for a test: SoftHSM2, the real library, with its folder below the test's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest

from central.authority.token_place import TokenPlace

PIN = "correct horse 1234"
_PLACES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/*.so")


@dataclass(frozen=True, slots=True)
class SoftToken:
    """A token that can be taken away, and its PIN's file."""

    folder: Path
    module: Path
    pin_file: Path

    def place(self, token: str = "north", key: str = "cairn day secrets") -> TokenPlace:  # noqa: S107  (a label)
        return TokenPlace(self.module, token, self.pin_file, key)

    def environment(self) -> dict[str, str]:
        """For programs that are to find this token."""
        return {**os.environ, "SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}

    def add(self, label: str) -> None:
        """Another token beside the first."""
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "so-" + PIN],  # noqa: S607
            check=True, capture_output=True, env=self.environment(),
        )  # fmt: skip

    def take_away(self) -> None:
        (self.folder / "tokens").rename(self.folder / "gone")

    def bring_back(self) -> None:
        (self.folder / "gone").rename(self.folder / "tokens")


@contextmanager
def soft_token(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftToken]:
    """Skips where SoftHSM2 is not installed; in CI it must be."""
    module = next((found for place in _PLACES for found in sorted(Path("/").glob(place[1:]))), None)
    if module is None or shutil.which("softhsm2-util") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("SoftHSM2 is missing: apt-get install softhsm2")
        pytest.skip("SoftHSM2 is not installed (apt-get install softhsm2)")
    (folder / "tokens").mkdir(parents=True)
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    pin = folder / "pin"
    pin.touch(mode=0o600)
    pin.write_text(PIN + "\n")
    made = SoftToken(folder, module, pin)
    made.add("north")
    monkeypatch.setenv("SOFTHSM2_CONF", str(conf))
    pkcs11.unload(str(module))  # it reads its settings when it is loaded
    try:
        yield made
    finally:
        pkcs11.unload(str(module))
