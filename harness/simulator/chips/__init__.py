"""The chips, named by their pyOCD targets: each is a module with a function of its name."""

from importlib import import_module
from typing import Any

from harness.simulator.chip_names import CHIP_NAMES, unknown_chip
from harness.simulator.chips.chip import Chip, ChipOptions


def build(name: str, options: ChipOptions) -> Chip:
    """Return the chip `name`; raise `InputError` if it is not in `CHIP_NAMES`.

    Its module is imported here: a board has one chip, and the others take time.
    """
    if name not in CHIP_NAMES:
        raise unknown_chip(name)
    module: Any = import_module(f"{__name__}.{name}")
    chip: Chip = getattr(module, name)(options)
    return chip
