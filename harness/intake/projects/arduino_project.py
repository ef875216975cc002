"""A sketch for Arduino, which takes the link with a library of its own."""

from pathlib import Path

from harness.intake.projects.project_lines import Lines, Project

_SKETCH = """\
#include <TinyMLHarness.h>

// In setup(): input and output are arrays or tensors, invoke() runs the model and returns 0.
Serial1.begin(115200);
TinyMLHarness.begin(Serial1, {input, sizeof(input), output, sizeof(output), invoke, 0});

// In loop():
TinyMLHarness.poll();"""


def project(folder: Path, link: Path) -> Project | None:  # noqa: ARG001 - it has its own copy
    """Return the sketch in `folder`, if there is one."""
    sketch = next(iter(sorted(folder.glob("*.ino"))), None)
    if sketch is None:
        return None
    return Project(
        "a sketch for Arduino",
        [Lines(sketch.name, "after: harness setup arduino", _SKETCH)],
        [],
        "docs/arduino.md has the rest.",
        "harness setup arduino",
        "--sketch=DIR",
    )
