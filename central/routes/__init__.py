"""From candidates to a route: pure mathematics, no database, no network."""
