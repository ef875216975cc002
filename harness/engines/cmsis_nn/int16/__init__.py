"""Lowerings for networks with int16 activations and int8 weights."""
