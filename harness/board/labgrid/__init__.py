"""Boards of a farm: places that labgrid's coordinator lends to one session at a time."""
