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
    core: Core


class Port(Section, frozen=True):
    """The firmware's port and its serial line."""

    name: Text
    baud: Annotated[int, msgspec.Meta(ge=1200, le=12_000_000)] = 115200
    options: dict[str, str | int] = msgspec.field(default_factory=dict)


class Counter(Section, frozen=True):
    """What a tick is: `instructions` are exact, on emulators; `cycles` measured, on silicon."""

    ticks: Literal["instructions", "cycles"]
    hz: Annotated[int, msgspec.Meta(ge=1, le=NS)] | None = None


class Clock(Section, frozen=True):
    """The core's clock, from which cycles become time, and where that is written down.

    On a board it is what the port sets. Instructions are never multiplied by it: on an
    emulator it only turns estimated cycles into an estimated time.
    """

    hz: Annotated[int, msgspec.Meta(ge=1, le=NS)]
    source: Text
    flash_wait_states: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0


class Power(Section, frozen=True):
    """What the chip draws while it computes: a datasheet's figure, and which that is."""

    volts: Annotated[float, msgspec.Meta(gt=0, le=6)]
    ua_per_mhz: Annotated[float, msgspec.Meta(gt=0, le=10_000)]
    source: Text


class Qemu(Section, frozen=True, tag_field="kind", tag="qemu"):
    """A machine of qemu-system-arm; with `icount_shift` n, an instruction takes 2^n ns."""

    machine: Text
    icount_shift: Annotated[int, msgspec.Meta(ge=0, le=MAX_ICOUNT_SHIFT)] = 0

    def instruction_ticks(self, hz: int) -> Fraction:
        """Return what a counter at `hz` counts during one instruction."""
        return Fraction(hz << self.icount_shift, NS)


class ChipId(Section, frozen=True):
    """A register that identifies the chip: `value` under `mask`."""

    address: Address
    value: Address
    mask: Address = 0xFFFF_FFFF


class Pyocd(Section, frozen=True, tag_field="kind", tag="pyocd"):
    """A board behind a debug probe."""

    target: Text
    probe: str = ""
    serial: str = ""
    interface: str = ""
    frequency: Annotated[int, msgspec.Meta(ge=1000, le=50_000_000)] = 4_000_000
    chip_id: ChipId | None = None


class Virtual(Section, frozen=True, tag_field="kind", tag="virtual"):
    """A virtual board."""

    chip: Text
    uart: str = ""
    boot: Address | None = None
    chip_id: ChipId | None = None


class Renode(Section, frozen=True, tag_field="kind", tag="renode"):
    """A machine of Renode."""

    platform: Annotated[str, msgspec.Meta(pattern=r"\.(repl|resc)$")]
    uart: Text
    overlay: Annotated[str, msgspec.Meta(pattern=r"(^|\.repl)$")] = ""
    cpu: Text = "cpu"


class Arduino(Section, frozen=True):
    """The board as arduino-cli knows it, by its fully qualified name."""

    fqbn: Annotated[str, msgspec.Meta(pattern=r"^[^\s:]+:[^\s:]+:[^\s:]+(:\S+)?$")]


class TargetFile(Section, frozen=True):
    """A whole target file; `stack` is in bytes."""

    description: Text
    mcu: Mcu
    memory: Memory
    port: Port
    counter: Counter
    board: Qemu | Pyocd | Virtual | Renode
    stack: Size = 8192
    clock: Clock | None = None
    power: Power | None = None
    arduino: Arduino | None = None


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
