"""Images for measuring the harness itself, built around C of their own."""

import dataclasses
import secrets
import subprocess
from pathlib import Path

import cmake
import ninja

from harness.elf import Elf
from harness.image.build import Image
from harness.support import bundled_files

_REPEAT_C = """\
#include "nn.h"

/* The model's own, under another name. */
int nn_invoke_once(void);

int nn_invoke(void) {{
    for (int i = 0; i < {repeats}; i++) {{
        int status = nn_invoke_once();
        if (status != 0) {{
            return status;
        }}
    }}
    return 0;
}}
"""

_REPEAT_CMAKE = """\
include("{model}/model.cmake")
set_source_files_properties("{model}/model.c" PROPERTIES
    COMPILE_DEFINITIONS nn_invoke=nn_invoke_once)
list(APPEND NN_SOURCES "${{CMAKE_CURRENT_LIST_DIR}}/repeat.c")
"""

_LARGE_CMAKE = """\
include("{model}/model.cmake")
list(APPEND NN_SOURCES "${{CMAKE_CURRENT_LIST_DIR}}/ballast.c")
"""

# "R": retained, though nothing refers to it.
_LARGE_C = """\
__asm(".section .rodata.ballast, \\"aR\\"\\n"
      ".incbin \\"{ballast}\\"\\n"
      ".text\\n");
"""


def repeated_image(image: Image, repeats: int, directory: Path) -> Image:
    """Return `image` built anew so that every RUN makes `repeats` inferences."""
    directory.mkdir(parents=True)
    model = (image.directory / "model").as_posix()
    (directory / "repeat.c").write_text(_REPEAT_C.format(repeats=repeats))
    (directory / "model.cmake").write_text(_REPEAT_CMAKE.format(model=model))
    return _build(image, directory)


def large_image(image: Image, size: int, directory: Path) -> Image:
    """Return `image` built anew with `size` random bytes more in its flash."""
    directory.mkdir(parents=True)
    model = (image.directory / "model").as_posix()
    ballast = directory / "ballast.bin"
    ballast.write_bytes(secrets.token_bytes(size))
    (directory / "ballast.c").write_text(_LARGE_C.format(ballast=ballast.as_posix()))
    (directory / "model.cmake").write_text(_LARGE_CMAKE.format(model=model))
    return _build(image, directory)


def _build(image: Image, directory: Path) -> Image:
    tool = str(Path(cmake.CMAKE_BIN_DIR) / "cmake")
    configure = [tool, "-G", "Ninja", "-S", str(bundled_files.bundled("firmware"))]
    configure += ["-B", str(directory / "cmake"), f"-DMODEL_DIR={directory}"]
    configure += [f"-DCMAKE_MAKE_PROGRAM={Path(ninja.BIN_DIR) / 'ninja'}"]
    for command in (configure, [tool, "--build", str(directory / "cmake")]):
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    elf = Elf(directory / "cmake" / "firmware.elf")
    return dataclasses.replace(image, elf=elf, build_id="0" * 32)
