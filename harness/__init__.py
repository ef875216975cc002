"""Hardware-in-the-loop tests and benchmarks for int8 models on Cortex-M."""

from importlib.metadata import version

__version__ = version("tinyml-harness")
