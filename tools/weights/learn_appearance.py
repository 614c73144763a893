"""Learn edge/models/weights/appearance_map.npz from pictures of people whom two cameras saw.

python -m tools.weights.learn_appearance ../shared/data/pku_reid OUT.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge.calibrate.appearance import GALLERY, QUERY, Seen, listed
from edge.calibrate.learning import within_people
from edge.models.appearance_embedder import MODEL


def main() -> None:
    images = Path(sys.argv[1])
    seen = Seen.of(listed(images, QUERY) + listed(images, GALLERY), MODEL)
    learned = within_people(seen.stripes, seen.people)
    np.savez_compressed(sys.argv[2], mean=learned.mean, matrix=learned.matrix.astype(np.float16))


if __name__ == "__main__":
    main()
