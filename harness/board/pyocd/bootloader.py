"""Explains a program for a bootloader that no bootloader has started."""

from pyocd.core.session import Session

from harness.board.pyocd.probes import is_of_virtual_board
from harness.elf import Elf
from harness.target.target_file import Target

_VTOR = 0xE000ED08  # Armv7-M ARM (DDI 0403E), B3.2.5


def missing_bootloader(session: Session, target: Target, elf: Elf) -> str:
    """Return a line if `elf` is linked for a bootloader and does not run; otherwise nothing."""
    memory = target.load_region
    vectors = elf.vector_table(memory)
    if target.load == "ram" or vectors == memory.origin or session.target.read32(_VTOR) == vectors:
        return ""
    begin = f"\nthe program begins at {vectors:#010x}"
    start = f"{memory.origin:#010x}"
    if is_of_virtual_board(session.probe):
        return (
            f"{begin}, but after a reset the simulated chip starts at {start}. If the program "
            f"resets the chip, set board.boot = {vectors:#010x} in its target file, or "
            f"--boot={vectors:#010x} of harness virtual serve"
        )
    return f"{begin}: is there a bootloader at {start}, and does it start the program?"
