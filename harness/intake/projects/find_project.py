"""Finds out which build system a project has."""

from pathlib import Path

from harness.errors import InputError
from harness.intake.projects import (
    arduino_project,
    cmake_project,
    cubeide_project,
    make_project,
    platformio_project,
    zephyr_project,
)
from harness.intake.projects.cmake_project import cmake_lines
from harness.intake.projects.make_project import make_lines
from harness.intake.projects.project_lines import Lines, Project

# The first that fits is the whole project: its CMakeLists.txt or Makefile is not plain.
_WHOLE = (zephyr_project.project, platformio_project.project, arduino_project.project)
_ANY = (cubeide_project.project, cmake_project.project, make_project.project)


def find_projects(folder: Path, link: Path) -> list[Project]:
    """Return the projects in `folder`, one for each build system; empty if none is known.

    The link is in the folder `link`. Raises `InputError` if there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(
            "is a file, not a folder" if folder.exists() else "there is no such folder",
            where=str(folder),
            remedy="name the folder of your firmware",
        )
    for kind in _WHOLE:
        found = kind(folder, link)
        if found:
            return [found]
    return [found for kind in _ANY if (found := kind(folder, link))]


def unknown_project(link: Path) -> Project:
    """Return lines for CMake and Make, for a folder with neither."""
    return Project(
        "no build system that is known (CMake, Make, STM32CubeIDE, PlatformIO, Zephyr, Arduino); "
        "these are lines for CMake and Make",
        [
            Lines("CMakeLists.txt", "below add_executable(PROGRAM ...)", cmake_lines(link)),
            *make_lines(link, "Makefile", ""),
        ],
        note="With anything else: compile the sources that the Makefile's lines name.",
    )
