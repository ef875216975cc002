"""Meters that measure a board's current."""
