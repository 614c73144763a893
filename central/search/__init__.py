"""Search: sealed batches in, scored candidates out, in a process that is thrown away afterwards."""
