"""A virtual board: chip, serial line and debug port on a desk that things go wrong on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.simulator import board_faults, chips
from harness.simulator.chips.chip import IDENTITY, PART, Options
from harness.simulator.dap import DebugPort, TransferFaultError
from harness.simulator.line_faults import LineFault
from harness.simulator.serial_line import SerialLine
from harness.simulator.socket_protocol import Operation, Status, decode_operations, encode_answer
from harness.support.suggestions import suggest

if TYPE_CHECKING:
    from harness.simulator.meters.supply import Supply
    from harness.simulator.meters.virtual_meter import VirtualMeter


class Board:
    """A powered board with a `chip`, one of whose UARTs, `uart`, is on the serial line.

    `boot` is where reset finds the vector table, if not where the chip has it, as with a bootloader
    that hands over. `meter` is what is in its supply, if anything is. When the board is unplugged,
    `withdraw` is called before anybody can notice it, and `unplugged` once its line is closed.
    """

    def __init__(
        self,
        chip: str,
        *,
        uart: str | None = None,
        boot: int | None = None,
        texts: Sequence[str] = (),
        portable: bool = False,
        meter: str = "",
    ) -> None:
        identity = None
        for text in texts:
            name, value = board_faults.split(text)
            if name == board_faults.WRONG_CHIP:
                identity = _known_chip(value)
        self.chip = chips.build(chip, Options(identity, portable, boot))
        self.withdraw: Callable[[], None] = lambda: None
        self.unplugged: Callable[[], None] = lambda: None
        self.busy = False
        self.is_unplugged = False
        self._powered = True
        self._unplug_in: int | None = None
        self._flashing = False
        self._port = DebugPort(self.chip.core, self.chip.access_ports)
        uarts = self.chip.uarts
        name = (uart or next(iter(uarts))).upper()
        if name not in uarts:
            raise InputError(f"the {chip} has no UART {uart!r}", remedy=suggest(name, uarts))
        uarts[name].idle = self.chip.core.idle
        self.line = SerialLine(uarts[name], self.chip.core.stopped)
        self.chip.flash.array.busy = self._on_flash
        self.meter = self._metered(meter) if meter else None
        for text in texts:
            if board_faults.split(text)[0] != board_faults.WRONG_CHIP:
                board_faults.apply(self, text)
        if self._powered:
            self.chip.core.power_on()

    def close(self) -> None:
        """End its threads and hang up the line."""
        self.chip.core.close()
        self.line.close()
        if self.meter:
            self.meter.close()

    def execute(self, batch: bytes) -> bytes:
        """Execute a session's batch and return the answer."""
        words: list[int] = []
        for operation, address, count, values in decode_operations(batch):
            self._count()
            if self.is_unplugged:
                raise ConnectionError("unplugged")
            if not self._powered:
                return encode_answer(Status.NO_ACK, words)
            try:
                words += self._transfer(operation, address, count, values)
            except TransferFaultError:
                return encode_answer(Status.FAULT, words)
        return encode_answer(Status.OK, words)

    def _transfer(
        self, operation: Operation, address: int, count: int, values: tuple[int, ...]
    ) -> list[int]:
        if operation is Operation.READ_AP:
            return self._port.read_ap(address, count)
        if operation is Operation.READ_DP:
            return [self._port.read_dp(address)]
        if operation is Operation.WRITE_AP:
            self._port.write_ap(address, values)
        elif operation is Operation.WRITE_DP:
            self._port.write_dp(address, values[0])
        else:
            self.chip.core.set_reset(asserted=bool(address))
        return []

    # Faults

    def cut_power(self) -> None:
        """Leave the chip without power: it runs no more and does not answer."""
        self._powered = False
        self.chip.core.set_reset(asserted=True)

    def keep_busy(self) -> None:
        """Let sessions be refused as if somebody else had the probe."""
        self.busy = True

    def mend(self) -> None:
        """Give power back, and the probe."""
        self.busy = False
        if not self._powered:
            self._powered = True
            self.chip.core.set_reset(asserted=False)

    def unplug(self) -> None:
        """Take the board away: session, probe and port are gone."""
        if not self.is_unplugged:
            self.withdraw()
            self.is_unplugged = True
            # Not here: this may be the core's own thread, or a session's.
            threading.Thread(target=self._leave, name="unplug", daemon=True).start()

    def unplug_during_flash(self, transfers: int) -> None:
        """Unplug so many debug transfers after the flash was first erased or programmed."""
        self._unplug_in = transfers

    def protect(self, sector: int) -> None:
        """Write-protect a sector or page of the flash."""
        with self.chip.core.stopped():
            self.chip.flash.protect(sector)

    def stick(self, address: int, bit: int) -> None:
        """Let a bit of flash stay one."""
        array = self.chip.flash.array
        if not 0 <= address - array.memory.base < array.memory.size:
            raise ValueError(address)
        with self.chip.core.stopped():
            array.stick(address, bit)

    def disturb(self, fault: LineFault) -> None:
        """Let something happen to a byte on the serial line."""
        self.line.disturb(fault)

    def brown_out(self, instructions: int) -> None:
        """Reset after so many more instructions."""
        self.chip.core.brown_out_after(instructions)

    def _metered(self, text: str) -> VirtualMeter:
        """Put a meter into the supply, given as text: see meters/knobs.py."""
        # Imported here: only a board with a meter needs numpy.
        from harness.simulator.meters import connect  # noqa: PLC0415

        meter, supply = connect(text)
        self._report(supply)
        return meter

    def _report(self, supply: Supply) -> None:
        """Tell `supply` what the core does, when it does it."""
        core, pins, trigger = self.chip.core, self.chip.pins, self.chip.trigger
        was: list[bool | None] = [None]

        def awake(now: bool) -> None:
            if was[0] is not now:
                was[0] = now
                supply.note(time.monotonic(), awake=now)

        def changes(pin: str, high: bool) -> None:
            if pin == trigger:
                supply.note(time.monotonic(), trigger=high)

        core.awake, pins.changes = awake, changes

    def _leave(self) -> None:
        self.line.close()
        self.unplugged()

    def _on_flash(self) -> None:
        self._flashing = True

    def _count(self) -> None:
        if self._unplug_in is not None and self._flashing:
            self._unplug_in -= 1
            if self._unplug_in < 0:
                self.unplug()


def _known_chip(name: str) -> str:
    known = [*IDENTITY, *PART]
    if name not in known:
        raise InputError(
            f"nothing can claim to be a {name!r}",
            where=f"--fault {board_faults.WRONG_CHIP}",
            remedy=suggest(name, known),
        )
    return name
