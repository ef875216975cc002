"""The memory protection unit: PMSAv7 and PMSAv8.

Armv7-M ARM (DDI 0403E): B3.5 the MPU, B3.1 the default memory map, B2.3 ValidateAddress and
CheckPermission. Armv8-M ARM (DDI 0553): B11, MPU_RBAR and MPU_RLAR. The emulator checks the code's
own accesses; `Mpu.allows` checks those of exception entry and return.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

TYPE, CTRL, RNR, RBAR, LIMIT = 0xD90, 0xD94, 0xD98, 0xD9C, 0xDA0
_MAIR = (0xDC0, 0xDC4)
OFFSETS = (*range(TYPE, 0xDBC, 4), *_MAIR)
"""Offsets in the system control space; RBAR and LIMIT (RASR or RLAR) have three aliases each."""

ENABLE, HFNMIENA, PRIVDEFENA = 1 << 0, 1 << 1, 1 << 2
_PRIVATE_BUS = range(0xE000_0000, 0xE010_0000)
_VALID, _REGION = 1 << 4, 0xF  # RBAR of PMSAv7
_LAST_ALIAS = 0xDB8
_XN, _AP, _PRIVILEGED, _SUBREGIONS = 1 << 28, 7 << 24, 1 << 24, 0xFF << 8  # RASR
_SMALLEST = 4 << 1 | ENABLE  # a region of 32 bytes
_MIN_SUBREGION = 32  # bytes; smaller regions have none
_NEVER_EXECUTED = (2, 5, 6, 7)  # of the default memory map, in 512 MiB
_PAGE = 0x400  # the emulator's


class Mpu(ABC):
    """An MPU with this number of `regions`.

    `changed` is called with the value of CTRL that is in force and with the words of all regions:
    see `words`. While `suspend` is in force, CTRL is 0.
    """

    _limit_mask: int  # the writable bits of LIMIT
    _attribute_registers: Sequence[int] = ()

    def __init__(
        self, regions: int, changed: Callable[[int, Sequence[Sequence[int]]], None]
    ) -> None:
        self._regions = regions
        self._changed = changed
        self._clear()

    def reset(self) -> None:
        """Disable the MPU and all regions."""
        self._clear()
        self._apply()

    def _clear(self) -> None:
        self.control = 0
        self.enabled = False
        """Whether CTRL.ENABLE is set."""
        self._number = 0
        self._bases = [0] * self._regions
        self._limits = [0] * self._regions
        self._attributes = dict.fromkeys(self._attribute_registers, 0)
        self._suspended = False

    def read(self, offset: int) -> int:
        """Return a register."""
        registers = {TYPE: self._regions << 8, CTRL: self.control, RNR: self._number}
        if offset in registers:
            return registers[offset]
        if offset > _LAST_ALIAS:
            return self._attributes.get(offset, 0)
        number = self._addressed(offset)
        if number >= self._regions:
            return 0
        return self._limits[number] if (offset - RBAR) % 8 else self._read_base(number)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == RNR:
            self._number = value & 0xFF
        elif offset in self._attributes:
            self._attributes[offset] = value
        elif offset == CTRL:
            self.control = value & (ENABLE | HFNMIENA | PRIVDEFENA)
            self.enabled = bool(self.control & ENABLE)
            self._apply()
        elif RBAR <= offset <= _LAST_ALIAS and self._write_region(offset, value) and self.enabled:
            self._apply()

    def _write_region(self, offset: int, value: int) -> bool:
        """Write RBAR, LIMIT or an alias; return whether that changes the region."""
        if (offset - RBAR) % 8:
            values, value = self._limits, value & self._limit_mask
        else:
            values, value = self._bases, self._select(value)
        number = self._addressed(offset)
        if number >= self._regions or values[number] == value:
            return False
        values[number] = value
        return True

    @property
    def ends_at_negative_priority(self) -> bool:
        """Whether HardFault, NMI and FAULTMASK switch it off (CTRL.HFNMIENA)."""
        return self.control & (ENABLE | HFNMIENA) == ENABLE

    def suspend(self, suspended: bool) -> None:
        """Follow the execution priority, which is now negative or not."""
        suspended = suspended and self.ends_at_negative_priority
        if suspended != self._suspended:
            self._suspended = suspended
            self._apply()

    def allows(self, address: int, *, write: bool, privileged: bool, negative: bool) -> bool:
        """Return whether such an access to data is allowed; `negative` is the priority's sign."""
        if not self.enabled or address in _PRIVATE_BUS:
            return True
        if negative and self.ends_at_negative_priority:
            return True
        allowed = self._allows(address, write=write, privileged=privileged)
        if allowed is None:
            return privileged and bool(self.control & PRIVDEFENA)
        return allowed

    @property
    @abstractmethod
    def words(self) -> Sequence[Sequence[int]]:
        """The words of all regions, as the emulator needs them."""

    @abstractmethod
    def _allows(self, address: int, *, write: bool, privileged: bool) -> bool | None:
        """Return whether the region with `address` allows an access; None without a region."""

    @abstractmethod
    def _addressed(self, offset: int) -> int:
        """Return the number of the region that RBAR or LIMIT, or an alias, selects."""

    def _read_base(self, number: int) -> int:
        return self._bases[number]

    def _select(self, base: int) -> int:
        """Return what RBAR keeps of the value `base`, which may also select a region."""
        return base

    def _apply(self) -> None:
        self._changed(0 if self._suspended else self.control, self.words)


