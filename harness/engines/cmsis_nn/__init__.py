"""The engine `cmsis-nn`: readable C that calls Arm's CMSIS-NN, byte-exact with TFLM."""

from harness.engines.cmsis_nn.cmsis_nn_engine import CmsisNN

__all__ = ["CmsisNN"]
