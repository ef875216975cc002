"""The engine `tflm`: the user's own TensorFlow Lite for Microcontrollers, as it was built."""

from harness.engines.tflm.tflm_engine import Tflm

__all__ = ["Tflm"]
