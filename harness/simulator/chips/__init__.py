"""The chips, named by their pyOCD targets: each is a module with a function of its name."""

from importlib import import_module
from typing import Any

from harness.errors import InputError
from harness.simulator.chip_names import CHIP_NAMES
from harness.simulator.chips.chip import Chip, ChipOptions
from harness.support.suggestions import suggest


def build(name: str, options: ChipOptions) -> Chip:
    """Return the chip `name`; raise `InputError` if it is not in `CHIP_NAMES`.

    Its module is imported here: a board has one chip, and the others take time.
    """
    if name not in CHIP_NAMES:
        raise InputError(
            f"there is no virtual board with the chip {name!r}", remedy=suggest(name, CHIP_NAMES)
        )
    module: Any = import_module(f"{__name__}.{name}")
    chip: Chip = getattr(module, name)(options)
    return chip
