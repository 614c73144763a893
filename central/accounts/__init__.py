"""Who may do what, and the key with which each person signs."""
