"""The store of sealed batches; it holds no key."""
