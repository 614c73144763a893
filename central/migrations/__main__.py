"""python -m central.migrations revise: write the newest revisions anew from the models. For developers."""

from __future__ import annotations

import argparse

from central.migrations.revise import revise
from central.migrations.trees import AUTHORITY, CENTRE


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m central.migrations", description=__doc__)
    parser.add_argument("verb", choices=["revise"])
    parser.parse_args()
    for tree in (CENTRE, AUTHORITY):
        print(revise(tree))


if __name__ == "__main__":
    main()
