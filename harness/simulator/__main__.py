"""The command `python -m harness.simulator serve CHIP`."""

import argparse
import sys

from harness.simulator.serve_options import add_options, serve_with
from harness.support.command import guarded


def main() -> int:
    """Parse the command line and serve a board; return the exit code."""
    return guarded("harness.simulator", _serve, lambda: None)


def _serve() -> int:
    parser = argparse.ArgumentParser(prog="python -m harness.simulator")
    commands = parser.add_subparsers(dest="command", required=True)
    add_options(commands.add_parser("serve", help="run a virtual board"))
    return serve_with(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
