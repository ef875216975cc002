"""How the person at the desk reaches a board: options that come before the target's file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from harness.measure.energy.meters.metering import virtual_meter
from harness.target.target_file import Pyocd

Feed = Literal["serial", "debug"]
"""How inputs get into the device: by messages on its serial line, or by its debug side."""

_OPTIONS: tuple[tuple[str, type, str], ...] = (
    ("--probe", str, "debug probe of the board: its unique id, or remote:HOST:PORT"),
    ("--serial", str, "serial port of the board: a device, or a URL of pyserial"),
    ("--board-wait", float, "seconds to wait for a board that another session uses"),
    ("--renode", str, "Renode's executable, or the folder of a portable one"),
)


@dataclass(frozen=True)
class Reach:
    """Probe and port of a board; empty: as the target file says. `wait` is in seconds.

    `meter` is the virtual meter of a virtual board. `renode` is the Renode to take; empty: the
    first that is found. `feed` "debug" asks for a board whose `write_memory` works.
    """

    probe: str = ""
    serial: str = ""
    wait: float = 0.0
    renode: str = ""
    meter: str = ""
    feed: Feed = "serial"

    @classmethod
    def add_options(cls, add: Callable[..., Any]) -> None:
        """Declare the options through `add`, which is argparse's or pytest's."""
        for option, kind, text in _OPTIONS:
            add(option, type=kind, default=kind(), metavar=option[2:].upper(), help=text)
        add(
            "--feed",
            choices=get_args(Feed),
            default=cls.feed,
            help="how inputs get into the device: by its serial line (default), or by its debug "
            "side, which is quicker where the line is slow",
        )

    @classmethod
    def of(cls, options: Any) -> "Reach":
        """Return what `options`, parsed by argparse or pytest, say."""
        return cls(
            probe=options.probe,
            serial=options.serial,
            wait=options.board_wait,
            renode=options.renode,
            meter=virtual_meter(getattr(options, "meter", "")),  # not where nothing is metered
            feed=options.feed,
        )

    def of_board(self, board: Pyocd) -> Pyocd:
        """Return `board` with the probe and port that were asked for."""
        return msgspec.structs.replace(
            board, probe=self.probe or board.probe, serial=self.serial or board.serial
        )
