"""Libraries without DWARF: the linker's map says what is theirs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.elf import Elf
from harness.image.linker_map import archives
from harness.image.memory_use import by_part, pieces

GCC = "arm-none-eabi-gcc"
GNU = """\
Discarded input sections

 .text._ZN6tflite4DeadEv
                0x00000000       0x40 /home/me/tflm/gen/lib/libtensorflow-microlite.a(dead.o)

Linker script and memory map

 .text._ZN6tflite16MicroInterpreter6InvokeEv
                0x08000200       0x5c /home/me/tflm/gen/lib/libtensorflow-microlite.a(micro.o)
 .text          0x0800025c      0x134 /usr/lib/thumb/v7e-m+fp/hard/libc_nano.a(lib_a-memcpy.o)
 .rodata        0x08000390       0x10 /a folder/libx.a(y z.o)
 .bss           0x20000000        0x0 /a folder/libx.a(empty.o)
 .debug_info    0x08000200       0x99 /a folder/libx.a(y z.o)
 .text          0x080003a0       0x20 CMakeFiles/firmware.dir/app/main.c.obj
"""
LLD = """\
     VMA      LMA     Size Align Out     In      Symbol
 8000200  8000200       5c     4         /home/me/lib/libx.a(/tmp/build/y.o):(.text.kernel)
 8000201  8000201       5c     1                 kernel
 800025c  800025c       bc     4         /z/libcompiler_rt.a(/z/compiler_rt_zcu.o):(.text.memset)
       0        0       99     1         /home/me/lib/libx.a(/tmp/build/y.o):(.debug_info)
"""


def told(path: Path, text: str, *addresses: int) -> list[str]:
    path.write_text(text)
    return [archives(path)(address) for address in addresses]


def test_an_address_is_of_the_archive_that_the_map_puts_there(tmp_path: Path) -> None:
    micro, y_z = "libtensorflow-microlite.a/micro.o", "libx.a/y z.o"
    asked = (0x8000200, 0x800025B, 0x800025C, 0x8000390, 0x80003A0, 0x20000000, 0, 0x10)
    assert told(tmp_path / "a.map", GNU, *asked) == [micro, micro, "", y_z, "", "", "", ""]
    assert told(tmp_path / "b.map", LLD, 0x8000200, 0x800025C, 0) == ["libx.a/y.o", "", ""]


@pytest.mark.parametrize("text", ["", "no map", GNU[:200], "\x00\xff" * 50])
def test_what_is_no_map_tells_nothing(tmp_path: Path, text: str) -> None:
    assert told(tmp_path / "a.map", text, 0, 0x8000200) == ["", ""]
    assert archives(tmp_path / "none.map")(0x8000200) == ""


@pytest.mark.skipif(shutil.which(GCC) is None, reason=f"{GCC} is not on PATH: see `make system`")
def test_a_library_without_dwarf_is_the_engine_s_and_not_libc_s(tmp_path: Path) -> None:
    (tmp_path / "kernel.c").write_text(
        "const int table[64] = {1};\nint kernel(int i) { return table[i & 63] * i; }\n"
    )
    main = tmp_path / "firmware" / "app" / "main.c"  # then it is a firmware of ours
    main.parent.mkdir(parents=True)
    main.write_text(
        "#include <string.h>\n"
        "int kernel(int);\n"
        "char buffer[999];\n"
        "void _start(void) { memset(buffer, kernel(1), (unsigned)kernel(2)); }\n"
    )
    core = ("-mcpu=cortex-m4", "-mthumb", "-O1")
    link = ("-nostartfiles", "--specs=nano.specs", "-Wl,-Map=firmware.map")
    for command in (
        (GCC, *core, "-c", "kernel.c"),
        ("arm-none-eabi-ar", "rcs", "libown.a", "kernel.o"),
        (GCC, *core, "-g", "-c", "firmware/app/main.c"),
        (GCC, *core, *link, "main.o", "libown.a", "-o", "firmware.elf"),
    ):
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    found = {piece.symbol: piece for piece in pieces(Elf(tmp_path / "firmware.elf"))}
    for symbol in ("kernel", "table"):
        assert (found[symbol].part, found[symbol].file) == ("engine", "libown.a/kernel.o")
    assert found["memset"].part == "libc"
    (tmp_path / "firmware.map").unlink()
    assert by_part(pieces(Elf(tmp_path / "firmware.elf")))["libc"].flash >= 4 * 64
