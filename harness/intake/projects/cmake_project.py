"""A project with a CMakeLists.txt."""

import re
from pathlib import Path

from harness.intake.projects.project_lines import Lines, Project, first, line_of, read

_FILE = "CMakeLists.txt"


def project(folder: Path, link: Path) -> Project | None:
    """Return the project in `folder` if it has a CMakeLists.txt; the link is in `link`."""
    if not (folder / _FILE).is_file():
        return None
    text = read(folder / _FILE)
    program = re.search(r"^[ \t]*add_executable\([ \t\n]*([^\s)]+)[^)]*\)", text, re.MULTILINE)
    name = program[1] if program else ""
    place = "below add_executable(...)"
    if program:
        place = f"below line {line_of(text, program.end())}, the end of add_executable({name} ...)"
    lines = cmake_lines(link, name, text)
    return Project(
        "a CMake project",
        [Lines(_FILE, place, lines)],
        note='On another machine: cmake -DTINYML_LINK="$(harness link path)" ...',
        build="cmake --build DIR/build",
        image="--elf=DIR/build/FILE.elf",
    )


def cmake_lines(link: Path, name: str = "", text: str = "") -> str:
    """Return the lines for a CMakeLists.txt, `text`, whose program is the target `name`."""
    name = name or "PROGRAM"
    languages = first(r"^[ \t]*project\([^)]*\b(CXX)\b", text)
    has_c = re.search(r"^[ \t]*(project\([^)]*|enable_language\([^)]*)\bC\b", text, re.MULTILINE)
    plain = re.search(
        rf"target_link_libraries\(\s*{re.escape(name)}\s+(?!PUBLIC|PRIVATE|INTERFACE)", text
    )
    return (
        ("enable_language(C)\n" if languages and not has_c else "")
        + f'set(TINYML_LINK "{link.as_posix()}" CACHE PATH "")\n'
        + "add_subdirectory(${TINYML_LINK} tinyml_link)\n"
        + f"target_link_libraries({name} {'' if plain else 'PRIVATE '}tinyml_link)"
    )
