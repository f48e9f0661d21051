"""One file a revision; its number is its name."""
