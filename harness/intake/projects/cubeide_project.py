"""A project of STM32CubeIDE or Eclipse CDT, which keeps its settings in XML files."""

from pathlib import Path

from harness.intake.projects.project_lines import Lines, Project, first, read

_PROJECT, _SETTINGS = ".project", ".cproject"
_RESOURCES = "linkedResources"


def project(folder: Path, link: Path) -> Project | None:
    """Return the project in `folder` if Eclipse CDT builds it; the link is in `link`."""
    settings = read(folder / _SETTINGS)
    if not settings:
        return None
    resource = (
        "<link>\n\t<name>tinyml_link</name>\n\t<type>2</type>\n"
        f"\t<location>{link.as_posix()}</location>\n</link>"
    )
    place = f"in <{_RESOURCES}>"
    if _RESOURCES not in read(folder / _PROJECT):
        resource = f"<{_RESOURCES}>\n{resource}\n</{_RESOURCES}>"
        place = "above </projectDescription>"
    name = first(r"<name>([^<]+)</name>", read(folder / _PROJECT)) or "NAME"
    return Project(
        "a project of STM32CubeIDE (close it there first)",
        [
            Lines(_PROJECT, place, resource),
            Lines(
                _SETTINGS,
                "in <sourceEntries> of each configuration",
                '<entry flags="VALUE_WORKSPACE_PATH|RESOLVED" kind="sourcePath" '
                'name="tinyml_link"/>',
            ),
            Lines(
                _SETTINGS,
                "in the option of the C compiler whose valueType is includePath",
                f'<listOptionValue builtIn="false" value="{link.as_posix()}"/>',
            ),
        ],
        note="STM32CubeIDE has dialogs for the same. The lines were not tried in the IDE.",
        image=f"--elf=DIR/Debug/{name}.elf",
    )
