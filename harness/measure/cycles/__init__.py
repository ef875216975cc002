"""Cycles that one inference would take: blocks as they run on a bare core, and Arm's timings."""
