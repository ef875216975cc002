"""`make faults`: tries every fault, and prints how often each kind of finding occurred.

`python -m tests.faults line store` tries two classes; `--only TEXT` tries the faults with TEXT
in their names; `--seeds N` limits the seeds of each fault.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.case import Case
from tests.faults.fault import CLASSES, Fault, faults_of
from tests.faults.findings import Tally, heading
from tests.faults.truth import Truth, measure_truth


def main() -> int:
    """Return the number of findings, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("classes", nargs="*", choices=[*CLASSES, []], help="classes to try")
    parser.add_argument("--only", default="", metavar="TEXT", help="faults with TEXT in the name")
    parser.add_argument("--seeds", type=int, default=sys.maxsize, help="at most N seeds a fault")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="harness-faults-") as name:
        folder = Path(name)
        truth = measure_truth(folder / "truth")
        table = [heading()]
        findings = 0
        for group in options.classes or CLASSES:
            total = Tally()
            for fault in faults_of(group):
                if options.only in fault.name:
                    for seed in range(min(fault.seeds, options.seeds)):
                        _add(total, _try(fault, seed, folder, truth))
            table.append(total.row(group))
            findings += total.findings.total()
    print("\n" + "\n".join(table))
    return min(findings, 1)


def _try(fault: Fault, seed: int, folder: Path, truth: Truth) -> Tally:
    place = folder / "case"
    case = Case(place, fault.name, seed, truth, fault.carrier)
    try:
        fault.run(case)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    case.tally.tried = max(case.tally.tried, 1)
    print(f"{'FOUND' if case.texts else 'ok':6}{fault.name}, seed {seed}", flush=True)
    for text in case.texts:
        print(f"      {text}", flush=True)
    return case.tally


def _add(total: Tally, tally: Tally) -> None:
    total.tried += tally.tried
    total.findings.update(tally.findings)


if __name__ == "__main__":
    sys.exit(main())
