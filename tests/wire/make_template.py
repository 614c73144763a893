"""Write the golden templates once: a face, clothes, and both. An existing file is never changed, only added to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from shared.templates import AppearancePart, FacePart, Template, template_to_bytes

FILE = Path(__file__).parent / "golden_template_v1.json"


def templates() -> dict[str, Template]:
    """Fixed inputs."""
    ramp = (np.arange(192) * 37 % 255 - 127).astype(np.int8)
    wide = (np.arange(640) * 53 % 255 - 127).astype(np.int8)
    face, worn = FacePart("mfn192-int8-1", ramp, ramp[::-1].copy()), AppearancePart("mnv2-stripes-1", wide)
    return {"face": Template(3, face, None), "clothes": Template(0, None, worn), "both": Template(5, face, worn)}


def golden() -> dict[str, str]:
    """Their plain bytes, as hexadecimal text: what is sealed differs each time."""
    return {name: template_to_bytes(template).hex() for name, template in templates().items()}


if __name__ == "__main__":
    if FILE.exists():
        raise SystemExit(f"{FILE} exists. Golden messages do not change: a new form gets a file of its own.")
    FILE.write_text(json.dumps(golden(), indent=1) + "\n")
