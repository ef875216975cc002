"""The options of a virtual board, for `harness virtual serve` and `python -m` alike."""

import argparse

from harness.simulator.board_faults import KNOBS, WRONG_CHIP


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare chip, UART, probe id and faults."""
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
