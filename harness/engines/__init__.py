"""Engines: how a graph becomes C sources that the firmware links."""
