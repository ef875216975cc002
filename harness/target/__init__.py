"""Target files: what a board is, how to reach it, and what it measures with."""
