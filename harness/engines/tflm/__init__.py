"""The engine `tflm`: the user's own TensorFlow Lite for Microcontrollers, as it was built."""

from harness.engines.tflm.engine import Tflm

__all__ = ["Tflm"]
