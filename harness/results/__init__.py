"""Records of runs: writes, stores, finds and judges them."""
