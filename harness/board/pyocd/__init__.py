"""Boards behind a debug probe."""
