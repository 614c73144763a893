"""Where the patient says to have been: a timeline kept by hand, with cameras or without."""
