"""Blocks of the operators: what the random graphs of the tests hold, and what TFLM has besides."""

import re
from collections import Counter

from docs.generate.markdown import NOTHING, code, table
from docs.numbers.workbench import Workbench
from harness.engines.cmsis_nn.not_supported import NOT_HERE, TFLM_CUSTOM, TFLM_KERNELS
from harness.engines.cmsis_nn.tflm_limits import ONLY_IN_TFLM
from harness.golden.proven_operators import EQUAL, WITHOUT_TFLM
from harness.golden.tflm_arithmetic import FAMILIES
from tests.support.covered_types import covered

_SHOWN = 2  # kinds of graphs in a row
_TYPE = re.compile(r"\b(?:u?int\d+|float32|bool|resource)\b")
_OTHER_WEIGHTS = re.compile(r"weights|state|resource")


def operators(_: Workbench) -> str:
    """Return the table of operators and types, with the engines and tests of each."""
    rows = [
        (
            code(kind),
            types if types != "none" else NOTHING,
            "yes",
            "yes" if kind in TFLM_KERNELS | TFLM_CUSTOM else "no kernel",
            _by_litert(kind, types),
            f"{graphs.total():,}",
            _kinds(graphs),
        )
        for (kind, types), graphs in sorted(covered().items())
    ]
    header = ("operator", "types", "`cmsis-nn`", "`tflm`", "golden by LiteRT", "graphs in CI")
    return table((*header, "kinds of graphs"), rows).rstrip()


def missing_kernels(_: Workbench) -> str:
    """Return the table of TFLM's kernels and types that the engine lacks."""
    whole = [(code(kind), "all", why) for kind, why in NOT_HERE.items()]
    types = [
        (code(kind), name, why)
        for kind, known in ONLY_IN_TFLM.items()
        for name, why in known.items()
    ]
    return table(("kernel of TFLM", "types", "reason"), sorted((*whole, *types))).rstrip()


def _by_litert(kind: str, types: str) -> str:
    """Say whether golden is computed without `tflite-micro`, and how."""
    family = FAMILIES.get(kind)
    known = family.activations if family else {**EQUAL, **WITHOUT_TFLM}.get(kind, "")
    if not known or _OTHER_WEIGHTS.search(types):
        return "no"
    if not set(_TYPE.findall(types)) <= set(known.split()):
        return "no"
    return "yes, in TFLM's arithmetic" if family else "yes"


def _kinds(graphs: Counter[str]) -> str:
    """Name the kinds of graphs that hold an operator most often."""
    named = [code(kind) for kind, _ in graphs.most_common(_SHOWN)]
    more = len(graphs) - len(named)
    return "; ".join(named) + (f"; {more} more" if more else "")
