"""The faults of a virtual board, written as `name` or `name=value`."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.errors import InputError
from harness.simulator.line_faults import Harm, LineFault
from harness.support.numbers import address, number
from harness.support.suggestions import suggest


class FaultyBoard(Protocol):
    """A board with faults that can be switched on."""

    def cut_power(self) -> None:
        """Cut the chip's power."""

    def unplug(self) -> None:
        """Unplug the board."""

    def unplug_during_flash(self, transfers: int) -> None:
        """Unplug it this number of debug transfers after the first flash operation."""

    def keep_busy(self) -> None:
        """Refuse sessions."""

    def protect(self, sector: int) -> None:
        """Write-protect a sector or page."""

    def lock(self) -> None:
        """Switch the read-out protection on."""

    def disconnect_reset(self) -> None:
        """Leave nRESET unconnected."""

    def cut_debug_in_reset(self) -> None:
        """Reset the debug port, too, while nRESET is low."""

    def stick(self, address: int, bit: int) -> None:
        """Make a bit of flash always read as one."""

    def disturb(self, fault: LineFault) -> None:
        """Disturb a byte on the serial line."""

    def brown_out(self, instructions: int) -> None:
        """Reset after this number of further instructions."""

    def lock_up(self, instructions: int) -> None:
        """Lock up after this number of further instructions."""

    def lose_flash(self, instructions: int) -> None:
        """Lose the first KiB of flash, and lock up, after this number of further instructions."""

    def latch_up(self, instructions: int) -> None:
        """Answer no more, until a power cycle, after this number of further instructions."""

    def restore(self) -> None:
        """Restore power, and accept sessions again."""


@dataclass(frozen=True)
class _FaultKind:
    value: str  # the form of the value; "" if there is none
    group: str  # in the help
    switch_on: Callable[[FaultyBoard, str], None]


_PROBE, _CHIP = "power and probe", "chip"
_LINE = "serial line, its N-th byte to-device or to-host"
_CORE, _END = "core, after N instructions", "ends no-power and probe-busy"
_SECONDS = number(0, 3600)


def _numbers(text: str) -> list[int]:
    return [address(part) for part in text.split(":")]


def _disturb(harm: Harm) -> Callable[[FaultyBoard, str], None]:
    def switch_on(board: FaultyBoard, value: str) -> None:
        direction, index, *rest = value.split(":")
        if direction not in ("to-device", "to-host"):
            raise ValueError(direction)
        seconds = _SECONDS(rest[0]) if harm is Harm.DELAY else 0.0
        size = address(rest[0]) if harm is Harm.NOISE else 0
        board.disturb(LineFault(harm, direction == "to-device", address(index), seconds, size))

    return switch_on


def _stick(board: FaultyBoard, value: str) -> None:
    address, bit = _numbers(value)
    if not 0 <= bit < 8:  # noqa: PLR2004 - bits of a byte
        raise ValueError(value)
    board.stick(address, bit)


_BYTE = "DIRECTION:N"
FAULTS: Mapping[str, _FaultKind] = {
    "no-power": _FaultKind("", _PROBE, lambda b, _: b.cut_power()),
    "unplug": _FaultKind("", _PROBE, lambda b, _: b.unplug()),
    "unplug-during-flash": _FaultKind("N", _PROBE, lambda b, v: b.unplug_during_flash(address(v))),
    "probe-busy": _FaultKind("", _PROBE, lambda b, _: b.keep_busy()),
    "no-reset-line": _FaultKind("", _PROBE, lambda b, _: b.disconnect_reset()),
    "reset-cuts-debug": _FaultKind("", _PROBE, lambda b, _: b.cut_debug_in_reset()),
    "write-protected": _FaultKind("SECTOR", _CHIP, lambda b, v: b.protect(address(v))),
    "locked": _FaultKind("", _CHIP, lambda b, _: b.lock()),
    "stuck-bit": _FaultKind("ADDRESS:BIT", _CHIP, _stick),
    "serial-drop": _FaultKind(_BYTE, _LINE, _disturb(Harm.DROP)),
    "serial-corrupt": _FaultKind(_BYTE, _LINE, _disturb(Harm.CORRUPT)),
    "serial-double": _FaultKind(_BYTE, _LINE, _disturb(Harm.DOUBLE)),
    "serial-delay": _FaultKind(f"{_BYTE}:SECONDS", _LINE, _disturb(Harm.DELAY)),
    "serial-noise": _FaultKind(f"{_BYTE}:BYTES", _LINE, _disturb(Harm.NOISE)),
    "brown-out": _FaultKind("N", _CORE, lambda b, v: b.brown_out(address(v))),
    "lock-up": _FaultKind("N", _CORE, lambda b, v: b.lock_up(address(v))),
    "flash-loss": _FaultKind("N", _CORE, lambda b, v: b.lose_flash(address(v))),
    "latch-up": _FaultKind("N", _CORE, lambda b, v: b.latch_up(address(v))),
    "none": _FaultKind("", _END, lambda b, _: b.restore()),
}
"""The faults by name; the simulator's README.md describes them."""

WRONG_CHIP = "wrong-chip"
"""A fault only at start: `wrong-chip=CHIP` reports the chip ID of a CHIP."""


def forms() -> str:
    """Return all faults as they are written, by group."""
    groups: dict[str, list[str]] = {}
    for name, kind in FAULTS.items():
        groups.setdefault(kind.group, []).append(_form(name, kind))
    groups[_CHIP].append(f"{WRONG_CHIP}=CHIP")
    return "; ".join(f"{group}: {', '.join(names)}" for group, names in groups.items())


def _form(name: str, kind: _FaultKind) -> str:
    return f"{name}={kind.value}" if kind.value else name


def split(text: str) -> tuple[str, str]:
    """Return name and value of a fault; raise `InputError` if the name is unknown."""
    name, _, value = text.partition("=")
    if name not in FAULTS and name != WRONG_CHIP:
        raise InputError(
            f"there is no fault {name!r}",
            where="--fault",
            remedy=suggest(name, [*FAULTS, WRONG_CHIP]),
        )
    return name, value


def apply(board: FaultyBoard, text: str) -> None:
    """Switch the fault on; raise `InputError` if its value is invalid."""
    name, value = split(text)
    if name == WRONG_CHIP:
        raise InputError(
            "a board cannot change its chip ID while it runs",
            where=f"--fault {text}",
            remedy="set this fault when the board starts",
        )
    kind = FAULTS[name]
    usage = _form(name, kind)
    invalid = InputError(
        f"{text!r} is not a valid fault",
        where="--fault",
        remedy=f"write {usage}; DIRECTION is to-device or to-host"
        if "DIRECTION" in usage
        else f"write {usage}",
    )
    if bool(value) != bool(kind.value):
        raise invalid
    try:
        kind.switch_on(board, value)
    except (ValueError, IndexError, ArgumentTypeError) as error:
        raise invalid from error
