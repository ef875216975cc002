"""What is written down of runs."""
