"""The list of TFLM's kernels, and the reasons for those that the engine lacks."""

import re
from importlib.util import find_spec
from pathlib import Path

import tflite

from harness.engines.cmsis_nn.not_supported import NOT_HERE, TFLM_CUSTOM, TFLM_KERNELS, reason
from harness.engines.cmsis_nn.operators import LOWERINGS
from tests.support.interpreters import needs_tflm

# These register under a name of their own, or are custom operators besides.
_NO_BUILTIN = {"DELAY"}


@needs_tflm
def test_the_list_is_what_the_package_holds() -> None:
    spec = find_spec("tflite_micro")
    assert spec is not None
    assert spec.origin is not None
    libraries = list(Path(spec.origin).parent.rglob("_runtime*.so"))
    code = b"".join(path.read_bytes() for path in libraries)
    held = {name.decode() for name in re.findall(rb"Register_([A-Z0-9_]+)Ev", code)}
    builtin = {name for name in vars(tflite.BuiltinOperator) if name.isupper()}
    assert held & builtin - _NO_BUILTIN == TFLM_KERNELS


def test_a_reason_is_for_a_kernel_of_tflm_that_is_not_here() -> None:
    assert NOT_HERE.keys() <= TFLM_KERNELS
    assert not NOT_HERE.keys() & LOWERINGS.keys()


def test_a_custom_operator_is_named_as_such() -> None:
    """TFLM has kernels of more, such as those of its audio preprocessor."""
    for kind in ("CUSTOM:SignalWindow", "CUSTOM:MyOwn"):
        assert reason(kind).startswith("it is a custom operator, and the engine has none but ")


def test_a_custom_operator_that_tflm_has_is_not_among_its_builtin_ones() -> None:
    assert all(kind.startswith("CUSTOM:") and kind in LOWERINGS for kind in TFLM_CUSTOM)


def test_what_tflm_does_not_have_says_so() -> None:
    for kind in ("POW", "SELECT", "WHERE", "REDUCE_PROD", "SIGN"):
        assert reason(kind) == f"TFLM has no kernel for {kind}"
