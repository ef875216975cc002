"""`python -m harness.simulator serve CHIP`."""

import argparse
import sys
from pathlib import Path

from harness.errors import HarnessError
from harness.simulator.serve import serve
from harness.simulator.serve_options import add_options


def main() -> int:
    """Parse the command line and serve a board."""
    parser = argparse.ArgumentParser(prog="python -m harness.simulator")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("serve", help="run a virtual board")
    add_options(command)
    command.add_argument("--json", action="store_true", help="announce the board in JSON")
    command.add_argument("--stdin", action="store_true", help="end with standard input")
    command.add_argument("--ready", type=Path, metavar="FILE", help="announce it in FILE too")
    options = parser.parse_args()
    try:
        return serve(
            options.chip,
            serial=options.serial,
            uart=options.uart,
            boot=options.boot,
            meter=options.meter,
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
