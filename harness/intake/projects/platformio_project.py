"""A project of PlatformIO, which takes the link as a library."""

from pathlib import Path

from harness.intake.projects.project_lines import Lines, Project, first, read

_FILE = "platformio.ini"


def project(folder: Path, link: Path) -> Project | None:
    """Return the project in `folder` if PlatformIO builds it; the library is in `link`."""
    if not (folder / _FILE).is_file():
        return None
    text = read(folder / _FILE)
    chosen = first(r"^default_envs[ \t]*=\s*([\w.-]+)", text)
    environment = f"env:{chosen}" if chosen else first(r"^\[(env:[^\]]+)\]", text) or "env:NAME"
    return Project(
        "a project of PlatformIO",
        [
            Lines(
                _FILE,
                f"in [{environment}]; if it has lib_deps, only the second line, below it",
                f"lib_deps =\n    symlink://{link.as_posix()}",
            )
        ],
        note="On another machine: symlink://${sysenv.TINYML_LINK}, and\n"
        'TINYML_LINK="$(harness link path)" pio run',
        build="pio run -d DIR",
        image=f"--elf=DIR/.pio/build/{environment.partition(':')[2]}/firmware.elf",
    )
