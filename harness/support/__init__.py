"""Helpers for every room: files, names, places, the terminal, processes, leases, secrets."""
