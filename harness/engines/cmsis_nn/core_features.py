"""Properties of the core and the CMSIS-NN release that the generated code depends on."""

import re
from dataclasses import dataclass
from enum import Enum

from harness.errors import InputError


class Extension(Enum):
    """The instruction set extension that CMSIS-NN's kernels use."""

    NONE = "plain C"
    DSP = "DSP"
    MVE = "Helium"


_EXTENSIONS = {
    **dict.fromkeys(("0", "1", "3", "23"), Extension.NONE),
    **dict.fromkeys(("4", "7", "33", "35"), Extension.DSP),
    **dict.fromkeys(("52", "55", "85"), Extension.MVE),
}


# Known numbers of parameters of `arm_vector_sum_s8`; 0 if a release does not have the function.
KERNEL_SUMS = frozenset({0, 4, 6, 7})


@dataclass(frozen=True)
class CoreFeatures:
    """The core's extension, and the interface for kernel sums of the CMSIS-NN release.

    `kernel_sums` is the number of parameters of `arm_vector_sum_s8`, which prepares the weights
    of a fully-connected layer for Helium: 4, 6 or 7, depending on the release; 0 if not needed.
    """

    extension: Extension
    kernel_sums: int = 0


def extension_of(core: str) -> Extension:
    """Return the best extension that `core` ("cortex-m4f", or "host") may have.

    If the build disables DSP, for example for a Cortex-M33 without it, the kernels need at most
    the planned memory. If it disables Helium, they may need more than planned; `nn_init()`
    detects that. Raises `InputError` for an unknown core.
    """
    if core == "host":
        return Extension.NONE
    if core.endswith("-nofp"):
        return Extension.NONE
    match = re.fullmatch(r"cortex-m(\d+)(?:plus|p)?(?:f|d|fd|dp)?", core)
    if match is None or match[1] not in _EXTENSIONS:
        known = ", ".join(f"cortex-m{number}" for number in _EXTENSIONS)
        raise InputError(
            f"engine cmsis-nn does not know the core {core!r}", remedy=f"known: {known}, host"
        )
    return _EXTENSIONS[match[1]]
