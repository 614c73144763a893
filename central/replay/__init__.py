"""Scenario folders with known truth, played through the real code and scored."""
