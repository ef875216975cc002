"""`serve`: the command line of a virtual board, for `harness virtual` and `python -m` alike."""

import argparse
from pathlib import Path

from harness.simulator.board_faults import KNOBS, WRONG_CHIP


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare chip, UART, probe ID, faults, and how the board is announced."""
    faults = "; ".join(
        f"{name}{'=' if knob.value else ''}{knob.value}: {knob.help}"
        for name, knob in KNOBS.items()
    )
    parser.add_argument("chip", metavar="CHIP", help="pyOCD's name of it, such as stm32f429xi")
    parser.add_argument("--serial", metavar="ID", help="the probe's unique id (default: made up)")
    parser.add_argument("--uart", metavar="NAME", help="the UART that is on the serial port")
    parser.add_argument(
        "--boot",
        type=lambda text: int(text, 0),
        metavar="ADDRESS",
        help="start the program whose vector table is there, as a bootloader does",
    )
    parser.add_argument(
        "--meter",
        default="",
        metavar="METER",
        help="a virtual meter in its supply: ppk2 or lpm01a, with what it does wrong: "
        "ppk2,noise=0.02,missing=0.005,ppm=300,late=0.0003; docs/energy.md",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help=f"something that goes wrong; {WRONG_CHIP}=CHIP: claim to be one; {faults}",
    )
    parser.add_argument("--json", action="store_true", help="announce the board in JSON")
    parser.add_argument("--stdin", action="store_true", help="end when standard input ends")
    parser.add_argument("--ready", type=Path, metavar="FILE", help="announce it in FILE too")


def serve_with(options: argparse.Namespace) -> int:
    """Serve the board that `options` describe; return the exit code."""
    from harness.simulator.serve import BoardSetup, serve  # noqa: PLC0415 - unicorn loads slowly

    setup = BoardSetup(
        chip=options.chip,
        serial=options.serial,
        uart=options.uart,
        boot=options.boot,
        meter=options.meter,
        faults=options.fault,
    )
    return serve(setup, as_json=options.json, with_stdin=options.stdin, ready=options.ready)
