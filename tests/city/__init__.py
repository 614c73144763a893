"""A synthetic city whose truth is known: streets, cameras, people, masks, meetings. No real person is in it."""
