"""Arduino: the link as a library for sketches, and sketches as firmware."""
