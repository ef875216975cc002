"""Builds tests/data/firmware/own as a user builds: by a line for the compiler."""

import subprocess
from functools import cache
from pathlib import Path

from harness.support.bundled_files import bundled
from tests.support.repository import DATA

OWN = DATA / "firmware" / "own"
LINK = bundled("firmware") / "link"
FLAGS = "-mcpu=cortex-m4 -mthumb -Os -g -Wall -Wextra -Werror -ffunction-sections -fdata-sections"
LINKING = "--specs=nano.specs --specs=nosys.specs -nostartfiles -Wl,--gc-sections"

Script = tuple[str, str]
"""A piece of the link script, and what stands in its place."""


class OwnFirmware:
    """Programs in `folder`, each of them built once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.build = cache(self._build)

    def _build(self, *flags: str, script: Script = ("", "")) -> Path:
        """Return the ELF that these `flags` give; the link script has `script`."""
        folder = self._folder / str(len(list(self._folder.iterdir())))
        folder.mkdir()
        changed = (OWN / "stm32f4.ld").read_text()
        assert script[0] in changed
        (folder / "own.ld").write_text(changed.replace(*script) if script[0] else changed)
        sources = [str(path) for path in (*OWN.glob("*.c"), *LINK.glob("*.c"))]
        tool = ["arm-none-eabi-gcc", *FLAGS.split(), *LINKING.split(), f"-I{LINK}", *sources]
        elf = folder / "fw.elf"
        subprocess.run([*tool, *flags, "-T", str(folder / "own.ld"), "-o", str(elf)], check=True)
        return elf
