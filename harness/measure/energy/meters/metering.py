"""Meters: what measures the current of a board, chosen with `--meter=KIND[:PLACE]`."""

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
from harness.support.suggestions import suggest
from harness.target.target_file import Pyocd, Target, Virtual

KINDS: dict[str, Callable[[str, float], Meter]] = {
    "ppk2": Ppk2,
    "lpm01a": Lpm01a,
    "joulescope": Joulescope,
    "otii": Otii,
}
"""Each takes a place, "" for the only one, and volts, 0 if none were given."""

_VIRTUAL = "virtual"


@runtime_checkable
class _WithMeter(Protocol):
    """A board with a virtual meter in its supply."""

    @property
    def meter(self) -> str:
        """The serial port of that meter."""


@dataclass
class Metering:
    """The meter that was asked for, "" if none was, its `volts` and the user's `note`.

    Entered, it opens the meter: what supplies a board must do so before that is flashed.
    """

    spec: str = ""
    volts: float = 0.0
    note: str = ""
    _meter: Meter | None = None

    @classmethod
    def add_options(cls, add: Callable[..., Any]) -> None:
        """Declare the options through `add`, which is argparse's or pytest's."""
        add(
            "--meter",
            default="",
            metavar="METER",
            help=f"measure energy with METER: {', '.join(KINDS)}, a colon, and its port, serial "
            "number or address; docs/energy.md",
        )
        add("--volts", type=float, default=0.0, metavar="V", help="what the meter supplies, in V")
        add("--note", default="", metavar="TEXT", help="the set-up, for the Record")

    @classmethod
    def of(cls, options: Any) -> "Metering":
        """Return what `options`, parsed by argparse or pytest, say; `InputError` if it is wrong."""
        metering = cls(options.meter, options.volts, options.note)
        if metering.spec and metering._kind not in KINDS:
            raise InputError(
                f"there is no meter {metering._kind!r}",
                where="--meter",
                remedy=suggest(metering._kind, KINDS),
            )
        return metering

    def check(self, target: Target) -> None:
        """Raise `InputError` if this meter has nothing to measure on `target`."""
        if not self.spec:
            return
        kind = Virtual if self._virtual is not None else Pyocd
        if not isinstance(target.board, kind):
            raise InputError(
                f"{self.spec!r} cannot measure {target.name}: "
                + ("it is no virtual board" if self._virtual is not None else "it is no hardware"),
                where="--meter",
                remedy="docs/energy.md says what measures which",
            )
        if self._kind == "lpm01a" and isinstance(target.board, Pyocd) and target.clock is None:
            raise InputError(
                "is missing: this meter has no input for the trigger, so only cycles and their "
                "clock say how long an inference is",
                where=f"{target.path}: clock",
                remedy="state hz and source of the core's clock there",
            )

    def meter_of(self, board: object) -> Meter | None:
        """Return the open meter that measures `board`; None if none was asked for."""
        if self._virtual is not None and isinstance(board, _WithMeter):
            self.close()
            self._meter = self._open(board.meter)
        return self._meter

    def close(self) -> None:
        """Close the meter if there is one."""
        if self._meter is not None:
            self._meter.close()
            self._meter = None

    def __enter__(self) -> Self:
        if self.spec and self._virtual is None:
            self._meter = self._open(self._place)
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
    def _place(self) -> str:
        return self.spec.partition(":")[2]

    @property
    def _virtual(self) -> str | None:
        return virtual_meter(self.spec) or None

    def _open(self, place: str) -> Meter:
        return KINDS[self._kind](place, self.volts)


def virtual_meter(spec: str) -> str:
    """Return what a virtual board is told of its meter, for `ppk2:virtual,noise=0.02`.

    That is `ppk2,noise=0.02`; empty if `spec` is that of a real meter, or of none.
    """
    kind, _, place = spec.partition(":")
    name, *knobs = place.split(",")
    return ",".join([kind, *knobs]) if name == _VIRTUAL else ""
