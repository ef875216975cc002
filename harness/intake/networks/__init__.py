"""Reads a network from the file that a user has."""
