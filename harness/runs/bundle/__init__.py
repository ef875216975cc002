"""Bundles: images with all that a run of them needs, in one file."""
