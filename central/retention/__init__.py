"""How long each kind of data is kept, and its destruction when that time is over."""
