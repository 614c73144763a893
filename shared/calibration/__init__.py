"""What a distance between two codes says: laws of distances, measured at a box and read by the centre."""
