"""The core types: the architecture, the identification, and the units for debugging.

Values from the technical reference manuals: Cortex-M0+ (DDI 0484C), Cortex-M4 (100166),
Cortex-M33 (100230); the registers of Armv6-M from its architecture manual (DDI 0419).
"""

from dataclasses import dataclass

from unicorn import arm_const

from harness.simulator import nvic_registers, scs, systick
from harness.simulator.coresight import DebugIds, Part, component
from harness.simulator.mpu import Mpu, MpuV7, MpuV8
from harness.simulator.private_bus import ROM_TABLE
from harness.simulator.scs import ControlRegisters
from harness.simulator.undefined_encodings import Undefined, in_armv6m, in_armv7m, in_armv8m


@dataclass(frozen=True)
class CoreType:
    """A core type; `model` is Unicorn's number of it.

    `demcr` are the writable bits of DEMCR. The breakpoint unit has this number of comparators for
    `breakpoints` and `literals`, the DWT of `comparators`; both are of `debug_version` 1 or 2.
    `parts` identify SCS, DWT, breakpoint unit, ITM and TPIU, in this order; a core without the last
    ones has fewer. `debug_ids` can be replaced by a chip's own. `mpu` is the kind of its MPU with
    this number of `regions`. Without a `write_buffer`, all faults of stores are precise.
    """

    model: int
    registers: ControlRegisters
    demcr: int
    breakpoints: int
    literals: int
    comparators: int
    debug_version: int
    parts: tuple[Part, ...]
    debug_ids: DebugIds
    undefined: Undefined
    mpu: type[Mpu] | None = None
    regions: int = 0
    write_buffer: bool = True
    cycle_counter: bool = True
    security_extension: bool = False


_VTOR, _SCR, _CPACR = 0xFFFF_FF80, 0x16, 0xF << 20

CORTEX_M0PLUS = CoreType(
    model=arm_const.UC_CPU_ARM_CORTEX_M0,
    registers=ControlRegisters(
        fixed={scs.CPUID: 0x410C_C601, scs.CCR: scs.CCR_STKALIGN | scs.CCR_UNALIGN_TRP},  # r0p1
        after_reset={scs.CCR: scs.CCR_STKALIGN},  # the emulator itself traps unaligned accesses
        writable={scs.VTOR: _VTOR, scs.AIRCR: 0xFFFF_0006, scs.SCR: _SCR},
        present={
            *(scs.CPUID, scs.VTOR, scs.AIRCR, scs.SCR, scs.CCR, scs.DFSR),
            *range(scs.DHCSR, scs.DEMCR + 4, 4),
            *systick.OFFSETS,
            *nvic_registers.BASELINE_OFFSETS,
        },
    ),
    demcr=0x0100_0401,
    breakpoints=4,
    literals=0,
    comparators=2,
    debug_version=1,
    parts=(Part(0x008), Part(0x00A), Part(0x00B)),
    debug_ids=DebugIds(0x0BC1_1477, 0x0477_0031, ROM_TABLE),
    undefined=in_armv6m,
    write_buffer=False,
    cycle_counter=False,
)

CORTEX_M4F = CoreType(
    model=arm_const.UC_CPU_ARM_CORTEX_M4,
    registers=ControlRegisters(
        fixed={
            scs.CPUID: 0x410F_C241,  # r0p1
            0xD40: 0x0000_0030,
            0xD44: 0x0000_0200,
            0xD48: 0x0010_0000,
            0xD50: 0x0010_0030,  # ID_MMFR0 to 3
            0xD58: 0x0100_0000,
            0xD60: 0x0114_1110,  # ID_ISAR0 to 4
            0xD64: 0x0211_2000,
            0xD68: 0x2123_2231,
            0xD6C: 0x0111_1131,
            0xD70: 0x0131_0102,
            scs.MVFR0: 0x1011_0021,
            scs.MVFR1: 0x1100_0011,
        },
        after_reset={scs.CCR: scs.CCR_STKALIGN},
        writable={
            scs.VTOR: _VTOR,
            scs.SCR: _SCR,
            scs.ACTLR: 0x307,
            scs.CCR: 0x31B,
            nvic_registers.SHCSR: 0x7_FD8B,
            scs.CPACR: _CPACR,
        },
    ),
    demcr=0x010F_07F1,
    breakpoints=6,
    literals=2,
    comparators=4,
    debug_version=1,
    parts=(
        *(Part(0x00C), Part(0x002), Part(0x003), Part(0x001)),
        component(0x9A1, 0, device_type=0x11),
    ),
    debug_ids=DebugIds(0x2BA0_1477, 0x2477_0011, ROM_TABLE),
    undefined=in_armv7m,
    mpu=MpuV7,
    regions=8,
)

_PART_M33 = 0xD21

CORTEX_M33 = CoreType(
    model=arm_const.UC_CPU_ARM_CORTEX_M33,
    registers=ControlRegisters(
        fixed={
            scs.CPUID: 0x410F_D214,  # r0p4
            0xD40: 0x0000_0030,
            0xD44: 0x0000_0210,  # the security extension is implemented
            0xD48: 0x0020_0000,
            0xD50: 0x0010_1F40,  # ID_MMFR0 to 3
            0xD58: 0x0100_0000,
            0xD60: 0x0110_1110,  # ID_ISAR0 to 4
            0xD64: 0x0221_2000,
            0xD68: 0x2023_2232,
            0xD6C: 0x0111_1131,
            0xD70: 0x0131_0132,
            0xD7C: 0x8000_C000,  # CTR
            scs.MVFR0: 0x1011_0021,
            scs.MVFR1: 0x1100_0011,
            scs.MVFR2: 0x0000_0040,
        },
        after_reset={scs.CCR: scs.CCR_STKALIGN | 1},
        writable={
            scs.VTOR: _VTOR,
            scs.SCR: _SCR,
            scs.CCR: 0x51A,  # STKALIGN and bit 0 are always set
            nvic_registers.SHCSR: 0xF_FD8B,
            scs.CPACR: _CPACR,
        },
    ),
    demcr=0x010F_0FF1,
    breakpoints=8,
    literals=0,
    comparators=4,
    debug_version=2,
    parts=(
        component(_PART_M33, 0x2A04),
        component(_PART_M33, 0x1A02),
        component(_PART_M33, 0x1A03),
        component(_PART_M33, 0x1A01, device_type=0x43),
    ),
    debug_ids=DebugIds(0x6BA0_2477, 0x8477_0001, ROM_TABLE),
    undefined=in_armv8m,
    mpu=MpuV8,
    regions=16,
    security_extension=True,
)
