"""A project with a Makefile: STM32CubeMX's, or any other."""

import re
from pathlib import Path

from harness.intake.projects.project_lines import SOURCES, Lines, Project, first, line_of, read

_FILES = ("Makefile", "makefile", "GNUmakefile")
_SOURCES = "C_SOURCES|C_SRCS|CSRCS|CSRC|SOURCES|SOURCE|SRCS|SRC"
_INCLUDES = "C_INCLUDES|INCLUDES|INCLUDE|INCS|INC|CPPFLAGS|CFLAGS"
_LIST = r"^(%s)[ \t]*[:+?]?=(?:.*\\\n)*.*$"  # with its lines that continue
_MADE_BY_CUBEMX = "[projectgenerator]"


def project(folder: Path, link: Path) -> Project | None:
    """Return the project in `folder` if it has a Makefile; the link is in the folder `link`."""
    name = next((name for name in _FILES if (folder / name).is_file()), None)
    if name is None:
        return None
    text = read(folder / name)
    by_cubemx = _MADE_BY_CUBEMX in text
    target = first(r"^TARGET[ \t]*[:?]?=[ \t]*(\S+)", text)
    return Project(
        "a Makefile of STM32CubeMX" if by_cubemx else "a Makefile",
        make_lines(link, name, text),
        note='On another machine: make TINYML_LINK="$(harness link path)"',
        build="make -C DIR",
        image=f"--elf=DIR/build/{target}.elf" if by_cubemx and target else "--elf=DIR/FILE.elf",
    )


def make_lines(link: Path, name: str, text: str) -> list[Lines]:
    """Return the lines for the Makefile `name`, whose contents are `text`.

    A line stands below the list that it adds to, because this list may begin with `=`.
    """
    sources, flags = _last(_SOURCES, text), _last(_INCLUDES, text, "-I")
    files = " ".join(SOURCES)
    return [
        Lines(
            name,
            _below(sources, text) or "where all sources are listed",
            f"TINYML_LINK ?= {link}\n"
            f"{sources[1] if sources else 'SOURCES'} += $(addprefix $(TINYML_LINK)/,{files})",
        ),
        Lines(
            name,
            _below(flags, text) or "where all flags of the C compiler are listed",
            f"{flags[1] if flags else 'CFLAGS'} += -I$(TINYML_LINK)",
        ),
    ]


def _last(names: str, text: str, content: str = "") -> re.Match[str] | None:
    """Return the last list with one of `names` that has `content`."""
    lists = [m for m in re.finditer(_LIST % names, text, re.MULTILINE) if content in m[0]]
    return lists[-1] if lists else None


def _below(found: re.Match[str] | None, text: str) -> str:
    return f"below line {line_of(text, found.end())}, the end of {found[1]}" if found else ""
