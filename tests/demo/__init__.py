"""The demonstration: rendered cameras, real boxes, real centre."""
