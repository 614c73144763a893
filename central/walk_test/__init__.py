"""A tester who has consented walks past cameras on purpose: what the system found of it, camera by camera."""
