"""Every shape that our databases ever had, and how one becomes the next."""
