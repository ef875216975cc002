"""Compiles the SDK of an export for an image; a program that the firmware's build starts.

It imports nothing else of the harness, and so starts at once.
"""
