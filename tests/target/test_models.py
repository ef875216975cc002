"""The suite that `--target` runs: every model on every target asked for."""

from harness.dut import Dut


def test_model_is_right_on_the_device(dut: Dut) -> None:
    run = dut.run()
    run.check()
    assert run.quality == run.golden_quality
    if dut.target.counter.ticks == "instructions":
        assert run.retries == 0, "an emulator's line loses nothing"
