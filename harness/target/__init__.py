"""Target files: the board, the way to reach it, and its counter."""
