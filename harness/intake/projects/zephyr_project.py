"""An application for Zephyr, which takes the link as a module."""

from pathlib import Path

from harness.intake.projects.program_lines import MODEL, device_lines
from harness.intake.projects.project_lines import Lines, Project, line_of, read

_FILE = "CMakeLists.txt"


def project(folder: Path, link: Path) -> Project | None:
    """Return the application in `folder` if it is one for Zephyr; the module is in `link`."""
    text = read(folder / _FILE)
    found = text.find("find_package(Zephyr")
    if found < 0:
        return None
    return Project(
        "an application for Zephyr",
        [
            Lines(
                _FILE,
                f"above line {line_of(text, found)}, find_package(Zephyr ...)",
                f'list(APPEND ZEPHYR_EXTRA_MODULES "{link.as_posix()}")',
            ),
            Lines("prj.conf", "", "CONFIG_TINYML_LINK=y\nCONFIG_UART_CONSOLE=n"),
        ],
        [
            Lines(
                "your main program",
                "",
                '#include "zephyr_link.h"\n' + MODEL + device_lines("link_uart_write"),
            ),
            Lines("main()", "at its end", "link_start_dwt();\nreturn link_serve(&device);"),
        ],
        "To keep the console, or a loop in main(): docs/firmware.md, Zephyr.\n"
        "On another machine, instead of the first line: west build -b BOARD -- "
        '-DZEPHYR_EXTRA_MODULES="$(harness link path)"',
        "west build -b BOARD DIR",
        "--elf=build/zephyr/zephyr.elf",
    )
