"""3 · What an older version wrote means the same today; tests/wire/test_golden.py compares the bytes themselves."""

from __future__ import annotations

import json
import re

from shared.batches import KNOWN_VERSIONS, SCHEMA_VERSION, open_batch, verify_batch
from tests.wire.make_golden import FILE, SIGNING


def test_every_version_that_is_read_has_a_golden_batch_that_opens() -> None:
    """Each known schema version has a file with a batch of it, which verifies and opens with the key in the file."""
    files = {int(re.findall(r"\d+", path.name)[0]): path for path in FILE.parent.glob("golden_v*.json")}
    assert set(files) == KNOWN_VERSIONS
    assert max(KNOWN_VERSIONS) == SCHEMA_VERSION
    for version, path in files.items():
        kept = json.loads(path.read_text())
        batch = verify_batch(bytes.fromhex(kept["batch"]), SIGNING.public_key())
        assert batch.header.version == version
        assert len(open_batch(batch, bytes.fromhex(kept["seal_key"]))) == batch.header.people
        assert {"code_share", "seal_share", "face_key", "seal_key", "face_code", "appearance_code"} <= set(kept)
