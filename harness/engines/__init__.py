"""Engines: they turn a graph into C sources for the firmware."""
