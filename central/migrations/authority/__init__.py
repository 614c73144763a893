"""An authority's database, revision by revision."""
