"""Selects the meter for a run, from `--meter=KIND[:ADDRESS]`."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from harness.errors import InputError
from harness.measure.energy.meters.joulescope import Joulescope
from harness.measure.energy.meters.lpm01a import Lpm01a
from harness.measure.energy.meters.meter import Meter
from harness.measure.energy.meters.otii import Otii
from harness.measure.energy.meters.ppk2 import Ppk2
from harness.support.numbers import number
from harness.support.suggestions import suggest
from harness.target.target_file import Pyocd, Target, Virtual

KINDS: dict[str, Callable[[str, float], Meter]] = {
    "ppk2": Ppk2,
    "lpm01a": Lpm01a,
    "joulescope": Joulescope,
    "otii": Otii,
}
"""Each takes an address, "" for the only meter, and the voltage, 0 if none was given."""

_VIRTUAL = "virtual"
_MOST_VOLTS = 60


@runtime_checkable
class _WithMeter(Protocol):
    """A board with a virtual meter."""

    @property
    def meter(self) -> str:
        """The serial port of the virtual meter."""


@dataclass
class Metering:
    """The requested meter (`spec`, "" for none), its `volts` and the user's `note`.

    Entering the context opens the meter: a meter that supplies the board must do so before the
    board is flashed.
    """

    spec: str = ""
    volts: float = 0.0
    note: str = ""
    _meter: Meter | None = None

    @classmethod
    def add_options(cls, add: Callable[..., Any]) -> None:
        """Declare the options through `add`, the method of argparse's or pytest's parser."""
        add(
            "--meter",
            default="",
            metavar="METER",
            help=f"measure energy with a meter, KIND:PLACE. KIND is {', '.join(KINDS)}; PLACE is "
            "its port, serial number or address, or virtual (docs/energy.md)",
        )
        add(
            "--volts",
            type=number(0.1, _MOST_VOLTS),
            default=0.0,
            metavar="V",
            help="supply voltage of the meter, in V",
        )
        add("--note", default="", metavar="TEXT", help="note about the setup, for the Record")

    @classmethod
    def of(cls, options: Any) -> "Metering":
        """Return the metering in `options`, parsed by argparse or pytest; checks the meter's kind.

        Raises `InputError` for an unknown kind, and for an option that needs a meter.
        """
        metering = cls(options.meter, options.volts, options.note)
        for name in ("volts", "note"):
            if getattr(options, name) and not metering.spec:
                raise InputError(
                    "does nothing without --meter",
                    where=f"--{name}",
                    remedy="add --meter, or remove it",
                )
        if metering.spec and metering._kind not in KINDS:
            raise InputError(
                f"there is no meter {metering._kind!r}",
                where="--meter",
                remedy=suggest(metering._kind, KINDS),
            )
        return metering

    def check(self, target: Target) -> None:
        """Raise `InputError` if this meter cannot measure `target`."""
        if not self.spec:
            return
        kind, name = (Virtual, "a virtual board") if self._virtual else (Pyocd, "hardware")
        if not isinstance(target.board, kind):
            raise InputError(
                f"{self.spec!r} cannot measure {target.name}: it is not {name}",
                where="--meter",
                remedy="docs/energy.md lists which meter measures which target",
            )

    def check_clock(self, target: Target, hz: float | None) -> None:
        """Raise `InputError` if this meter needs `hz`, the clock of `target`, and it is unknown."""
        if self._kind == "lpm01a" and isinstance(target.board, Pyocd) and hz is None:
            raise InputError(
                "is missing: this meter has no trigger input, so the length of an inference has to "
                "come from cycles and clock, and the firmware does not let the clock be measured",
                where=f"{target.path}: clock",
                remedy="state hz and source of the core's clock there",
            )

    def meter_of(self, board: object) -> Meter | None:
        """Return the open meter for `board`; None if no meter was requested."""
        if self._virtual is not None and isinstance(board, _WithMeter):
            self.close()
            self._meter = self._open(board.meter)
        return self._meter

    def close(self) -> None:
        """Close the meter, if one is open."""
        if self._meter is not None:
            self._meter.close()
            self._meter = None

    def __enter__(self) -> Self:
        if self.spec and self._virtual is None:
            self._meter = self._open(self._address)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _kind(self) -> str:
        return self.spec.partition(":")[0]

    @property
    def _address(self) -> str:
        return self.spec.partition(":")[2]

    @property
    def _virtual(self) -> str | None:
        return virtual_meter(self.spec) or None

    def _open(self, address: str) -> Meter:
        return KINDS[self._kind](address, self.volts)


def virtual_meter(spec: str) -> str:
    """Return the configuration of a virtual board's meter: `ppk2:virtual,noise=0.02` as example.

    The result is then `ppk2,noise=0.02`; it is empty if `spec` is a real meter or empty.
    """
    kind, _, address = spec.partition(":")
    name, *knobs = address.split(",")
    return ",".join([kind, *knobs]) if name == _VIRTUAL else ""
