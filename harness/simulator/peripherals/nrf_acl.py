"""ACL of the nRF52840 (PS 1.7, 6.3): regions of flash that cannot be written until the next reset.

Reading is never denied.
"""

from harness.simulator.peripherals.nrf_nvmc import PAGE, Nvmc

_FIRST, _REGIONS, _REGION_SIZE = 0x800, 8, 0x10
_ADDRESS, _SIZE, _PERM = 0x0, 0x4, 0x8
_NO_WRITE = 1 << 1
_LARGEST = 0x8_0000


class NrfAcl:
    """The ACL and the `controller` whose code memory it protects: they share their addresses.

    Each region can be set once.
    """

    def __init__(self, controller: Nvmc) -> None:
        self._controller = controller
        self._registers: dict[int, int] = {}

    def reset(self) -> None:
        """Remove all regions."""
        self._registers.clear()
        self._controller.denied.clear()
        self._controller.reset()

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset < _FIRST:
            return self._controller.read(offset)
        return self._registers.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register; one of the ACL only if it is still zero."""
        if offset < _FIRST:
            self._controller.write(offset, value)
        elif not self._registers.get(offset):
            self._registers[offset] = value
            self._protect(*divmod(offset - _FIRST, _REGION_SIZE))

    def _protect(self, region: int, register: int) -> None:
        base = _FIRST + _REGION_SIZE * region
        if region >= _REGIONS or register != _PERM or not self.read(base + _PERM) & _NO_WRITE:
            return
        address, size = self.read(base + _ADDRESS), self.read(base + _SIZE)
        if address % PAGE == 0 and size % PAGE == 0 and size <= _LARGEST:
            self._controller.denied |= set(range(address // PAGE, (address + size) // PAGE))
