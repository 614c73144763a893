"""Write the golden export files anew, when their form was changed on purpose: run it as a module."""

from __future__ import annotations

from central.exports.formats import Format
from tests.central.test_exports import GOLDEN, files

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for kind in Format:
        for name, content in files(kind).items():
            (GOLDEN / f"{kind}-{name}").write_bytes(content)
