"""Command-line options for probe, port and emulator; they override the target file."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec

from harness.errors import InputError
from harness.link.protocol import InputChoice
from harness.support.numbers import number
from harness.target.chip_target import KIND as CHIP
from harness.target.target_file import Labgrid, Pyocd, Renode, Target, Virtual

_OPTIONS = (
    ("--probe", "ID", "debug probe of the board: its unique ID, or remote:HOST:PORT"),
    ("--pack", "FILE", "CMSIS pack that has the board's chip: a .pack file"),
    ("--serial", "PORT", "serial port of the board: a device, or a pyserial URL"),
    (
        "--coordinator",
        "HOST:PORT",
        "labgrid's coordinator (default: LG_COORDINATOR); without --place, it gives a place with "
        "the tag chip=NAME of the target's chip",
    ),
    ("--renode", "PATH", "Renode's executable, or the folder of a portable Renode"),
)
_DAY = 86_400  # seconds
_MOST_PRIORITY = 1000
COORDINATOR = "LG_COORDINATOR"
"""labgrid's environment variable."""
_WHY_NOT = {
    "probe": "only boards behind a debug probe and virtual boards have one",
    "pack": "only boards behind a debug probe take their chip from one",
    "serial": "only boards behind a debug probe have one, unless RTT carries the link",
    "place": "it describes no board behind a debug probe, and only those are in a farm",
    "coordinator": "it describes no board behind a debug probe, and only those are in a farm",
    "renode": "only platforms of Renode run on it",
    "lock_timeout": "each of its runs starts a board of its own",
    "priority": "only the places of a farm are reserved",
}
_ABSENT = {"lock_timeout": 0.0, "priority": None}  # the values of options that are not given


@dataclass(frozen=True)
class BoardOptions:
    """Probe, pack and port of a board; empty values leave the choice to the target file.

    `lock_timeout` is in seconds. `meter` configures the virtual meter of a virtual board.
    `place` is labgrid's, by name or tags, and `priority` that of its reservation, if it is not the
    target file's; the processes of a session tell each other about places in `places`, if there are
    several. `renode` is the path of Renode; if it is empty, `find_renode` searches for one.
    `input_via` "auto" compares both ways and takes the faster one.
    """

    probe: str = ""
    pack: str = ""
    serial: str = ""
    lock_timeout: float = 0.0
    renode: str = ""
    place: str = ""
    coordinator: str = ""
    priority: float | None = None
    places: Path | None = None
    meter: str = ""
    input_via: InputChoice = "auto"

    @classmethod
    def add_options(cls, add: Callable[..., Any]) -> None:
        """Declare the options through `add`, the method of argparse's or pytest's parser."""
        cls.add_board(add)
        cls.add_place(add)
        add(
            "--input-via",
            choices=get_args(InputChoice),
            default=cls.input_via,
            help="send inputs over the serial line, or write them into RAM through the debug "
            "port; auto (default) compares both and takes the faster way",
        )

    @classmethod
    def add_board(cls, add: Callable[..., Any]) -> None:
        """Declare the options that say where a board is, without that of its place."""
        for option, name, text in _OPTIONS:
            add(option, default="", metavar=name, help=text)
        add(
            "--lock-timeout",
            type=number(0, _DAY),
            default=cls.lock_timeout,
            metavar="SECONDS",
            help="how long to wait for a board that is in use",
        )
        add(
            "--priority",
            type=number(-_MOST_PRIORITY, _MOST_PRIORITY),
            default=cls.priority,
            metavar="NUMBER",
            help="priority of the reservation of a place (default: that of the target file, or 0)",
        )

    @classmethod
    def add_place(cls, add: Callable[..., Any]) -> None:
        """Declare the option for one place."""
        add(
            "--place",
            default="",
            metavar="PLACE",
            help="place of labgrid: its name, or tags such as chip=nrf52840,meter=ppk2",
        )

    @classmethod
    def of(cls, options: Any, meter: str = "") -> "BoardOptions":
        """Return the board options in `options`, parsed by argparse or pytest.

        A command that checks boards has no option for the place, nor for the way of inputs.

        `meter` configures a virtual meter.
        """
        return cls(
            probe=options.probe,
            pack=options.pack,
            serial=options.serial,
            lock_timeout=options.lock_timeout,
            renode=options.renode,
            place=getattr(options, "place", ""),
            coordinator=options.coordinator,
            priority=options.priority,
            meter=meter,
            input_via=getattr(options, "input_via", cls.input_via),
        )

    def override(self, board: Pyocd) -> Pyocd:
        """Return `board` with the probe, pack and port of these options, if they name any."""
        return msgspec.structs.replace(
            board,
            probe=self.probe or board.probe,
            pack=self.pack or board.pack,
            serial=self.serial or board.serial,
            # It switches the board of the target file, which may be another one.
            power_cycle="" if self.probe not in ("", board.probe) else board.power_cycle,
        )


def check_usable(options: Mapping[str, Any], targets: Sequence[Target]) -> None:
    """Raise `InputError` for the first of `options`, values by name, that no target can use."""
    for name, value in options.items():
        if value == _ABSENT.get(name, ""):
            continue
        if not any(name in _usable(target, options) for target in targets):
            option = f"--{name.replace('_', '-')}"
            given = f"{value:g}" if isinstance(value, float) else value
            raise InputError(
                f"does not apply to {', '.join(target.name for target in targets)}: "
                f"{_why_not(name, targets, options)}",
                where=f"{option}={given}",
                remedy=_remedy(option, targets),
            )


def _why_not(name: str, targets: Sequence[Target], options: Mapping[str, Any]) -> str:
    if name in ("probe", "serial") and any(is_of_farm(target, options) for target in targets):
        return "the place brings it"
    return _WHY_NOT[name]


def _remedy(option: str, targets: Sequence[Target]) -> str:
    chips = [target.board.chip for target in targets if isinstance(target.board, Virtual)]
    if option in ("--place", "--coordinator") and chips:
        return f"name the board's own target, such as --target=chip:{chips[0]}, or remove {option}"
    return f"remove {option}, or name another --target"


def is_of_farm(target: Target, options: Mapping[str, Any]) -> bool:
    """Return whether the board of `target` is a place of a farm; `options` are texts by name.

    LG_COORDINATOR alone does that for a chip only: a target file names a board, maybe on the desk.
    """
    board = target.board
    if isinstance(board, Labgrid) or not isinstance(board, Pyocd):
        return isinstance(board, Labgrid)
    if options.get("place") or options.get("coordinator"):
        return True
    on_desk = options.get("probe") or options.get("serial")
    is_chip = target.name.startswith(f"{CHIP}:")
    return is_chip and not on_desk and bool(os.environ.get(COORDINATOR))


def _usable(target: Target, options: Mapping[str, Any]) -> set[str]:
    """Return the names of the options that `target` can use."""
    if isinstance(target.board, Renode):
        return {"renode"}
    if is_of_farm(target, options):
        return {"pack", "place", "coordinator", "lock_timeout", "priority"}
    if isinstance(target.board, Virtual) and not options["probe"]:
        return {"probe"}  # of a virtual board that runs already
    if isinstance(target.board, Pyocd | Virtual):
        usable = {"probe", "pack", "lock_timeout"}
        return usable if target.port.over_rtt else usable | {"serial"}
    return set()