class MpuV7(Mpu):
    """The MPU of Armv7-M: regions whose size is a power of two, with eight subregions."""

    _limit_mask = 0x173F_FF3F

    @property
    def words(self) -> Sequence[Sequence[int]]:
        """Base addresses, sizes with subregions and ENABLE, and attributes.

        The emulator remembers for a whole page what a region allows, unless the page contains
        another one. Pages with disabled subregions therefore get a small region without an effect.
        """
        regions = [
            (base & ~self._size_mask(limit), limit)
            for base, limit in zip(self._bases, self._limits, strict=True)
            if limit & ENABLE
        ]
        regions += [
            (page, self._attributes_at(page) | _SMALLEST) for page in sorted(self._mixed_pages())
        ]
        regions = (regions + [(0, 0)] * self._regions)[: self._regions]
        return (
            [base for base, _ in regions],
            [limit & 0xFFFF for _, limit in regions],
            [limit >> 16 for _, limit in regions],
        )

    def _mixed_pages(self) -> set[int]:
        """Return the pages in which some subregions of a region are disabled."""
        pages: set[int] = set()
        for base, limit in zip(self._bases, self._limits, strict=True):
            size = self._size_mask(limit) + 1
            if limit & ENABLE and limit & _SUBREGIONS and _PAGE > size >> 3 >= _MIN_SUBREGION:
                start = base & -size & -_PAGE
                pages.update(range(start, (base & -size) + size, _PAGE))
        return pages

    def _attributes_at(self, address: int) -> int:
        """Return XN and AP at `address`, as in RASR."""
        found = self._find(address)
        if found is not None:
            return self._limits[found] & (_XN | _AP)
        default = _PRIVILEGED if self.control & PRIVDEFENA else 0
        return default | (_XN if address >> 29 in _NEVER_EXECUTED else 0)

    @staticmethod
    def _size_mask(limit: int) -> int:
        return (2 << (limit >> 1 & 0x1F)) - 1

    def _addressed(self, _offset: int) -> int:
        return self._number

    def _read_base(self, number: int) -> int:
        return self._bases[number] | number

    def _select(self, base: int) -> int:
        if base & _VALID:
            self._number = base & _REGION
        return base & ~0x1F

    def _find(self, address: int) -> int | None:
        """Return the number of the region that decides about `address`."""
        for number in reversed(range(self._regions)):
            limit = self._limits[number]
            if not limit & ENABLE or (address ^ self._bases[number]) & ~self._size_mask(limit):
                continue
            subregion = self._size_mask(limit) + 1 >> 3
            if subregion < _MIN_SUBREGION or not limit >> 8 + address // subregion % 8 & 1:
                return number
        return None

    def _allows(self, address: int, *, write: bool, privileged: bool) -> bool | None:
        number = self._find(address)
        if number is None:
            return None
        return _permits_v7(self._limits[number] >> 24 & 7, write=write, privileged=privileged)


def _permits_v7(permission: int, *, write: bool, privileged: bool) -> bool:
    """Return whether the field AP of RASR allows an access (B3.5.9)."""
    if write:
        return permission in ((1, 2, 3) if privileged else (3,))
    return permission in ((1, 2, 3, 5, 6, 7) if privileged else (2, 3, 6, 7))


class MpuV8(Mpu):
    """The MPU of Armv8-M: regions with a base and a limit, which must not overlap."""

    _limit_mask = 0xFFFF_FFEF
    _attribute_registers = _MAIR

    @property
    def words(self) -> Sequence[Sequence[int]]:
        """Base registers and limit registers."""
        return self._bases, self._limits

    def _addressed(self, offset: int) -> int:
        """Return the region: the aliases A1 to A3 replace the low bits of RNR."""
        alias = (offset - RBAR) // 8
        return self._number & ~3 | alias if alias else self._number

    def _allows(self, address: int, *, write: bool, privileged: bool) -> bool | None:
        hits = [
            base
            for base, limit in zip(self._bases, self._limits, strict=True)
            if limit & ENABLE and base & ~0x1F <= address <= limit | 0x1F
        ]
        if not hits:
            return None
        read_only, unprivileged = hits[0] >> 2 & 1, hits[0] >> 1 & 1
        return len(hits) == 1 and not (write and read_only) and bool(privileged or unprivileged)
