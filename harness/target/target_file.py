"""The schema of `targets/*.toml`, key by key."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from harness.support import bundled_files
from harness.support.memory_map import Address, Load, Memory, Region, Size
from harness.support.printable import printable
from harness.support.toml_file import Section
from harness.target.chip_needs import ChipId, IdWords, ImageNeeds, Write

Text = Annotated[str, msgspec.Meta(min_length=1)]

Core = Literal[
    "cortex-m0",
    "cortex-m0plus",
    "cortex-m23",
    "cortex-m3",
    "cortex-m4",
    "cortex-m4f",
    "cortex-m7",
    "cortex-m33",
    "cortex-m33-nofp",
    "cortex-m55",
    "cortex-m85",
]
"""The rows of firmware/cores.cmake; a test compares them."""

MAX_ICOUNT_SHIFT = 10  # qemu-system-arm -icount help
NS = 1_000_000_000  # in a second
_CARRIERS = {"generic": "rtt"}  # of ports without a serial line


class Mcu(Section, frozen=True):
    """The chip."""

    name: Text
    """Name of the chip."""
    core: Core
    """Core of the chip. firmware/cores.cmake has its compiler flags."""


class Port(Section, frozen=True):
    """The firmware's port and its serial line."""

    name: Text = ""
    """Name of the port, a folder of firmware/ports."""
    dir: Text = ""
    """Folder of a port of your own, instead of `name`. The path is relative to the target file."""
    baud: Annotated[int, msgspec.Meta(ge=1200, le=12_000_000)] = 115200
    """Speed of the serial line in bit/s."""
    carrier: Literal["serial", "rtt"] | None = None
    """What carries the bytes of the link: the serial line, or `rtt`, rings in RAM that the debug
    probe reads and writes. The default is `rtt` for the port `generic`, and `serial` for others.
    """
    options: dict[str, str | int] = msgspec.field(default_factory=dict)
    """Options of the port's port.cmake, such as the UART or the pins."""

    @property
    def folder(self) -> Path:
        """The folder with the port's port.cmake."""
        return Path(self.dir) if self.dir else bundled_files.bundled("firmware/ports") / self.name

    @property
    def title(self) -> str:
        """The name that a person knows the port by."""
        return self.folder.name

    @property
    def over_rtt(self) -> bool:
        """Whether RTT carries the link."""
        return (self.carrier or _CARRIERS.get(self.name)) == "rtt"


class Counter(Section, frozen=True):
    """The device's counter, which measures inferences."""

    ticks: Literal["instructions", "cycles"]
    """What it counts: `instructions` on an emulator (exact), or `cycles` on silicon (measured)."""
    hz: Annotated[int, msgspec.Meta(ge=1, le=NS)] | None = None
    """Frequency of the counter in QEMU, in Hz. Only for a QEMU machine whose counter does not count
    single instructions; the harness computes the instructions from its ticks.
    """


class Clock(Section, frozen=True):
    """The core's clock, which converts cycles to time.

    Instructions are never converted to time. On an emulator, the clock converts only estimated
    cycles to an estimated time.
    """

    hz: Annotated[int, msgspec.Meta(ge=1, le=NS)]
    """Frequency of the core in Hz. On a board, it must be the frequency that the port sets."""
    source: Text
    """Document that states the frequency."""
    tolerance: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.04
    """How far the real frequency may be from `hz`, as a share of it. The default suits an internal
    oscillator that is not calibrated: that of an STM32F4 is within 1 % at 25 °C, and within 4 %
    from -10 to 85 °C. On a board, the harness measures the clock; one that is further off is an
    error.
    """
    flash_wait_states: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0
    """Wait states of the flash at this frequency."""


class Power(Section, frozen=True):
    """The chip's current while it computes, from its datasheet. It is for estimates of energy."""

    volts: Annotated[float, msgspec.Meta(gt=0, le=6)]
    """Supply voltage in V."""
    ua_per_mhz: Annotated[float, msgspec.Meta(gt=0, le=10_000)]
    """Current per clock frequency while the core computes, in µA/MHz."""
    source: Text
    """Datasheet, and the table or figure in it."""


class Qemu(Section, frozen=True, tag_field="kind", tag="qemu"):
    """A machine of qemu-system-arm."""

    machine: Text
    """Name of the machine in qemu-system-arm."""
    icount_shift: Annotated[int, msgspec.Meta(ge=0, le=MAX_ICOUNT_SHIFT)] = 0
    """An instruction takes 2^`icount_shift` ns of the time in the machine."""
    unmapped: Literal["fault", "ignore"] = "fault"
    """What an access to an address with neither memory nor a peripheral does: `"fault"` ends the
    run, as on a chip. `"ignore"` is for firmware that looks for memory or peripherals in this way.
    """

    def instruction_ticks(self, hz: int) -> Fraction:
        """Return the ticks per instruction of a counter at `hz`."""
        return Fraction(hz << self.icount_shift, NS)


