"""A test that tells when its first inference was done; tests/perf.py runs it."""

import time

from harness.dut import Dut


def test_first_inference(dut: Dut) -> None:
    dut.infer(dut.model.vectors.inputs[0])
    print(f"\nfirst inference {time.time()}")
