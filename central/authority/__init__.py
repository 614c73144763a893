"""A key authority: it draws day secrets, checks releases for itself, and hands out shares. Its own process."""
