"""Writes the numbers that the pages show: `make docs-numbers`.

A page marks a block of numbers with two comments; `registry.py` has a function for each block,
which measures the numbers and returns Markdown. The digest in the first comment shows whether
something that the numbers depend on has changed since.
"""
