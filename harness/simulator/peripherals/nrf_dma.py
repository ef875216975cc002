"""EasyDMA of Nordic's peripherals (nRF52840 PS 1.7, "EasyDMA").

It reaches only RAM. On silicon a pointer to other addresses can end in a HardFault; here it
transfers nothing.
"""

from harness.simulator.bus import Bus


def load(bus: Bus, address: int, size: int) -> bytes | None:
    """Return `size` bytes of RAM at `address`; None if they are not in RAM."""
    found = bus.memory(address, size)
    if found is None or found[0].flash:
        return None
    return bytes(found[0].bytes[found[1] : found[1] + size])


def store(bus: Bus, address: int, data: bytes) -> bool:
    """Store `data` at `address`, if that is in RAM; return whether it is."""
    found = bus.memory(address, len(data))
    if found is None or found[0].flash:
        return False
    if data:
        found[0].bytes[found[1] : found[1] + len(data)] = data
        bus.written(address, len(data))
    return True
