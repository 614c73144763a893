"""The probe service: it holds patients' templates and makes probe codes of approved cases. Its own process."""
