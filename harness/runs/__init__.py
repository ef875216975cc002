"""Runs: a device under test, a session with it, and the result."""
