"""A box beside the cameras: frame in, sealed batch out."""
