"""The soak: many inferences and many sessions in one process; descriptors and memory stay flat."""

import gc
import os
from pathlib import Path

from harness.engines.registry import DEFAULT_ENGINE, find_engine
from harness.image.build import build_image
from harness.model.folder import find_model
from harness.target.find_target import find_target
from harness.workspace import Workspace
from tests.faults.case import Case
from tests.faults.fault import fault
from tests.faults.findings import Kind
from tests.faults.truth import MODEL
from tests.support.devices import opened

_INFERENCES = 2000
_SESSIONS = 200
_WARM_UP = 10  # sessions before the first look
_GROWTH = 16 << 20  # bytes; what the allocator may keep


@fault()
def many_inferences_in_many_sessions(case: Case) -> None:
    workspace = Workspace(case.root)
    target = find_target("virtual-stm32", workspace.targets)
    model = find_model(MODEL, workspace.models)
    image = build_image(target, model, find_engine(DEFAULT_ENGINE), workspace.images)
    inputs = model.vectors.inputs
    answers: dict[int, set[tuple[int, bytes]]] = {}
    before = (0, 0)
    case.tally.tried = _SESSIONS
    for session in range(_SESSIONS):
        if session == _WARM_UP:
            before = _usage()
        with opened(target, model, image, case.root) as dut:
            for index in range(_INFERENCES // _SESSIONS):
                vector = index % len(inputs)
                result = dut._link.infer(inputs[vector].tobytes())
                answers.setdefault(vector, set()).add((result.ticks, bytes(result.output)))
    _judge(case, before, _usage())
    for vector, different in answers.items():
        if len(different) > 1:
            case.found(Kind.WRONG_NUMBER, f"vector {vector} has {len(different)} different answers")


def _usage() -> tuple[int, int]:
    """Return the open descriptors and the resident bytes of this process."""
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1])
    return len(list(Path("/proc/self/fd").iterdir())), resident * os.sysconf("SC_PAGE_SIZE")


def _judge(case: Case, before: tuple[int, int], after: tuple[int, int]) -> None:
    descriptors, memory = (late - early for early, late in zip(before, after, strict=True))
    if descriptors > 0:
        case.found(Kind.GROWTH, f"{descriptors} descriptors more after {_SESSIONS} sessions")
    if memory > _GROWTH:
        case.found(Kind.GROWTH, f"{memory:,} bytes more after {_SESSIONS} sessions")
