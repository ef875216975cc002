"""Golden outputs: the expected outputs, and the oracle that computes them."""
