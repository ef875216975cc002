"""Compares the core in the chip with the one that the image was compiled for."""

from pyocd.core.session import Session
from pyocd.coresight.core_ids import CORE_TYPE_NAME, CPUID_ARM, CortexMExtension
from pyocd.coresight.cortex_m import CortexM

from harness.errors import InputError
from harness.target.target_file import Target

# The cores of target files whose images run on a part, by the architecture's name of the part. The
# later ones are for parts without the extensions that the first one needs.
_NAMES = {
    "Cortex-M0": ("cortex-m0",),
    "Cortex-M0+": ("cortex-m0plus",),
    "Cortex-M3": ("cortex-m3",),
    "Cortex-M4": ("cortex-m4f", "cortex-m4"),
    "Cortex-M7": ("cortex-m7", "cortex-m4"),
    "Cortex-M23": ("cortex-m23",),
    "Cortex-M33": ("cortex-m33", "cortex-m33-nofp"),
    "Cortex-M35P": ("cortex-m33", "cortex-m33-nofp"),
    "Cortex-M55": ("cortex-m55", "cortex-m33-nofp"),
    "Cortex-M85": ("cortex-m85", "cortex-m33-nofp"),
}
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


def cores_of(session: Session) -> tuple[str, ...]:
    """Return the cores of target files whose images run on the chip's core."""
    return _NAMES.get(_part(session), ())


def check_core(session: Session, target: Target) -> None:
    """Raise `InputError` if the chip's core cannot run an image for `target`.

    Parts that no target file can name are not judged.
    """
    core = session.target.selected_core_or_raise
    part = _part(session)
    stated = target.mcu.core
    where = f"{target.path}: mcu.core"
    names = _NAMES.get(part, (stated,))
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
            remedy=f"write {names[-1]}: the core executes its instructions too",
        )


def _part(session: Session) -> str:
    core = session.target.selected_core_or_raise
    name: str = CORE_TYPE_NAME.get((CPUID_ARM, core.core_type), "")
    return name
