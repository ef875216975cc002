"""A virtual board in this process: chip, serial line, debug port, meter and faults."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.simulator import board_faults, chips
from harness.simulator.chips.chip import DEFAULT_ID, IDENTITY, PART_NUMBER, ChipOptions
from harness.simulator.dap import DebugPort, TransferFaultError
from harness.simulator.line_faults import LineFault
from harness.simulator.peripherals.uart import ALL_UARTS, Uarts
from harness.simulator.serial_line import SerialLine
from harness.simulator.socket_protocol import (
    WORD,
    Operation,
    Status,
    decode_operations,
    encode_answer,
    encode_bytes,
)
from harness.support.suggestions import suggest

if TYPE_CHECKING:
    from harness.simulator.meters.supply import Supply
    from harness.simulator.meters.virtual_meter import VirtualMeter


_LOST = 1024  # bytes of flash


class Board:
    """A powered board with a `chip` and its `faults`.

    `uart` is the UART on its serial port: its name, `ALL_UARTS`, or by default the one that is on
    the board's. `unheard` has the bytes that each other one has sent, by its name; `on_unheard` is
    called with the name when it sends for the first time.
    `boot` is the address of the vector table that reset uses, as after a bootloader; the chip has
    a default. `meter` describes the virtual meter in its supply, "" for none. `unique_id` is
    that of its chip. When the board is unplugged, `withdraw` is called before any peer can notice,
    and `unplugged` after the serial line has been closed.
    """

    def __init__(
        self,
        chip: str,
        *,
        uart: str | None = None,
        boot: int | None = None,
        faults: Sequence[str] = (),
        portable: bool = False,
        meter: str = "",
        unique_id: int = DEFAULT_ID,
    ) -> None:
        identity = None
        for fault in faults:
            name, value = board_faults.split(fault)
            if name == board_faults.WRONG_CHIP:
                identity = _known_chip(value)
        self.chip = chips.build(chip, ChipOptions(identity, portable, boot, unique_id))
        self.withdraw: Callable[[], None] = lambda: None
        self.unplugged: Callable[[], None] = lambda: None
        self.unheard: Counter[str] = Counter()
        self.on_unheard: Callable[[str], None] = lambda _: None
        self.busy = False
        self.is_unplugged = False
        self._powered = True
        self._reset_line = True
        self._debug_in_reset = True
        self._unplug_in: int | None = None
        self._flashing = False
        self._port = DebugPort(self.chip)
        self.uart = (uart or self.chip.serial_port).upper()
        self.line = SerialLine(self._connect_uarts(), self.chip.core.stopped, self.chip.core.idle)
        self.chip.flash.array.on_operation = self._on_flash_operation
        self.meter = self._connect_meter(meter) if meter else None
        for fault in faults:
            if board_faults.split(fault)[0] != board_faults.WRONG_CHIP:
                board_faults.apply(self, fault)
        if self._powered:
            self.chip.core.power_on()

    @property
    def port(self) -> str:
        """The path of the serial port; empty if the chip has no UART."""
        return self.line.path if self.chip.uarts else ""

    def close(self) -> None:
        """End its threads and close the serial line."""
        self.chip.core.close()
        self.line.close()
        if self.meter:
            self.meter.close()

    def execute(self, batch: bytes) -> bytes:
        """Execute a batch of debug transfers and return the encoded answer."""
        words: list[int] = []
        for operation, address, count, values in decode_operations(batch):
            if operation not in (Operation.LISTEN, Operation.READ_SWO):
                self._count_transfer()
            if self.is_unplugged:
                raise ConnectionError("unplugged")
            if not self._powered or self._is_cut(operation):
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
        if operation is Operation.READ_SWO:
            return encode_bytes(self.chip.core.swo.take(WORD * count))
        if operation is Operation.WRITE_AP:
            self._port.write_ap(address, values)
        elif operation is Operation.WRITE_DP:
            self._port.write_dp(address, values[0])
        elif operation is Operation.LISTEN:
            self.chip.core.swo.listen(bool(address))
        elif self._reset_line:
            self.chip.core.set_reset(asserted=bool(address))
        return []

    def _is_cut(self, operation: Operation) -> bool:
        """Return whether the debug port does not take part: it is in reset."""
        in_reset = self.chip.core.held_in_reset and operation is not Operation.RESET
        return in_reset and not self._debug_in_reset

    # Faults

    def cut_power(self) -> None:
        """Cut the chip's power: it stops and does not answer."""
        self._powered = False
        self.chip.core.set_reset(asserted=True)

    def keep_busy(self) -> None:
        """Refuse sessions, as if another one had the probe open."""
        self.busy = True

    def restore(self) -> None:
        """Restore power, and accept sessions again."""
        self.busy = False
        if not self._powered:
            self._powered = True
            self.chip.core.set_reset(asserted=False)

    def unplug(self) -> None:
        """Unplug the board: session, probe and port disappear."""
        if not self.is_unplugged:
            self.withdraw()
            self.is_unplugged = True
            # In a new thread, because this may be the core's or a session's thread.
            threading.Thread(target=self._leave, name="unplug", daemon=True).start()

    def unplug_during_flash(self, transfers: int) -> None:
        """Unplug this number of debug transfers after the first erase or program operation."""
        self._unplug_in = transfers

    def protect(self, sector: int) -> None:
        """Write-protect a sector or page of the flash."""
        with self.chip.core.stopped():
            self.chip.flash.protect(sector)

    def lock(self) -> None:
        """Switch the read-out protection on."""
        with self.chip.core.stopped():
            self.chip.protection.lock()

    def disconnect_reset(self) -> None:
        """Leave nRESET unconnected: what the probe does with it has no effect."""
        self._reset_line = False

    def cut_debug_in_reset(self) -> None:
        """Reset the debug port, too, while nRESET is low, as the RUN pin of an RP2040 does."""
        self._debug_in_reset = False

    def stick(self, address: int, bit: int) -> None:
        """Make a bit of flash always read as one; raise `ValueError` outside the flash."""
        array = self.chip.flash.array
        if not 0 <= address - array.memory.base < array.memory.size:
            raise ValueError(address)
        with self.chip.core.stopped():
            array.stick(address, bit)

    def disturb(self, fault: LineFault) -> None:
        """Disturb a byte on the serial line."""
        self.line.disturb(fault)

    def brown_out(self, instructions: int) -> None:
        """Reset after this number of further instructions."""
        core = self.chip.core
        core.call_after(instructions, core.request_reset)

    def lock_up(self, instructions: int) -> None:
        """Lock up after this number of further instructions."""
        self.chip.core.call_after(instructions, self.chip.core.lock_up)

    def lose_flash(self, instructions: int) -> None:
        """Erase the first KiB of flash and lock up after this number of further instructions."""

        def lose() -> None:
            self.chip.flash.array.erase(0, _LOST)
            self.chip.core.lock_up()

        self.chip.core.call_after(instructions, lose)

    def latch_up(self, instructions: int) -> None:
        """Stop and answer no more after this number of further instructions, until new power."""
        # In a new thread: the event is called in the core's.
        cut = threading.Thread(target=self.cut_power, name="latch-up", daemon=True)
        self.chip.core.call_after(instructions, cut.start)

    def _connect_uarts(self) -> Uarts:
        """Return the UARTs on the serial port, and listen whether one of the others sends."""
        uarts, wanted = self.chip.uarts, self.uart
        if wanted == ALL_UARTS:
            return Uarts({id(uart): uart for uart in uarts.values()}.values())
        if wanted and wanted not in uarts:
            remedy = suggest(wanted, [*uarts, ALL_UARTS])
            raise InputError(f"the {self.chip.name} has no UART {wanted!r}", remedy=remedy)
        connected = [uarts[wanted]] if wanted else []
        for name, uart in uarts.items():
            if uart not in connected:
                uart.transmit = partial(self._note_unheard, name)
        return Uarts(connected)

    def _note_unheard(self, name: str, _byte: int) -> None:
        self.unheard[name] += 1
        if self.unheard[name] == 1:
            self.on_unheard(name)

    def _connect_meter(self, text: str) -> VirtualMeter:
        """Connect the meter that `text` describes to the supply: see meters/meter_faults.py."""
        # Imported here: only a board with a meter needs numpy.
        from harness.simulator.meters import connect  # noqa: PLC0415

        meter, supply = connect(text)
        self._report_to(supply)
        return meter

    def _report_to(self, supply: Supply) -> None:
        """Report to `supply` when the core wakes, sleeps, or changes its trigger pin."""
        core, pins, trigger = self.chip.core, self.chip.pins, self.chip.trigger
        last_awake: bool | None = None

        def report_awake(awake: bool) -> None:
            nonlocal last_awake
            if last_awake is not awake:
                last_awake = awake
                supply.note(time.monotonic(), awake=awake)

        def report_pin(pin: str, high: bool) -> None:
            if pin == trigger:
                supply.note(time.monotonic(), trigger=high)

        core.report_awake, pins.on_change = report_awake, report_pin

    def _leave(self) -> None:
        self.line.close()
        self.unplugged()

    def _on_flash_operation(self) -> None:
        self._flashing = True

    def _count_transfer(self) -> None:
        if self._unplug_in is not None and self._flashing:
            self._unplug_in -= 1
            if self._unplug_in < 0:
                self.unplug()


def _known_chip(name: str) -> str:
    known = [*IDENTITY, *PART_NUMBER]
    if name not in known:
        raise InputError(
            f"the board cannot report the chip ID of a {name!r}",
            where=f"--fault {board_faults.WRONG_CHIP}",
            remedy=suggest(name, known),
        )
    return name
