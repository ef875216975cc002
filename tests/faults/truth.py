"""The true numbers: one undisturbed run of each pair of target and model that faults disturb."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.results.record import Record
from harness.results.record_file import read_record

TARGETS = ("virtual-stm32", "qemu-stm32")
MODEL = "anomaly"

_DEADLINE = 300.0  # seconds


@dataclass(frozen=True)
class Truth:
    """The true Records by "target/model", and the folder of the images that were run."""

    records: Mapping[str, Record]
    images: Path


def measure_truth(folder: Path) -> Truth:
    """Run `MODEL` on `TARGETS` in `folder`."""
    folder.mkdir()
    targets = [f"--target={target}" for target in TARGETS]
    subprocess.run(
        [sys.executable, "-m", "harness", "run", f"--model={MODEL}", *targets],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        check=True,
        timeout=_DEADLINE,
    )
    records = [read_record(path) for path in (folder / "reports" / "runs").glob("*.json")]
    by_name = {f"{record.target.name}/{record.model.name}": record for record in records}
    return Truth(by_name, folder / "build" / "images")
