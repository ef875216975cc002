"""Boards: targets that are started."""
