"""Compiles the centre's code transform when its package is built or installed; where it cannot, numpy does its work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCE = Path(__file__).parent / "probes" / "transform.c"
_BUILT = "libtransform.so.1"  # as probes/transform.py looks for it
# No processor is named: the source is compiled for several, and the library picks.
_FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-shared", "-fstack-protector-strong", "-Wl,-z,relro,-z,now")


class TransformHook(BuildHookInterface[Any]):
    """Named in pyproject.toml. A wheel that holds the library is for one kind of machine."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        made = compiled(_SOURCE.with_name(_BUILT))
        if made:
            machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["artifacts"].append(str(made.relative_to(Path(self.root))))
            build_data |= {"pure_python": False, "tag": f"py3-none-{machine}"}


def compiled(to: Path, *flags: str) -> Path | None:
    """Compile the transform into this file, which appears whole or not at all, an older one gone; None, which is said,
    without a compiler or where it fails."""
    compiler = shutil.which(os.environ.get("CC", "")) or shutil.which("cc") or shutil.which("gcc")
    part = to.with_name(f"{to.name}.{os.getpid()}.part")
    try:
        if compiler is None:
            raise FileNotFoundError("there is no C compiler")
        command = [compiler, *_FLAGS, *flags, str(_SOURCE), "-o", str(part)]
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        part.replace(to)
    except (OSError, subprocess.SubprocessError) as error:
        why = getattr(error, "stderr", "") or str(error)
        sys.stderr.write(f"The code transform was not compiled, so searches take longer: {why.strip()}\n")
        to.unlink(missing_ok=True)
        return None
    finally:
        part.unlink(missing_ok=True)
    return to
