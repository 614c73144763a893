"""One person in one camera, from the first frame to the last."""
