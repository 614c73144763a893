"""From pixels to metres on the ground, and from metres to who was near whom."""
