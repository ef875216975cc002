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
    help: str
    switch_on: Callable[[FaultyBoard, str], None]


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
    "no-power": _FaultKind("", "the chip does not answer", lambda b, _: b.cut_power()),
    "unplug": _FaultKind("", "the board is unplugged and stays so", lambda b, _: b.unplug()),
    "unplug-during-flash": _FaultKind(
        "N",
        "unplugged N debug transfers after the first erase or program operation",
        lambda b, v: b.unplug_during_flash(address(v)),
    ),
    "probe-busy": _FaultKind("", "another session has the probe open", lambda b, _: b.keep_busy()),
    "write-protected": _FaultKind(
        "SECTOR", "the sector or page is write-protected", lambda b, v: b.protect(address(v))
    ),
    "locked": _FaultKind("", "the read-out protection is on", lambda b, _: b.lock()),
    "no-reset-line": _FaultKind(
        "", "the probe's nRESET is not connected", lambda b, _: b.disconnect_reset()
    ),
    "reset-cuts-debug": _FaultKind(
        "", "the debug port does not answer during a reset", lambda b, _: b.cut_debug_in_reset()
    ),
    "stuck-bit": _FaultKind("ADDRESS:BIT", "the bit of flash always reads as one", _stick),
    "serial-drop": _FaultKind(
        _BYTE, "lose the N-th byte from now on, counted from 0", _disturb(Harm.DROP)
    ),
    "serial-corrupt": _FaultKind(_BYTE, "invert a bit of the byte", _disturb(Harm.CORRUPT)),
    "serial-double": _FaultKind(_BYTE, "deliver the byte twice", _disturb(Harm.DOUBLE)),
    "serial-delay": _FaultKind(f"{_BYTE}:SECONDS", "deliver the byte late", _disturb(Harm.DELAY)),
    "serial-noise": _FaultKind(
        f"{_BYTE}:BYTES", "BYTES random bytes come before the byte", _disturb(Harm.NOISE)
    ),
    "brown-out": _FaultKind(
        "N", "reset after N further instructions", lambda b, v: b.brown_out(address(v))
    ),
    "lock-up": _FaultKind(
        "N", "lock up after N further instructions", lambda b, v: b.lock_up(address(v))
    ),
    "flash-loss": _FaultKind(
        "N",
        "lose the first KiB of flash, and lock up, after N further instructions",
        lambda b, v: b.lose_flash(address(v)),
    ),
    "latch-up": _FaultKind(
        "N",
        "do not answer any more after N further instructions, until the board starts again",
        lambda b, v: b.latch_up(address(v)),
    ),
    "none": _FaultKind("", "end no-power and probe-busy", lambda b, _: b.restore()),
}
WRONG_CHIP = "wrong-chip"
"""A fault only at start: `wrong-chip=CHIP` reports the chip ID of a CHIP."""


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
    usage = f"{name}={kind.value}" if kind.value else name
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
