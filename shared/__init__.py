"""What a box and the centre must agree on: names, time, keys, codes, batches and the wire."""
