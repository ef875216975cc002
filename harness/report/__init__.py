"""Records shown to people."""
