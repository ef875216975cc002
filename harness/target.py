"""Targets: what a `targets/*.toml` describes, and where it is found."""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from harness import places, toml
from harness.errors import InputError
from harness.names import suggest

Address = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
Size = Annotated[int, msgspec.Meta(gt=0, le=0xFFFF_FFFF)]
Text = Annotated[str, msgspec.Meta(min_length=1)]

Core = Literal["cortex-m0", "cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m33", "cortex-m55"]
"""The rows of firmware/cores.cmake, which a test compares."""

_WORD = 4
_MAX_ICOUNT_SHIFT = 10  # qemu-system-arm -icount help
_NS = 1_000_000_000  # in a second
# Two readings of a counter are off by less than a tick each way, so of an instruction's ticks
# more than two are needed to round to the right one; the rest is for clocks in whole ns.
_LEAST_TICKS = 2.5
_PORT_OPTION = re.compile(r"^set\((\w+) .*CACHE", re.MULTILINE)
# Options of a port.cmake that have keys of their own.
_TARGETS_OWN = {"CORE", "BAUD", "FLASH_ORIGIN", "FLASH_SIZE", "RAM_ORIGIN", "RAM_SIZE"}


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file: a key that is not known is an error, not ignored."""


class Region(_Section, frozen=True):
    """A contiguous memory: first address and size in bytes."""

    origin: Address
    size: Size

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.origin + self.size

    def __contains__(self, address: int) -> bool:
        return self.origin <= address < self.end


class Memory(_Section, frozen=True):
    """What the image may use."""

    flash: Region
    ram: Region


class Mcu(_Section, frozen=True):
    """The chip: its name and its core, a row of firmware/cores.cmake."""

    name: Text
    core: Core


class Port(_Section, frozen=True):
    """The firmware's port, a folder of firmware/ports, and the speed of its line in bit/s.

    `options` are those of the port's port.cmake, such as the UART or the pins.
    """

    name: Text
    baud: Annotated[int, msgspec.Meta(ge=1200, le=12_000_000)] = 115200
    options: dict[str, str | int] = {}


class Counter(_Section, frozen=True):
    """What a tick is: `instructions` are exact, on emulators; `cycles` measured, on silicon.

    On a machine of QEMU whose counter does not count one an instruction, `hz` says how many
    it counts in a second of the machine's time; instructions are computed from that.
    """

    ticks: Literal["instructions", "cycles"]
    hz: Annotated[int, msgspec.Meta(ge=1, le=_NS)] | None = None


class Clock(_Section, frozen=True):
    """The core's clock, from which cycles become time, and where that is written down.

    On a board it is what the port sets. Instructions are never multiplied by it: on an
    emulator it only turns estimated cycles into an estimated time.
    """

    hz: Annotated[int, msgspec.Meta(ge=1, le=_NS)]
    source: Text
    flash_wait_states: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0


class Power(_Section, frozen=True):
    """What the chip draws while it computes: a datasheet's figure, and which that is."""

    volts: Annotated[float, msgspec.Meta(gt=0, le=6)]
    ua_per_mhz: Annotated[float, msgspec.Meta(gt=0, le=10_000)]
    source: Text


class Qemu(_Section, frozen=True, tag_field="kind", tag="qemu"):
    """A machine of qemu-system-arm; with `icount_shift` n, an instruction takes 2^n ns."""

    machine: Text
    icount_shift: Annotated[int, msgspec.Meta(ge=0, le=_MAX_ICOUNT_SHIFT)] = 0

    def instruction_ticks(self, hz: int) -> Fraction:
        """Return what a counter at `hz` counts during one instruction."""
        return Fraction(hz << self.icount_shift, _NS)


class ChipId(_Section, frozen=True):
    """A register that identifies the chip: `value` under `mask`."""

    address: Address
    value: Address
    mask: Address = 0xFFFF_FFFF


class Pyocd(_Section, frozen=True, tag_field="kind", tag="pyocd"):
    """A board behind a debug probe.

    `target` is pyOCD's name of the chip; `probe` (a unique id, or `remote:HOST:PORT`) and
    `serial` (a port) may be left out where one is connected and its USB device has both;
    `interface` picks one of a probe's several ports. `frequency` of SWD is in Hz.
    """

    target: Text
    probe: str = ""
    serial: str = ""
    interface: str = ""
    frequency: Annotated[int, msgspec.Meta(ge=1000, le=50_000_000)] = 4_000_000
    chip_id: ChipId | None = None


class Virtual(_Section, frozen=True, tag_field="kind", tag="virtual"):
    """A virtual board: pyOCD's name of the chip, and its UART that has the serial port.

    Reset starts the program at `boot`, as if a bootloader had handed over, if that is not where
    the chip starts by itself.
    """

    chip: Text
    uart: str = ""
    boot: Address | None = None
    chip_id: ChipId | None = None


class Renode(_Section, frozen=True, tag_field="kind", tag="renode"):
    """A machine of Renode: its platform, and the names of its UART and core there.

    `platform` is a `.repl`, or a `.resc` that creates the machine and does not start it;
    `overlay` a `.repl` that is put over a `.repl`. Both are paths relative to the target
    file, or in Renode's own folder.
    """

    platform: Annotated[str, msgspec.Meta(pattern=r"\.(repl|resc)$")]
    uart: Text
    overlay: Annotated[str, msgspec.Meta(pattern=r"(^|\.repl)$")] = ""
    cpu: Text = "cpu"


