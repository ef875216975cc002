"""CTRL-AP of Nordic's chips: nRF52840 PS 1.7, 4.9; nRF9160 PS, "CTRL-AP"."""

from collections.abc import Callable

from harness.simulator.core import Core
from harness.simulator.peripherals.nrf_nvmc import Nvmc

_RESET, _ERASEALL, _APPROTECTSTATUS, _ERASEPROTECTSTATUS, _IDR = 0x00, 0x04, 0x0C, 0x18, 0xFC
_IDENTIFICATION = 0x1288_0000
_NOT_PROTECTED = 1


class ControlAp:
    """The access port; `unprotected` returns APPROTECTSTATUS, whose ones mean access."""

    def __init__(self, controller: Nvmc, core: Core, unprotected: Callable[[], int]) -> None:
        self._controller = controller
        self._core = core
        self._unprotected = unprotected

    def read(self, register: int) -> int:
        """Return a register; erasing takes no time and is not protected."""
        if register == _APPROTECTSTATUS:
            return self._unprotected()
        return {_IDR: _IDENTIFICATION, _ERASEPROTECTSTATUS: _NOT_PROTECTED}.get(register, 0)

    def write(self, register: int, value: int) -> None:
        """Write RESET or ERASEALL."""
        if register == _RESET:
            self._core.set_reset(asserted=bool(value & 1))
        elif register == _ERASEALL and value & 1:
            with self._core.stopped():
                self._controller.erase_all()
