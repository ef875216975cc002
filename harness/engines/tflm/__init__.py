"""The engine `tflm`: the user's own build of TensorFlow Lite for Microcontrollers."""

from harness.engines.tflm.tflm_engine import Tflm

__all__ = ["Tflm"]
