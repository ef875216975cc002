"""Records of runs: written, stored, found again, and judged."""
