"""The documents about this machine: doctor, setup, target add."""

import msgspec

from harness.support.json_output import Document


class Check(msgspec.Struct, frozen=True):
    """The result of one check of this machine, or of what a target needs."""

    subject: str
    """What was checked: a tool, or the name of a target."""
    ok: bool
    """Whether it is as it should be."""
    detail: str
    """What was found."""
    remedy: str = ""
    """What to do if it is not. It may be empty."""


class DoctorDocument(Document, frozen=True, tag="tinyml-harness/doctor/1"):
    """`harness doctor`: what this machine has, and which targets can run."""

    machine: list[Check]
    """The checks of this machine."""
    targets: list[Check]
    """The targets: all, or those that `--target` names."""


class SetupDocument(Document, frozen=True, tag="tinyml-harness/setup/1"):
    """`harness setup`: what was installed."""

    what: str
    """`renode` or `arduino`."""
    version: str
    """Version of Renode. It is empty for the Arduino library."""
    path: str
    """Renode's executable, or the folder of the Arduino library."""


class TargetAddDocument(Document, frozen=True, tag="tinyml-harness/target-add/1"):
    """`harness target add`: the target file that was written."""

    name: str
    """What `--target` takes."""
    file: str
    """Path of the file."""
