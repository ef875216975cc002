"""Runs the conformance programs: `python -m tests.conformance [EMULATOR ...]`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.emulators import EMULATORS
from tests.conformance.expectations import cases
from tests.conformance.run import observe


def main(arguments: Sequence[str]) -> int:
    """Print where the emulators differ from the manuals."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("emulators", nargs="*", choices=[*EMULATORS, []], metavar="EMULATOR")
    expected = cases()
    for name in parser.parse_args(arguments).emulators or EMULATORS:
        with tempfile.TemporaryDirectory() as scratch:
            shown = observe(EMULATORS[name], Path(scratch))
        wrong = [case for case in expected if expected[case].deviates(shown[case])]
        print(f"{name} {EMULATORS[name].version()}: {len(wrong)} of {len(expected)} cases deviate")
        for case in wrong:
            one = expected[case]
            print(f"  {case}: {one.expected} ({one.section}), shown: {shown[case]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
