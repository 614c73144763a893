"""What each model means: how a picture is made ready for it and how its numbers are read."""
