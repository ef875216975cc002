"""The faults that a virtual board can be given, as `name` or `name=value`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.errors import InputError
from harness.simulator.line_faults import Harm, LineFault
from harness.support.suggestions import suggest


class Faulty(Protocol):
    """What of a board may go wrong."""

    def cut_power(self) -> None:
        """Leave the chip without power."""

    def unplug(self) -> None:
        """Take the board away."""

    def unplug_during_flash(self, transfers: int) -> None:
        """Take it away so many transfers after flashing began."""

    def keep_busy(self) -> None:
        """Refuse sessions."""

    def protect(self, sector: int) -> None:
        """Write-protect a sector or page."""

    def stick(self, address: int, bit: int) -> None:
        """Let a bit of flash stay one."""

    def disturb(self, fault: LineFault) -> None:
        """Let something happen to a byte on the serial line."""

    def brown_out(self, instructions: int) -> None:
        """Reset after so many more instructions."""

    def mend(self) -> None:
        """Give power and probe back."""


@dataclass(frozen=True)
class _Knob:
    value: str  # what must follow the name; "" if nothing may
    help: str
    turn: Callable[[Faulty, str], None]


def _numbers(text: str) -> list[int]:
    return [int(part, 0) for part in text.split(":")]


def _disturb(harm: Harm) -> Callable[[Faulty, str], None]:
    def turn(board: Faulty, value: str) -> None:
        direction, index, *rest = value.split(":")
        if direction not in ("to-device", "to-host"):
            raise ValueError(direction)
        seconds = float(rest[0]) if harm is Harm.DELAY else 0.0
        board.disturb(LineFault(harm, direction == "to-device", int(index, 0), seconds))

    return turn


def _stick(board: Faulty, value: str) -> None:
    address, bit = _numbers(value)
    if not 0 <= bit < 8:  # noqa: PLR2004 - of a byte
        raise ValueError(value)
    board.stick(address, bit)


_BYTE = "DIRECTION:N"
KNOBS: Mapping[str, _Knob] = {
    "no-power": _Knob("", "the chip does not answer", lambda b, _: b.cut_power()),
    "unplug": _Knob("", "the board is unplugged, for good", lambda b, _: b.unplug()),
    "unplug-during-flash": _Knob(
        "N",
        "unplugged N transfers after flash was first erased or programmed",
        lambda b, v: b.unplug_during_flash(int(v, 0)),
    ),
    "probe-busy": _Knob("", "somebody else has the probe", lambda b, _: b.keep_busy()),
    "write-protected": _Knob(
        "SECTOR", "a sector or page that cannot be written", lambda b, v: b.protect(int(v, 0))
    ),
    "stuck-bit": _Knob("ADDRESS:BIT", "a bit of flash that stays one", _stick),
    "serial-drop": _Knob(_BYTE, "lose the N-th byte from now on", _disturb(Harm.DROP)),
    "serial-corrupt": _Knob(_BYTE, "turn over a bit of it", _disturb(Harm.CORRUPT)),
    "serial-double": _Knob(_BYTE, "let it come twice", _disturb(Harm.DOUBLE)),
    "serial-delay": _Knob(f"{_BYTE}:SECONDS", "let it come late", _disturb(Harm.DELAY)),
    "brown-out": _Knob("N", "reset after N more instructions", lambda b, v: b.brown_out(int(v, 0))),
    "none": _Knob("", "mend no-power and probe-busy", lambda b, _: b.mend()),
}
WRONG_CHIP = "wrong-chip"
"""The fault that is there from the start or never: `wrong-chip=CHIP` claims to be a CHIP."""


def split(text: str) -> tuple[str, str]:
    """Return name and value of a fault; `InputError` if there is none of that name."""
    name, _, value = text.partition("=")
    if name not in KNOBS and name != WRONG_CHIP:
        raise InputError(
            f"there is no fault {name!r}",
            where="--fault",
            remedy=suggest(name, [*KNOBS, WRONG_CHIP]),
        )
    return name, value


def apply(board: Faulty, text: str) -> None:
    """Give `board` the fault; `InputError` if its value is wrong."""
    name, value = split(text)
    if name == WRONG_CHIP:
        raise InputError("a chip cannot change while it runs", where=f"--fault {text}")
    knob = KNOBS[name]
    usage = f"{name}={knob.value}" if knob.value else name
    wrong = InputError(
        f"{text!r} is no such fault",
        where="--fault",
        remedy=f"it is {usage}, where DIRECTION is to-device or to-host"
        if "DIRECTION" in usage
        else f"it is {usage}",
    )
    if bool(value) != bool(knob.value):
        raise wrong
    try:
        knob.turn(board, value)
    except (ValueError, IndexError) as error:
        raise wrong from error