class Arduino(_Section, frozen=True):
    """The board as arduino-cli knows it, by its fully qualified name."""

    fqbn: Annotated[str, msgspec.Meta(pattern=r"^[^\s:]+:[^\s:]+:[^\s:]+(:\S+)?$")]


class TargetFile(_Section, frozen=True):
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


def load_target(path: Path) -> Target:
    """Read a target file; `InputError` names the file and key of what is wrong.

    A file with a `base`, the name of another target, says only what differs from that.
    """
    file = toml.convert(_with_base(path), TargetFile, path)
    _check(path, file)
    return Target(name=path.stem, path=path, **msgspec.structs.asdict(file))


def find_target(name: str, roots: Sequence[Path]) -> Target:
    """Return the target called `name` in the folders `roots`, or the one at the path `name`."""
    if places.is_path(name):
        return load_target(Path(name))
    known = list_targets(roots)
    if name not in known:
        raise InputError(f"unknown target {name!r}", remedy=suggest(name, known))
    return load_target(known[name])


def list_targets(roots: Sequence[Path]) -> dict[str, Path]:
    """Return the target files in the folders `roots` by name."""
    files = (path for root in roots for path in sorted(root.glob("*.toml")))
    return places.first_by_name(files, lambda path: path.stem)


def _with_base(path: Path, derived: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return what a target file says, after what its base says."""
    data = toml.load(path)
    board = data.get("board")
    for key in ("platform", "overlay"):
        if isinstance(board, dict) and isinstance(board.get(key), str):
            beside = path.parent / board[key]
            board[key] = str(beside.absolute()) if beside.is_file() else board[key]
    name = data.pop("base", None)
    if name is None:
        return data
    known = list_targets((path.parent, places.bundled("targets")))
    if not isinstance(name, str) or name not in known:
        raise InputError(
            f"unknown target {name!r}", where=f"{path}: base", remedy=suggest(str(name), known)
        )
    if known[name] in (path, *derived):
        raise InputError(f"target {name!r} is built on itself", where=f"{path}: base")
    return _merged(_with_base(known[name], (path, *derived)), data)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes`, table by table; a board of another kind replaces it."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and _is_same_kind(old, value):
            result[key] = _merged(old, value)
        else:
            result[key] = value
    return result


def _is_same_kind(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return "kind" not in new or new["kind"] == old.get("kind")


def _check(path: Path, file: TargetFile) -> None:
    """Check what a type alone cannot say."""
    flash, ram = file.memory.flash, file.memory.ram
    for key, region in (("flash", flash), ("ram", ram)):
        if region.origin % _WORD or region.size % _WORD:
            raise InputError(
                "origin and size must be multiples of 4", where=f"{path}: memory.{key}"
            )
        if region.end > 1 << 32:
            raise InputError("ends beyond 32 bits", where=f"{path}: memory.{key}.size")
    if flash.origin < ram.end and ram.origin < flash.end:
        raise InputError("overlaps memory.flash", where=f"{path}: memory.ram")
    if file.stack % 8 or file.stack >= ram.size:
        raise InputError(
            f"must be a multiple of 8 and less than memory.ram.size, {ram.size}",
            where=f"{path}: stack",
        )
    _check_counter(path, file)
    _check_port(path, file.port)


def _check_counter(path: Path, file: TargetFile) -> None:
    counter, board = file.counter, file.board
    where = f"{path}: counter.hz"
    if counter.hz is None:
        return
    if not isinstance(board, Qemu) or counter.ticks != "instructions":
        raise InputError(
            "is for counting instructions on a board of kind qemu",
            where=where,
            remedy="leave it out: elsewhere the counter's ticks are what counter.ticks says",
        )
    ticks = board.instruction_ticks(counter.hz)
    if ticks < _LEAST_TICKS:
        raise InputError(
            f"with board.icount_shift {board.icount_shift} an instruction takes "
            f"{float(ticks):.3g} ticks, at least {_LEAST_TICKS} are needed to count exactly",
            where=where,
            remedy=_enough(counter.hz),
        )


def _enough(hz: int) -> str:
    """Return what to do about a counter at `hz` that is too slow for its icount_shift."""
    for shift in range(_MAX_ICOUNT_SHIFT + 1):
        if hz << shift >= _LEAST_TICKS * _NS:
            return f"set board.icount_shift to {shift}"
    return "choose a faster counter"


def _check_port(path: Path, port: Port) -> None:
    ports = {entry.parent.name for entry in places.bundled("firmware").glob("ports/*/port.cmake")}
    if port.name not in ports:
        raise InputError(
            f"there is no port {port.name!r} in the firmware",
            where=f"{path}: port.name",
            remedy=suggest(port.name, ports),
        )
    description = places.bundled("firmware") / "ports" / port.name / "port.cmake"
    known = set(_PORT_OPTION.findall(description.read_text())) - _TARGETS_OWN
    for option in port.options:
        if option not in known:
            raise InputError(
                f"port {port.name} has no option {option!r}",
                where=f"{path}: port.options",
                remedy=suggest(option, known),
            )
