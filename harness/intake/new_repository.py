"""`harness init`: writes what a repository lacks to test models, and overwrites nothing."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from harness.intake.harness_origin import harness_origin, with_origin
from harness.intake.repository_place import (
    GITLAB_FILE,
    JENKINS_FILE,
    Ci,
    git_root,
    prepare_folder,
    used_ci,
)
from harness.model.folder import find_model
from harness.model.model_file import DESCRIPTION
from harness.support.bundled_files import bundled
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.whole_files import create_folder, replace_files

EXAMPLE = "gesture"
"""The bundled model that a new repository begins with: small, and of a sensor."""

INSTALL = "pip install 'tinyml-harness[clang]'"
TEST = "pytest --target=virtual-stm32"

_MODEL = Path("models", EXAMPLE)
_TARGET_NOTE = "a target to edit; it runs as it is"
_README_NOTE = "the commands, and what to commit"


@dataclass(frozen=True)
class Part:
    """A part of the repository, with a note for the user.

    `path` is relative to the repository. If the part is not `new`, it was there before; then the
    note is what it lacks, if anything.
    """

    path: Path
    new: bool
    note: str


@dataclass(frozen=True)
class _File:
    """A file to write, with its text.

    It is not needed if the repository has a file that matches the pattern `instead`. Then, or if
    the file itself is there, the user reads `note_if_there`.
    """

    path: Path
    text: str
    note: str
    note_if_there: str = ""
    instead: str = ""


def write_repository(folder: Path, ci: Ci | None, *, example: bool) -> Iterator[Part]:
    """Make `folder`; the iterator writes the missing parts, and yields each when it is there.

    Without `ci`, its CI file is for what the repository uses. With `example`, a repository
    without models gets a bundled one. Raises `InputError` at once if `folder` cannot be a
    repository, and later if a part cannot be written.
    """
    new = _files(folder, ci or used_ci(folder))
    prepare_folder(folder, [*(file.path for file in new), *[_MODEL / DESCRIPTION] * example])
    return _add_all(folder, new, example=example)


def _add_all(folder: Path, new: Iterable[_File], *, example: bool) -> Iterator[Part]:
    if example:
        yield _add_example(folder)
    for file in new:
        yield _add_file(folder, file)


def _files(folder: Path, ci: Ci) -> list[_File]:
    ignore, tests = Path(".gitignore"), Path("tests", "test_on_target.py")
    target = Path("targets", "my-board.toml")
    ignored = _template("gitignore")
    made = [
        _File(target, _template(target.name), _TARGET_NOTE, instead="targets/*.toml"),
        _File(tests, _template("test_on_target.py.txt"), "a test of every model"),
        _File(ignore, ignored, "for caches and Records", _missing_lines(folder / ignore)),
        _File(Path("README.md"), _template("readme.md"), _README_NOTE, instead="README*"),
    ]
    if ci != "none" and git_root(folder) in {None, folder}:  # elsewhere, no CI looks for its file
        made.append(_ci_file(ci))
    return made


def _ci_file(ci: Ci) -> _File:
    if ci == "jenkins":
        note = "a pipeline runs the tests; complete `pip install`"
        there = f"add a stage: {INSTALL} && {TEST}"
        return _File(JENKINS_FILE, _template("Jenkinsfile"), note, there)
    template = _template(f"{ci}.yml")
    text = with_origin(template, ci, harness_origin())
    open_ends = text == template
    if ci == "gitlab":
        note = "a component runs the tests" + ("; complete its address" if open_ends else "")
        return _File(GITLAB_FILE, text, note, f"add a job: {INSTALL} && {TEST}")
    note = "an action runs the tests" + ("; complete its owner" if open_ends else "")
    return _File(Path(".github", "workflows", "harness.yml"), text, note)


def _add_example(folder: Path) -> Part:
    """Copy the example, unless its folder is there or the repository has a model."""
    for description in sorted(folder.glob(f"models/*/{DESCRIPTION}")):
        return Part(description.parent.relative_to(folder), new=False, note="")
    if os.path.lexists(folder / _MODEL):
        return Part(_MODEL, new=False, note=f"not a model: it has no {DESCRIPTION}")
    model = find_model(EXAMPLE, [bundled("models")])
    sources = (model.path / DESCRIPTION, model.tflite_path, model.vectors_path)
    create_folder(folder / _MODEL, {path.name: path.read_bytes() for path in sources})
    return Part(_MODEL, new=True, note="an example: network, vectors, description")


def _add_file(folder: Path, file: _File) -> Part:
    path = folder / file.path
    if os.path.lexists(path):
        return Part(file.path, new=False, note=file.note_if_there)
    for other in sorted(folder.glob(file.instead)) if file.instead else ():
        return Part(other.relative_to(folder), new=False, note=file.note_if_there)
    replace_files(path.parent, {path.name: file.text.encode()})
    return Part(file.path, new=True, note=file.note)


def _template(name: str) -> str:
    return (files("harness.intake") / "repository_files" / name).read_text("utf-8")


def _missing_lines(ignore: Path) -> str:
    """Return a note on our patterns that the file `ignore` lacks; empty if it is not there."""
    if not os.path.isfile(ignore):
        return ""
    there = {_plain(line) for line in read_input(ignore, MAX_TEXT).decode("latin-1").splitlines()}
    lines = _template("gitignore").splitlines()
    ours = [line for line in lines if line.startswith(("/", "!/"))]
    missing = " ".join(line for line in ours if _plain(line) not in there)
    return missing and f"add {missing}"


def _plain(pattern: str) -> str:
    """Return the pattern without what makes no difference for a folder at the root."""
    return pattern.strip().replace("!/", "!").strip("/*")
