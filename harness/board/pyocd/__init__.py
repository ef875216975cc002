"""Boards that are connected through a debug probe."""
