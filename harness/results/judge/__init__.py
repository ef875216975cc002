"""Judges Records beside other Records: comparisons, the gate, trends."""
