"""Chips that pyOCD knows: its own, those of installed CMSIS packs, and those of a given pack."""

import struct
import zipfile
import zlib
from pathlib import Path
from xml.etree.ElementTree import ParseError

from elftools.common.exceptions import ELFError
from pyocd.core import exceptions
from pyocd.target import TARGET, normalise_target_type_name
from pyocd.target.pack.cmsis_pack import CmsisPack, CmsisPackDevice, MalformedCmsisPackError
from pyocd.target.pack.pack_target import ManagedPacks, PackTargets

from harness.errors import InputError
from harness.support.suggestions import did_you_mean, suggest
from harness.target.pyocd_chips import near_names

# What pyOCD and the libraries below it raise for a damaged pack.
_DAMAGES = (
    *(MalformedCmsisPackError, zipfile.BadZipFile, zlib.error, ParseError, EOFError),
    *(LookupError, ValueError, TypeError, AttributeError, AssertionError, NotImplementedError),
)
_AGAIN = "download the pack again: a .pack file is a zip archive with a .pdsc file in it"


def provide_chip(name: str, pack: str) -> None:
    """Have pyOCD know the chip `name`; `pack` is the path of a CMSIS pack, or empty.

    Raises `InputError` if it is in none of pyOCD's sources, or the pack cannot be read.
    """
    wanted = normalise_target_type_name(name)
    if pack:
        devices = {normalise_target_type_name(d.part_number): d for d in _devices(Path(pack))}
        if wanted not in devices:
            raise InputError(
                f"has no chip {name!r}", where=f"pack {pack}", remedy=suggest(wanted, devices)
            )
        # Otherwise pyOCD prefers its own chip, or that of another pack.
        TARGET.pop(wanted, None)
        _check_algorithms(devices[wanted], pack)
        PackTargets.populate_device(devices[wanted])
    elif wanted not in TARGET:
        ManagedPacks.populate_target(wanted)
    if wanted not in TARGET:
        raise InputError(
            f"pyOCD has no built-in target {name!r}",
            where="board.target",
            remedy=f"{_near(wanted)}`pyocd pack find {name}` looks for a CMSIS pack, "
            f"`pyocd pack install {name}` installs it, and --pack=FILE takes one that you have",
        )


def _near(wanted: str) -> str:
    near = near_names(wanted, TARGET)
    return f"{did_you_mean(near)} " if near else ""


def chips_of(pack: str) -> list[str]:
    """Return pyOCD's names of the chips in the CMSIS pack at the path `pack`."""
    return [normalise_target_type_name(device.part_number) for device in _devices(Path(pack))]


def _check_algorithms(device: CmsisPackDevice, pack: str) -> None:
    """Load the flash algorithms: pyOCD does so later, and then its errors name another cause."""
    try:
        device.memory_map  # noqa: B018 - a property that reads them
    except (*_DAMAGES, ELFError, struct.error, exceptions.Error) as error:
        raise InputError(
            f"the flash algorithm of {device.part_number} cannot be read: {error}",
            where=f"pack {pack}",
            remedy=_AGAIN,
        ) from error


def _devices(path: Path) -> list[CmsisPackDevice]:
    where = f"pack {path}"
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=where, remedy="check the path of the pack"
        ) from error
    try:
        devices: list[CmsisPackDevice] = list(CmsisPack(str(path)).devices)
    except _DAMAGES as error:
        raise InputError(f"is not a CMSIS pack: {error}", where=where, remedy=_AGAIN) from error
    return devices