class Pyocd(Section, frozen=True, tag_field="kind", tag="pyocd"):
    """A board behind a debug probe."""

    target: Text
    """Name of the chip in pyOCD."""
    pack: str = ""
    """CMSIS pack that has the chip, a `.pack` file; the path is relative to the target file. Not
    needed for chips that pyOCD has built in, or after `pyocd pack install`.
    """
    probe: str = ""
    """Unique ID of the debug probe, or `remote:HOST:PORT`. Needed if there are several probes."""
    serial: str = ""
    """Serial port of the board. Not needed if it belongs to the probe's USB device."""
    interface: str = ""
    """Interface of the probe's USB device that carries the serial port, if it has several."""
    frequency: Annotated[int, msgspec.Meta(ge=1000, le=50_000_000)] = 4_000_000
    """Frequency of SWD in Hz."""
    chip_id: ChipId | None = None
    """Register that identifies the chip."""
    unique_id: IdWords | None = None
    """Addresses of the words of the chip's unique ID, 32 bits each. Records contain the ID. Not
    needed for chips whose addresses are in targets/chips.
    """
    power_cycle: str = ""
    """Command that switches the board off and on, such as `uhubctl -l 1-1 -p 2 -a cycle`. It runs
    without a shell when the board hangs, and neither a reset nor a reflash brought it back. With
    the option --probe it does not run, because it may belong to another board.
    """


class Labgrid(Pyocd, frozen=True, tag_field="kind", tag="labgrid"):
    """A board behind a debug probe of a farm: a place of labgrid, which is acquired for a run."""

    place: str = ""
    """Name of the place, or one of its aliases."""
    tags: dict[Text, Text] = msgspec.field(default_factory=dict)
    """Tags of the place, instead of `place`: any free place that has all of them is taken."""
    coordinator: str = ""
    """Coordinator of labgrid, `HOST` or `HOST:PORT`. The option --coordinator, if it is given,
    comes first; without either, the environment variable LG_COORDINATOR names it.
    """
    priority: float = 0.0
    """Priority of the reservation; of those who wait for a place, the highest one gets it."""
    probe: str = ""
    """Name of the place's resource for the debug probe, a `NetworkService`. Not needed if it is
    called `probe`, or is the only one.
    """
    serial: str = ""
    """Name of the place's resource for the serial line, a `NetworkSerialPort`. Not needed if it is
    called `serial`, or is the only one.
    """


class Virtual(Section, frozen=True, tag_field="kind", tag="virtual"):
    """A virtual board."""

    chip: Text
    """Name of the chip in pyOCD."""
    uart: str = ""
    """UART that is connected to the serial port."""
    boot: Address | None = None
    """Address of the vector table that reset starts from, as after a bootloader."""
    chip_id: ChipId | None = None
    """Register that identifies the chip."""


class Renode(Section, frozen=True, tag_field="kind", tag="renode"):
    """A machine of Renode."""

    platform: Annotated[str, msgspec.Meta(pattern=r"\.(repl|resc)$")]
    """A `.repl` file, or a `.resc` file that creates the machine but does not start it. The path
    is relative to the target file or to Renode's own folder.
    """
    uart: str = ""
    """Name of the UART in the platform. Needed if a serial line carries the link."""
    overlay: Annotated[str, msgspec.Meta(pattern=r"(^|\.repl)$")] = ""
    """A `.repl` file that is loaded after the platform."""
    cpu: Text = "cpu"
    """Name of the core in the platform."""
    unmapped: Literal["fault", "warn"] = "fault"
    """What a read or write by the firmware does where the platform has neither memory nor a
    peripheral: `fault`, as on a chip, fails the run; `warn` only says so.
    """


class Arduino(Section, frozen=True):
    """The board in arduino-cli."""

    fqbn: Annotated[str, msgspec.Meta(pattern=r"^[^\s:]+:[^\s:]+:[^\s:]+(:\S+)?$")]
    """Fully qualified board name of arduino-cli."""


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
    """The device's counter."""
    board: Qemu | Pyocd | Labgrid | Virtual | Renode
    """How to start the target; `kind` selects one of five tables."""
    stack: Size = 8192
    """Bytes of RAM reserved for the stack."""
    load: Load = "flash"
    """The memory that the image is loaded to, and runs from. With `ram`, the debug probe writes the
    image to `memory.ram` at each start, and leaves the flash as it is.
    """
    image: ImageNeeds = ImageNeeds()
    """What the chip looks for in the image before it starts it, and what the image does first."""
    before_start: tuple[Write, ...] = ()
    """What the debugger writes after a reset, in this order, before the first instruction: to stop
    a watchdog, for example.
    """
    clock: Clock | None = None
    """Clock of the core, which converts cycles to time."""
    power: Power | None = None
    """Current of the chip, for the estimate of energy."""
    arduino: Arduino | None = None
    """The board in the Arduino tools, for `--sketch`."""


class Target(TargetFile, frozen=True, kw_only=True):
    """A target file that was read and checked."""

    name: str
    path: Path
    doubt: str = ""
    """What is not known of a derived target, and may keep it from starting."""

    def __repr__(self) -> str:
        kind = self.board.__struct_config__.tag
        return printable(f"<Target {self.name}: {self.mcu.name} ({self.mcu.core}), {kind}>")

    @property
    def file_name(self) -> str:
        """The name, for files: `chip:nrf52840` and paths have characters that files must not."""
        return re.sub(r"[^\w.-]+", "-", self.name)

    @property
    def load_region(self) -> Region:
        """The memory that images are loaded to."""
        return self.memory.ram if self.load == "ram" else self.memory.flash

    @property
    def instruction_ticks(self) -> Fraction:
        """Ticks of the device's counter per instruction; 1 unless a QEMU machine states `hz`."""
        if self.counter.hz is None or not isinstance(self.board, Qemu):
            return Fraction(1)
        return self.board.instruction_ticks(self.counter.hz)
