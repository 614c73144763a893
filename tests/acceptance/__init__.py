"""The acceptance tests of the privacy design, one module each; statistics in full are measured by `make bench`."""
