"""Reads what identifies a chip: the id registers that its core may have, and the ROM table."""

from dataclasses import dataclass

from pyocd.core import exceptions
from pyocd.core.session import Session

from harness.board.pyocd.core_check import cores_of
from harness.errors import InfrastructureError
from harness.target.chip_families import Line, identities
from harness.target.chip_needs import ChipId

_CPUID = 0xE000ED00
_CODE_BIT, _CODE_MASK = 24, 0xF  # SIM_FCFG1.PFSIZE of Kinetis
_NO_SIZE = (0, 0xFFFF)  # of a flash size register that was never programmed
# JEP106: continuation code in bits 11 to 8, identity in bits 6 to 0, as pyOCD has them.
_ARM = 0x43B
_MAKERS = {
    0x00E: "NXP (Freescale)",
    0x015: "NXP",
    0x017: "Texas Instruments",
    0x01F: "Microchip (Atmel)",
    0x020: "STMicroelectronics",
    0x029: "Microchip",
    0x034: "Infineon (Cypress)",
    0x041: "Infineon",
    0x065: "Analog Devices",
    0x14B: "Analog Devices (Maxim)",
    0x244: "Nordic Semiconductor",
    0x423: "Renesas",
    0x648: "GigaDevice",
    0x673: "Silicon Labs",
    0x751: "GigaDevice",
    0x81B: "Ambiq",
    0x82D: "Nuvoton",
    0x879: "Realtek",
    0x913: "Raspberry Pi",
    0x93B: "Artery",
    0x94F: "Puya",
}


@dataclass(frozen=True)
class Identified:
    """A line of chips, and the register that says so; `kib` is the size of the flash, if known."""

    line: Line
    register: str
    kib: int | None


def identify(session: Session) -> Identified | None:
    """Return the line of the chip; None if no id register that its core may have is known.

    Registers that chips with other cores have are not read. Raises pyOCD's errors if the chip does
    not answer any more.
    """
    cores = cores_of(session)
    read: dict[int, int | None] = {}
    for identity in identities():
        address = identity.address
        if identity.core not in cores:
            continue
        if address not in read:
            read[address] = _read(session, address)
        value = read[address]
        line = None if value is None else identity.line(value)
        if value is not None and line is not None:
            kib = _flash_kib(session, identity.flash_size, identity.flash_codes)
            return Identified(line, f"{address:#010x} reads {value & identity.mask:#x}", kib)
    return None


def what_is_known(session: Session) -> str:
    """Return the core of a chip that is not identified, and its maker as far as it says so."""
    core = session.target.selected_core_or_raise.name
    text = f"it has a {core} (CPUID {session.target.read32(_CPUID):#010x})"
    tables = (getattr(port, "rom_table", None) for port in session.target.aps.values())
    for ids in (table.cmpid for table in tables if table is not None):
        if ids.designer != _ARM:
            maker = _MAKERS.get(ids.designer, f"the maker with the JEP106 code {ids.designer:#x}")
            return f"{text}, and is made by {maker} (part {ids.part:#x} in its ROM table)"
    return text


def check_chip(session: Session, probe: str, target: str, chip: ChipId) -> None:
    """Compare the chip's identification register; pyOCD does not check it for STM32."""
    expected = " or ".join(f"{value:#x}" for value in chip.values)
    value = _read(session, chip.address)
    if value is None or value & chip.mask not in chip.values:
        reads = "cannot be read" if value is None else f"reads {value & chip.mask:#x}"
        raise InfrastructureError(
            f"the chip is not a {target}: {chip.address:#010x} {reads}, not {expected}",
            where=f"probe {probe}",
            remedy="is this the right board? --probe selects another, --target=auto reads which "
            "chip it is",
        )
    kib = _flash_kib(session, chip.flash_size, chip.flash_codes)
    if kib is not None and kib < chip.flash_kib:
        raise InfrastructureError(
            f"the chip has {kib:,} KiB of flash, but the target has {chip.flash_kib:,} KiB",
            where=f"probe {probe}",
            remedy=f"it is smaller than {target}: use --target=chip:NAME with the name that is "
            "printed on it, or a target file with its memory",
        )


def _flash_kib(session: Session, address: int | None, codes: tuple[int, ...]) -> int | None:
    """Return the size of the flash from the register at `address`; None if it does not tell."""
    if address is None:
        return None
    value = _read(session, address, 32 if codes else 16)
    if value is None or not codes:
        return None if value in _NO_SIZE else value
    return dict(enumerate(codes)).get(value >> _CODE_BIT & _CODE_MASK) or None


def _read(session: Session, address: int, width: int = 32) -> int | None:
    """Return the register at `address`; None if the chip has nothing there."""
    try:
        value: int = session.target.read_memory(address, width)
    except exceptions.TransferError:
        session.target.read32(_CPUID)  # if this fails, too, the chip does not answer any more
        return None
    return value
