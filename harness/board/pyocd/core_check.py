"""Compares the core in the chip with the one that the image was compiled for."""

from pyocd.core.session import Session
from pyocd.coresight.core_ids import CORE_TYPE_NAME, CPUID_ARM, CortexMExtension
from pyocd.coresight.cortex_m import CortexM

from harness.errors import InputError
from harness.target.target_file import Target

# The names of cores in target files, by the architecture's names of their parts and extensions.
_NAMES = {
    "Cortex-M0": "cortex-m0",
    "Cortex-M0+": "cortex-m0plus",
    "Cortex-M3": "cortex-m3",
    "Cortex-M7": "cortex-m7",
    "Cortex-M23": "cortex-m23",
    "Cortex-M33": "cortex-m33",
    "Cortex-M35P": "cortex-m33",
    "Cortex-M55": "cortex-m55",
    "Cortex-M85": "cortex-m85",
}
_M4 = "Cortex-M4"
_NEEDED = {  # by the compiler's flags in firmware/cores.cmake
    "cortex-m4f": {CortexMExtension.FPU},
    "cortex-m7": {CortexMExtension.FPU},
    "cortex-m33": {CortexMExtension.FPU, CortexMExtension.DSP},
    "cortex-m55": {CortexMExtension.FPU, CortexMExtension.MVE_FP},
    "cortex-m85": {CortexMExtension.FPU, CortexMExtension.MVE_FP},
}
_WORDS = {
    CortexMExtension.FPU: "floating-point unit",
    CortexMExtension.DSP: "DSP extension",
    CortexMExtension.MVE_FP: "Helium for floats",
}


def check_core(session: Session, target: Target) -> None:
    """Raise `InputError` if the chip's core cannot run an image for `target`.

    Parts that no target file can name are not judged.
    """
    core = session.target.selected_core_or_raise
    part = CORE_TYPE_NAME.get((CPUID_ARM, core.core_type), "")
    stated = target.mcu.core
    where = f"{target.path}: mcu.core"
    names = {"cortex-m4", "cortex-m4f"} if part == _M4 else {_NAMES.get(part, stated)}
    if stated not in names:
        cpuid = session.target.read32(CortexM.CPUID)
        raise InputError(
            f"the target says {stated}, but the chip's CPUID {cpuid:#010x} says {part}",
            where=where,
            remedy=f"is this the right board? If it is, write {' or '.join(sorted(names))}",
        )
    missing = _NEEDED.get(stated, set()).difference(core.extensions)
    if missing:
        listed = " and no ".join(sorted(_WORDS[extension] for extension in missing))
        raise InputError(
            f"an image for {stated} does not run on this chip: its {part} has no {listed}",
            where=where,
            remedy=_remedy(stated, part),
        )


def _remedy(stated: str, part: str) -> str:
    if stated == "cortex-m4f":
        return "write cortex-m4"
    fits = {"Cortex-M7": "cortex-m4", "Cortex-M33": "cortex-m23"}.get(part, "cortex-m33")
    return f"write {fits}: the core executes its instructions too"
