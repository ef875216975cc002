"""The command `python -m harness.simulator serve CHIP`."""

import argparse
import sys

from harness.errors import HarnessError
from harness.simulator.serve_options import add_options, serve_with


def main() -> int:
    """Parse the command line and serve a board; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.simulator")
    commands = parser.add_subparsers(dest="command", required=True)
    add_options(commands.add_parser("serve", help="run a virtual board"))
    options = parser.parse_args()
    try:
        return serve_with(options)
    except HarnessError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
