"""An image whose one RUN makes many inferences: an emulator that works without a host."""

import dataclasses
import subprocess
from pathlib import Path

import cmake
import ninja

from harness import places
from harness.elf import Elf
from harness.image import Image

_MODEL_C = """\
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

_MODEL_CMAKE = """\
include("{model}/model.cmake")
set_source_files_properties("{model}/model.c" PROPERTIES
    COMPILE_DEFINITIONS nn_invoke=nn_invoke_once)
list(APPEND NN_SOURCES "${{CMAKE_CURRENT_LIST_DIR}}/repeat.c")
"""


def repeated_image(image: Image, repeats: int, directory: Path) -> Image:
    """Return `image` built anew so that every RUN makes `repeats` inferences."""
    directory.mkdir(parents=True)
    model = image.directory / "model"
    (directory / "repeat.c").write_text(_MODEL_C.format(repeats=repeats))
    (directory / "model.cmake").write_text(_MODEL_CMAKE.format(model=model.as_posix()))
    tool = str(Path(cmake.CMAKE_BIN_DIR) / "cmake")
    configure = [tool, "-G", "Ninja", "-S", str(places.bundled("firmware"))]
    configure += ["-B", str(directory / "cmake"), f"-DMODEL_DIR={directory}"]
    configure += [f"-DCMAKE_MAKE_PROGRAM={Path(ninja.BIN_DIR) / 'ninja'}"]
    for command in (configure, [tool, "--build", str(directory / "cmake")]):
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return dataclasses.replace(
        image, elf=Elf(directory / "cmake" / "firmware.elf"), build_id="0" * 32
    )
