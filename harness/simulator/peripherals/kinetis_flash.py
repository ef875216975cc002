"""FTFA, the flash of NXP's Kinetis: MKW41Z512RM, "FTFA".

A command takes no time. Security and protection are loaded from the flash configuration field
after each reset. Missing: reading from and programming the IFR, and the backdoor key.
"""

from harness.simulator.bus import BusError, Memory
from harness.simulator.peripherals.flash_controller import ERASED, FlashArray

SECTOR = 0x800
_FSTAT_WORD, _COMMAND, _DATA, _EXPECTED, _FPROT = 0x00, 0x04, 0x08, 0x0C, 0x10
_CCIF, _ACCERR, _FPVIOL, _MGSTAT0 = 0x80, 0x20, 0x10, 0x01
_READ_SECTION, _PROGRAM_CHECK, _PROGRAM, _ERASE_SECTOR = 0x01, 0x02, 0x06, 0x09
_READ_ALL, _ERASE_ALL = 0x40, 0x44
_FIELD_FPROT, _FIELD_FSEC = 0x408, 0x40C  # in the flash configuration field
_UNSECURE, _FSEC_UNSECURE = 0b10, 0xFE
_REGIONS = 32  # that FPROT protects


class KinetisFlash:
    """The controller of the program flash `array`, which starts at address 0."""

    def __init__(self, array: FlashArray) -> None:
        self.memory: Memory | None = None  # security switches the MEM-AP off
        self.array = array
        self._sectors: set[int] = set()
        array.memory.programmer = self
        array.memory.store(_FIELD_FSEC, 1, _FSEC_UNSECURE)  # as factories and mass erases leave it
        self.reset()

    @property
    def locked(self) -> bool:
        """Whether debuggers have no access to the memory (FSEC.SEC)."""
        return self._security & 0b11 != _UNSECURE

    @property
    def mass_erase_enabled(self) -> bool:
        """Whether the MDM-AP can erase everything (FSEC.MEEN)."""
        return self._security >> 4 & 0b11 != _UNSECURE

    def reset(self) -> None:
        """Load security and protection from the flash configuration field."""
        self._errors = 0
        self._registers: dict[int, int] = {}
        self._security = self.array.memory.value(_FIELD_FSEC, 1)
        self._unprotected = self.array.memory.value(_FIELD_FPROT, 4)

    def lock(self) -> None:
        """Lock the chip, as an image without a flash configuration field does."""
        self.array.memory.store(_FIELD_FSEC, 1, ERASED)
        self.reset()

    def protect(self, sector: int) -> None:
        """Write-protect a sector; FPROT protects regions of eight sectors."""
        self._sectors.add(sector)

    def program(self, offset: int, size: int, value: int) -> int:  # noqa: ARG002 - the protocol's
        """Refuse a store to flash: only commands program it."""
        raise BusError(offset)

    def mass_erase(self) -> None:
        """Erase everything and leave the chip unsecure, as the MDM-AP does."""
        self._erase(0, self.array.memory.size)
        self.array.memory.store(_FIELD_FSEC, 1, _FSEC_UNSECURE)
        self._security = _FSEC_UNSECURE

    def read(self, offset: int) -> int:
        """Return a word of registers; the lowest byte of the first is FSTAT."""
        if offset == _FSTAT_WORD:
            return _CCIF | self._errors | self._security << 16 | ERASED << 24
        if offset == _FPROT:
            return self._unprotected
        return self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; ones have effects in FSTAT."""
        return 0 if offset == _FSTAT_WORD else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write registers; ones in FSTAT clear errors and start the command."""
        if offset == _FPROT:
            self._unprotected &= value  # protection can only be added
        elif offset != _FSTAT_WORD:
            self._registers[offset] = value
        else:
            self._errors &= ~(value & (_ACCERR | _FPVIOL))
            if value & _CCIF and not self._errors & (_ACCERR | _FPVIOL):
                self._errors = self._execute()

    def _execute(self) -> int:
        """Execute the command in FCCOB; return the error bits of FSTAT."""
        command = self._registers.get(_COMMAND, 0)
        code, address = command >> 24, command & 0xFF_FFFF
        whole = self.array.memory.size
        if code in (_ERASE_ALL, _READ_ALL):
            return self._erase(0, whole) if code == _ERASE_ALL else self._check_erased(0, whole)
        run = {
            _READ_SECTION: self._read_section,
            _PROGRAM_CHECK: self._check_program,
            _PROGRAM: self._program,
            _ERASE_SECTOR: self._erase_sector,
        }.get(code)
        if run is None or address % 4 or address >= whole:
            return _ACCERR
        return run(address)

    def _read_section(self, address: int) -> int:
        return self._check_erased(address, 4 * (self._registers.get(_DATA, 0) >> 16))

    def _check_program(self, address: int) -> int:
        same = self.array.memory.value(address, 4) == self._registers.get(_EXPECTED, 0)
        return 0 if same else _MGSTAT0

    def _erase_sector(self, address: int) -> int:
        return self._erase(address // SECTOR * SECTOR, SECTOR)

    def _program(self, address: int) -> int:
        if self._is_protected(address, 4):
            return _FPVIOL
        value = self._registers.get(_DATA, 0)
        self.array.memory.store(address, 4, self.array.programmed(address, 4, value))
        self.array.changed(address, 4)
        return 0

    def _erase(self, address: int, size: int) -> int:
        if self._is_protected(address, size):
            return _FPVIOL
        self.array.erase(address, size)
        return 0

    def _check_erased(self, address: int, size: int) -> int:
        content = self.array.memory.bytes[address : address + size]
        return 0 if bytes(content) == bytes([ERASED]) * size else _MGSTAT0

    def _is_protected(self, address: int, size: int) -> bool:
        region = self.array.memory.size // _REGIONS
        regions = range(address // region, (address + size - 1) // region + 1)
        if any(not self._unprotected >> number & 1 for number in regions):
            return True
        return any(
            sector * SECTOR < address + size and address < (sector + 1) * SECTOR
            for sector in self._sectors
        )
