"""`python -m harness.board.virtual serve CHIP`."""

import argparse
import sys
from pathlib import Path

from harness.board.virtual.chips import CHIPS
from harness.board.virtual.faults import KNOBS, WRONG_CHIP
from harness.board.virtual.serve import serve
from harness.errors import HarnessError


def main() -> int:
    """Parse the command line and serve a board."""
    faults = "; ".join(
        f"{name}{'=' if knob.value else ''}{knob.value}: {knob.help}"
        for name, knob in KNOBS.items()
    )
    parser = argparse.ArgumentParser(prog="python -m harness.board.virtual")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("serve", help="run a virtual board")
    command.add_argument("chip", metavar="CHIP", help=", ".join(CHIPS))
    command.add_argument("--serial", metavar="ID", help="the probe's unique id")
    command.add_argument("--uart", metavar="NAME", help="the UART that is on the serial port")
    command.add_argument("--json", action="store_true", help="announce the board in JSON")
    command.add_argument("--stdin", action="store_true", help="end with standard input")
    command.add_argument("--ready", type=Path, metavar="FILE", help="announce it in FILE too")
    command.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help=f"{WRONG_CHIP}=CHIP: claim to be one; {faults}",
    )
    options = parser.parse_args()
    try:
        return serve(
            options.chip,
            serial=options.serial,
            uart=options.uart,
            faults=options.fault,
            as_json=options.json,
            with_stdin=options.stdin,
            ready=options.ready,
        )
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
