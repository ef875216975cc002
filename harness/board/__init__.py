"""Boards: targets that have been started."""
