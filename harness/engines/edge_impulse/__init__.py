"""The engine `edge-impulse`: an exported C++ library, built with its own build files."""

from harness.engines.edge_impulse.edge_impulse_engine import EdgeImpulse

__all__ = ["EdgeImpulse"]
