"""The engine `cmsis-nn`: readable C that calls Arm's CMSIS-NN, byte-exact with TFLM."""

from harness.engines.cmsis_nn.engine import CmsisNN

__all__ = ["CmsisNN"]
