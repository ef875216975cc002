"""The suite that `--target` runs: every model on every target asked for."""

from harness.image.memory_use import Use, memory_use
from harness.runs.link_dut import LinkDut


def test_model_is_right_on_the_device(dut: LinkDut) -> None:
    run = dut.run()
    run.check()
    assert run.quality == run.golden_quality
    # Every model on every target that CI has: where it goes adds up to what is taken.
    use = memory_use(run.image.elf)
    for uses in (use.parts.values(), use.sections.values()):
        assert sum(uses, Use()) == Use(run.image.flash, run.image.ram)
    if dut.target.counter.ticks == "instructions":
        assert run.retries == 0, "an emulator's line loses nothing"
