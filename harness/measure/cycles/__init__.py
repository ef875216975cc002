"""Estimated cycles of an inference: the blocks that run on a bare core, and Arm's timings."""
