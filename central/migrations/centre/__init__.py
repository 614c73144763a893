"""The centre's database, revision by revision."""
