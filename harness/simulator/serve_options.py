"""The options of `serve`, for `harness virtual` and for `python -m harness.simulator`."""

import argparse
from collections.abc import Callable
from pathlib import Path

from harness.simulator import board_faults
from harness.simulator.chip_names import CHIP_NAMES
from harness.simulator.peripherals.uart import ALL_UARTS
from harness.simulator.serve_document import VirtualServeDocument
from harness.support.numbers import address


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that describe the board and its announcement."""
    parser.add_argument(
        "chip", metavar="CHIP", help=f"pyOCD's name of the chip: {', '.join(CHIP_NAMES)}"
    )
    parser.add_argument("--serial", metavar="ID", help="the probe's unique ID (default: generated)")
    parser.add_argument(
        "--chip-id",
        type=_chip_id,
        metavar="HEX",
        help="the chip's unique ID, in hexadecimal digits; the default is always the same",
    )
    parser.add_argument(
        "--uart",
        metavar="NAME",
        help=f"the UART on the serial port, or {ALL_UARTS} (default: the one on the board's own)",
    )
    parser.add_argument(
        "--boot",
        type=address,
        metavar="ADDRESS",
        help="start the program with its vector table at ADDRESS, as a bootloader does",
    )
    parser.add_argument(
        "--meter",
        default="",
        metavar="METER",
        help="a virtual meter in the supply, ppk2 or lpm01a, with its faults: "
        "ppk2,noise=0.02,missing=0.005,ppm=300,late=0.0003; docs/energy.md",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help=f"a fault of the board, which may be given several times ({board_faults.forms()}); "
        "harness/simulator/README.md describes them",
    )
    parser.add_argument(
        "--private",
        action="store_true",
        help="runs do not find the board by its name, but only by the whole ID of its probe",
    )
    parser.add_argument("--json", action="store_true", help="announce the board in JSON")
    parser.add_argument("--stdin", action="store_true", help="end when standard input ends")
    parser.add_argument(
        "--ready", type=Path, metavar="FILE", help="write the announcement to FILE, too"
    )


def _chip_id(text: str) -> int:
    """Return the number that `text` has in hexadecimal digits."""
    if not text or text.strip("0123456789abcdefABCDEF"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number in hexadecimal digits")
    return int(text, 16)


def serve_with(
    options: argparse.Namespace, advice: Callable[[VirtualServeDocument], str] = lambda _: ""
) -> int:
    """Serve the board that `options` describe; return the exit code.

    `advice` returns a command to print, or "".
    """
    from harness.simulator.chips.chip import DEFAULT_ID  # noqa: PLC0415 - unicorn loads slowly
    from harness.simulator.serve import BoardSetup, serve  # noqa: PLC0415 - unicorn loads slowly

    setup = BoardSetup(
        chip=options.chip,
        serial=options.serial,
        uart=options.uart,
        boot=options.boot,
        meter=options.meter,
        faults=options.fault,
        private=options.private,
        unique_id=DEFAULT_ID if options.chip_id is None else options.chip_id,
        advice=advice,
    )
    return serve(setup, as_json=options.json, with_stdin=options.stdin, ready=options.ready)
