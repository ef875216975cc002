"""`harness.toml` at a repository's root: the settings of a machine or team."""

from pathlib import Path

import msgspec

from harness.support import toml_file
from harness.support.toml_file import Section

FILE = "harness.toml"


class Tflm(Section, frozen=True):
    """The engine tflm: the TFLM tree, or the folder in it that the library was built in."""

    dir: str = ""
    """The TFLM tree, or the folder in it that the library was built in. A relative path starts at
    the file's folder.
    """


class Engines(Section, frozen=True):
    """Settings of engines."""

    tflm: Tflm = Tflm()
    """The engine tflm."""


class Settings(Section, frozen=True):
    """The whole file; every table may be left out."""

    engines: Engines = Engines()
    """Settings of engines."""


def read_settings(root: Path) -> Settings:
    """Read `harness.toml` in `root` if it is there; its paths are relative to `root`.

    Raises `InputError` that names file and key of what is wrong.
    """
    path = root / FILE
    if not path.is_file():
        return Settings()
    settings = toml_file.read(path, Settings)
    named = settings.engines.tflm.dir
    if not named:
        return settings
    beside = str(root / Path(named).expanduser())
    return msgspec.structs.replace(
        settings, engines=msgspec.structs.replace(settings.engines, tflm=Tflm(dir=beside))
    )


def tflm_tree(root: Path) -> Path | None:
    """Return the TFLM tree that `harness.toml` in `root` names, if it does."""
    named = read_settings(root).engines.tflm.dir
    return Path(named) if named else None
