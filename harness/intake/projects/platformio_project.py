"""A project of PlatformIO, which takes the link as a library."""

from pathlib import Path

from harness.intake.projects.project_lines import Lines, Project, first, read

_FILE = "platformio.ini"


def project(folder: Path, link: Path) -> Project | None:
    """Return the project in `folder` if PlatformIO builds it; the library is in `link`."""
    if not (folder / _FILE).is_file():
        return None
    environment = first(r"^\[(env:[^\]]+)\]", read(folder / _FILE)) or "env:NAME"
    return Project(
        "a project of PlatformIO",
        [
            Lines(
                _FILE,
                f"in [{environment}]; if it has lib_deps, only the second line, below it",
                f"lib_deps =\n    symlink://{link.as_posix()}",
            )
        ],
        build="pio run -d DIR",
        image=f"--elf=DIR/.pio/build/{environment.partition(':')[2]}/firmware.elf",
    )
