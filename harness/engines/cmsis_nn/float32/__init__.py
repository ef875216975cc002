"""Lowerings for layers that compute with float32, in TFLM's order of operations."""
