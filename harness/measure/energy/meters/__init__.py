"""Meters that measure the current of a board."""
