"""Faults of Renode: its counter is not one of instructions, or it lets pass what a chip does not.

They run on the stand-in for Renode, which executes the image in QEMU.
"""

import json

from harness.errors import ExitCode
from tests.faults.case import Case
from tests.faults.fault import fault
from tests.faults.findings import Kind
from tests.support.renode import make_double

_NOTHING = "ReadDoubleWord from non existing peripheral at 0x70000000."


def run(case: Case, ends: int, told: dict[str, object]) -> None:
    """Run a model on a Renode with which something is wrong, as `told`."""
    renode = make_double(case.temporary.parent)
    case.harness(
        "run",
        "--model=anomaly",
        "--target=renode-stm32",
        f"--renode={renode}",
        ends=(ends,),
        environment={"RENODE_DOUBLE": json.dumps(told)},
    )
    if case.records() and ends != ExitCode.PASSED:
        case.found(Kind.WRONG_NUMBER, "a Record of a run that failed")


@fault(seeds=4)
def the_counter_differs_from_renode_s_count(case: Case) -> None:
    miscount = case.random.choice((-1, 1)) * 10 ** case.random.randrange(5)
    run(case, ExitCode.INFRASTRUCTURE, {"miscount": miscount})


@fault()
def a_read_of_nothing_passes_in_renode(case: Case) -> None:
    line = f"[WARNING] sysbus: [cpu: 0x8000100] {_NOTHING}"
    run(case, ExitCode.INFRASTRUCTURE, {"accesses": [line]})


@fault()
def renode_stops_the_core(case: Case) -> None:
    line = "[ERROR] cpu: CPU abort [PC=0x90000000]: Trying to execute code outside RAM or ROM."
    run(case, ExitCode.INFRASTRUCTURE, {"accesses": [line]})


@fault()
def renode_dies_at_the_start(case: Case) -> None:
    run(case, ExitCode.INFRASTRUCTURE, {"die": "sysbus LoadELF"})
