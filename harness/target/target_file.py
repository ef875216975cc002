"""What a `targets/*.toml` describes, key by key."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from harness.support.memory_map import Address, Memory, Size
from harness.support.toml_file import Section

Text = Annotated[str, msgspec.Meta(min_length=1)]

Core = Literal["cortex-m0", "cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m33", "cortex-m55"]
"""The rows of firmware/cores.cmake, which a test compares."""

MAX_ICOUNT_SHIFT = 10  # qemu-system-arm -icount help
NS = 1_000_000_000  # in a second


class Mcu(Section, frozen=True):
    """The chip: its name and its core, a row of firmware/cores.cmake."""

    name: Text
    """Name of the chip."""
    core: Core
    """Core of the chip, a row of firmware/cores.cmake."""


class Port(Section, frozen=True):
    """The firmware's port and its serial line."""

    name: Text
    """Name of the port, a folder of firmware/ports."""
    baud: Annotated[int, msgspec.Meta(ge=1200, le=12_000_000)] = 115200
    """Speed of the serial line in bit/s."""
    options: dict[str, str | int] = msgspec.field(default_factory=dict)
    """Options of the port's port.cmake, such as the UART or the pins."""


class Counter(Section, frozen=True):
    """What a tick is: `instructions` are exact, on emulators; `cycles` measured, on silicon."""

    ticks: Literal["instructions", "cycles"]
    """What the counter counts."""
    hz: Annotated[int, msgspec.Meta(ge=1, le=NS)] | None = None
    """Frequency of the counter in the machine's time. Only for a machine of QEMU whose counter
    does not count every instruction; the harness computes the instructions from it.
    """


class Clock(Section, frozen=True):
    """The core's clock, from which cycles become time, and where that is written down.

    On a board it is what the port sets. Instructions are never multiplied by it: on an
    emulator it only turns estimated cycles into an estimated time.
    """

    hz: Annotated[int, msgspec.Meta(ge=1, le=NS)]
    """Frequency of the core in Hz. On a board, the port sets it."""
    source: Text
    """Where the frequency is written down."""
    flash_wait_states: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0
    """Wait states of the flash at this frequency."""


class Power(Section, frozen=True):
    """What the chip draws while it computes: a datasheet's figure, and which that is."""

    volts: Annotated[float, msgspec.Meta(gt=0, le=6)]
    """Supply voltage in V."""
    ua_per_mhz: Annotated[float, msgspec.Meta(gt=0, le=10_000)]
    """Current per clock frequency while the core computes, in µA/MHz."""
    source: Text
    """Which figure of which datasheet this is."""


class Qemu(Section, frozen=True, tag_field="kind", tag="qemu"):
    """A machine of qemu-system-arm; with `icount_shift` n, an instruction takes 2^n ns."""

    machine: Text
    """Name of the machine in qemu-system-arm."""
    icount_shift: Annotated[int, msgspec.Meta(ge=0, le=MAX_ICOUNT_SHIFT)] = 0
    """An instruction takes 2^`icount_shift` ns of the machine's time."""

    def instruction_ticks(self, hz: int) -> Fraction:
        """Return what a counter at `hz` counts during one instruction."""
        return Fraction(hz << self.icount_shift, NS)


class ChipId(Section, frozen=True):
    """A register that identifies the chip: `value` under `mask`."""

    address: Address
    """Address of the register."""
    value: Address
    """Value that the register must have under `mask`."""
    mask: Address = 0xFFFF_FFFF
    """Bits of the register that are compared."""


class Pyocd(Section, frozen=True, tag_field="kind", tag="pyocd"):
    """A board behind a debug probe."""

    target: Text
    """Name of the chip in pyOCD."""
    probe: str = ""
    """Unique ID of the debug probe, or `remote:HOST:PORT`. Needed if there are several probes."""
    serial: str = ""
    """Serial port of the board. Not needed if the probe's USB device has it."""
    interface: str = ""
    """Which serial port of the probe's USB device, if there are several."""
    frequency: Annotated[int, msgspec.Meta(ge=1000, le=50_000_000)] = 4_000_000
    """Frequency of SWD in Hz."""
    chip_id: ChipId | None = None
    """Register that identifies the chip."""


class Virtual(Section, frozen=True, tag_field="kind", tag="virtual"):
    """A virtual board."""

    chip: Text
    """Name of the chip in pyOCD."""
    uart: str = ""
    """UART behind the serial port."""
    boot: Address | None = None
    """Address of the vector table that reset starts, as a bootloader does."""
    chip_id: ChipId | None = None
    """Register that identifies the chip."""


class Renode(Section, frozen=True, tag_field="kind", tag="renode"):
    """A machine of Renode."""

    platform: Annotated[str, msgspec.Meta(pattern=r"\.(repl|resc)$")]
    """A `.repl` file, or a `.resc` file that creates the machine and does not start it. The path
    is relative to the target file, or to Renode's own folder.
    """
    uart: Text
    """Name of the UART in the platform."""
    overlay: Annotated[str, msgspec.Meta(pattern=r"(^|\.repl)$")] = ""
    """A `.repl` file that is loaded over the platform."""
    cpu: Text = "cpu"
    """Name of the core in the platform."""


class Arduino(Section, frozen=True):
    """The board as arduino-cli knows it, by its fully qualified name."""

    fqbn: Annotated[str, msgspec.Meta(pattern=r"^[^\s:]+:[^\s:]+:[^\s:]+(:\S+)?$")]
    """Fully qualified board name, as arduino-cli has it."""


class TargetFile(Section, frozen=True):
    """A whole target file; `stack` is in bytes."""

    description: Text
    """One line for `harness list targets`."""
    mcu: Mcu
    """The chip."""
    memory: Memory
    """Memory that the image may use."""
    port: Port
    """The firmware's port, and its serial line."""
    counter: Counter
    """What a tick is."""
    board: Qemu | Pyocd | Virtual | Renode
    """How the target is started; `kind` chooses one of four tables."""
    stack: Size = 8192
    """Bytes of RAM reserved for the stack."""
    clock: Clock | None = None
    """Clock of the core, from which cycles become time."""
    power: Power | None = None
    """Current of the chip, from which energy is estimated."""
    arduino: Arduino | None = None
    """The board in the Arduino tools, for `--sketch`."""


class Target(TargetFile, frozen=True, kw_only=True):
    """A target file that was read and checked."""

    name: str
    path: Path

    @property
    def instruction_ticks(self) -> Fraction:
        """What the device's counter counts during one instruction; 1 where it says nothing."""
        if self.counter.hz is None or not isinstance(self.board, Qemu):
            return Fraction(1)
        return self.board.instruction_ticks(self.counter.hz)
