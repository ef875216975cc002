"""`harness.toml` at a repository's root: the settings of a machine or team."""

import os
from pathlib import Path

import msgspec

from harness.support import toml_file
from harness.support.toml_file import Section

FILE = "harness.toml"


class Tflm(Section, frozen=True):
    """Settings of the engine tflm."""

    dir: str = ""
    """The TFLM tree, or the folder in it with the built library. A relative path starts at the
    folder of this file.
    """


class Engines(Section, frozen=True):
    """Settings of engines."""

    tflm: Tflm = Tflm()
    """The engine tflm."""


class Settings(Section, frozen=True):
    """The whole file; every table is optional."""

    engines: Engines = Engines()
    """Settings of engines."""


def read_settings(root: Path) -> Settings:
    """Read `harness.toml` in `root`, if it exists; its paths are relative to `root`.

    Raises `InputError` that names the file and key.
    """
    path = root / FILE
    if not path.is_file():
        return Settings()
    settings = toml_file.read(path, Settings)
    configured = settings.engines.tflm.dir
    if not configured:
        return settings
    resolved = str(root / os.path.expanduser(configured))
    return msgspec.structs.replace(
        settings, engines=msgspec.structs.replace(settings.engines, tflm=Tflm(dir=resolved))
    )


def tflm_tree(root: Path) -> Path | None:
    """Return the TFLM tree that `harness.toml` in `root` names; None if it names none."""
    configured = read_settings(root).engines.tflm.dir
    return Path(configured) if configured else None
