"""The chips, named by their pyOCD targets."""

from collections.abc import Callable, Mapping

from harness.errors import InputError
from harness.simulator.chips.chip import Chip, ChipOptions
from harness.simulator.chips.kw41z4 import kw41z4
from harness.simulator.chips.nrf91 import nrf91
from harness.simulator.chips.nrf52840 import nrf52840
from harness.simulator.chips.stm32f429xi import stm32f429xi
from harness.simulator.chips.stm32l475xg import stm32l475xg
from harness.support.suggestions import suggest

CHIPS: Mapping[str, Callable[[ChipOptions], Chip]] = {
    "stm32f429xi": stm32f429xi,
    "stm32l475xg": stm32l475xg,
    "nrf52840": nrf52840,
    "nrf91": nrf91,
    "kw41z4": kw41z4,
}


def build(name: str, options: ChipOptions) -> Chip:
    """Return the chip `name`; raise `InputError` if it is not in `CHIPS`."""
    if name not in CHIPS:
        raise InputError(
            f"there is no virtual board with the chip {name!r}", remedy=suggest(name, CHIPS)
        )
    return CHIPS[name](options)
