"""Write the golden messages of the current schema once; an existing file is never changed, only added to."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.batches import SCHEMA_VERSION, BatchKeys, seal_batch
from shared.codes import APPEARANCE_BITS, FACE_BITS, encode_quantised
from shared.epochs import Epoch, Modality, code_key, derive_shares, seal_key
from shared.sightings import Encounter
from tests.shared.test_batches import header, sighting

FILE = Path(__file__).parent / "golden_v3.json"
OLDER = (Path(__file__).parent / "golden_v1.json", Path(__file__).parent / "golden_v2.json")
SECRETS = [bytes([1]) * 32, bytes([2]) * 32]
EPOCH = Epoch("cell-1", 498_681)
SIGNING = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)


def golden() -> dict[str, str]:
    """Keys, codes and one batch from fixed inputs, as hexadecimal text."""
    shares = [derive_shares(secret, EPOCH) for secret in SECRETS]
    face = code_key([s.code for s in shares], Modality.FACE, "mfn192-int8-1", EPOCH)
    appearance = code_key([s.code for s in shares], Modality.APPEARANCE, "reid-mnv2-1", EPOCH)
    seal = seal_key([s.seal for s in shares], "node-1", EPOCH)
    ramp = (np.arange(192) * 37 % 255 - 127).astype(np.int8)[None]
    wide = (np.arange(1280) * 53 % 255 - 127).astype(np.int8)[None]
    met = Encounter(1, 2, EPOCH.start, EPOCH.start + timedelta(seconds=61.5), 0.83, 0.21, (4.0, 20.5, 31.0, 40.0, 61.5))
    two = [sighting(1), sighting(2)]
    batch = seal_batch(header(2, version=SCHEMA_VERSION), two, [met], BatchKeys(seal, SIGNING), 1)
    return {
        "code_share": shares[0].code.hex(),
        "seal_share": shares[0].seal.hex(),
        "face_key": face.hex(),
        "appearance_key": appearance.hex(),
        "seal_key": seal.hex(),
        "face_code": encode_quantised(ramp, [face], FACE_BITS)[0, 0].tobytes().hex(),
        "appearance_code": encode_quantised(wide, [appearance], APPEARANCE_BITS)[0, 0].tobytes().hex(),
        "batch": batch.hex(),
    }


if __name__ == "__main__":
    if FILE.exists():
        raise SystemExit(f"{FILE} exists. Golden messages do not change: a new schema gets a file of its own.")
    FILE.write_text(json.dumps(golden(), indent=1) + "\n")
