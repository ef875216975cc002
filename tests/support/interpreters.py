"""The interpreters that compute golden outputs: tests that need one skip without it."""

from importlib.util import find_spec

import pytest

needs_tflm = pytest.mark.skipif(
    find_spec("tflite_micro") is None,
    reason="tflite-micro is not installed; it has wheels for Linux on x86-64 only",
)
needs_litert = pytest.mark.skipif(
    find_spec("ai_edge_litert") is None,
    reason="ai-edge-litert is not installed: pip install 'tinyml-harness[golden]'",
)
