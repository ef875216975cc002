"""A test that tells when its first inference was done; tests/perf/__main__.py runs it."""

import time

from harness.runs.link_dut import LinkDut


def test_first_inference(dut: LinkDut) -> None:
    dut.infer(dut.model.vectors.inputs[0])
    print(f"\nfirst inference {time.time()}")
