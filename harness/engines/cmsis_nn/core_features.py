"""What the generated code has to know of the core and of the CMSIS-NN release."""

import re
from dataclasses import dataclass
from enum import Enum

from harness.errors import InputError


class Extension(Enum):
    """The instructions that CMSIS-NN's kernels are written for."""

    NONE = "plain C"
    DSP = "DSP"
    MVE = "Helium"


_EXTENSIONS = {
    **dict.fromkeys(("0", "1", "3", "23"), Extension.NONE),
    **dict.fromkeys(("4", "7", "33", "35"), Extension.DSP),
    **dict.fromkeys(("52", "55", "85"), Extension.MVE),
}


# Known numbers of parameters of `arm_vector_sum_s8`; 0 where a release has no such function.
KERNEL_SUMS = frozenset({0, 4, 6, 7})


@dataclass(frozen=True)
class Target:
    """A core's extension, and how CMSIS-NN wants its kernel sums.

    `kernel_sums` is the number of parameters of `arm_vector_sum_s8`, which prepares the
    weights of a fully-connected layer for Helium: 4, 6 or 7 by release, 0 if not needed.
    """

    extension: Extension
    kernel_sums: int = 0


def extension_of(core: str) -> Extension:
    """Return the best extension `core` ("cortex-m4f", or "host") may have.

    Where the build leaves DSP off, for instance on a Cortex-M33 without it, the kernels
    need less memory than planned, never more. Without Helium they may need more than was
    planned with it, which `nn_init()` finds. `InputError` for an unknown core.
    """
    if core == "host":
        return Extension.NONE
    match = re.fullmatch(r"cortex-m(\d+)(?:plus|p)?(?:f|d|fd|dp)?", core)
    if match is None or match[1] not in _EXTENSIONS:
        known = ", ".join(f"cortex-m{number}" for number in _EXTENSIONS)
        raise InputError(
            f"engine cmsis-nn does not know the core {core!r}", remedy=f"known: {known}, host"
        )
    return _EXTENSIONS[match[1]]
