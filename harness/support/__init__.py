"""Helpers for every room: files, names, places on disk, progress, processes, leases."""
