"""What brings back a board that hangs."""

from collections.abc import Callable
from typing import NamedTuple


class WayBack(NamedTuple):
    """A way to bring back a board that hangs: `prepare`, then start the image again."""

    name: str
    prepare: Callable[[], None]
    """Do what comes before the next start; raises `InfrastructureError` if that fails."""
    is_start: bool = False
    """Whether it does no more than every first start of an image does, which is from reset."""
    needs_probe: bool = True
    """Whether it is of no use while the probe does not reach the chip."""
    only_writes_flash: bool = False
    """Whether it is of no use if the image in flash is right."""
