"""What the outputs should be, and what computed it."""
