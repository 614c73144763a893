"""Learn edge/models/weights/face_unmasking.npz, which takes embeddings of masked faces back to bare ones.

Masks are drawn on photos of many people as a street camera would see them; who they are is not kept.

    python -m tools.weights.learn_unmasking ../shared/data/lfw_view1_test/pairs.csv \
        ../shared/data/lfw_view1_test/images OUT.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge.calibrate.pairs import find_all, read_pairs
from edge.calibrate.street_faces import sample
from edge.model_vision import ModelVision


def main() -> None:
    faces = sample(find_all(read_pairs(Path(sys.argv[1])), Path(sys.argv[2]), ModelVision.load()))
    learned = faces.learn(np.ones(len(faces.people), bool))
    np.savez_compressed(sys.argv[3], mean=learned.mean, matrix=learned.matrix)


if __name__ == "__main__":
    main()
