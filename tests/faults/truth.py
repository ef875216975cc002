"""The true numbers: one undisturbed run of each pair of target and model that faults disturb."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.results.record import Record
from harness.results.record_file import read_record

Carrier = Literal["serial", "rtt"]
VIRTUAL: Mapping[Carrier, str] = {"serial": "virtual-stm32", "rtt": "virtual-nrf91"}
"""A virtual board for each carrier of the link."""
BOTH: Sequence[Carrier] = ("serial", "rtt")
QEMU: Mapping[Carrier, str] = {"serial": "qemu-stm32", "rtt": "qemu:mps2-an386"}
"""A machine of QEMU for each carrier of the link."""
MODEL = "anomaly"

_DEADLINE = 300.0  # seconds


@dataclass(frozen=True)
class Truth:
    """The true Records by "target/model", and the folder of the images that were run."""

    records: Mapping[str, Record]
    images: Path


def measure_truth(folder: Path) -> Truth:
    """Run `MODEL` on all targets in `folder`."""
    folder.mkdir()
    targets = [f"--target={target}" for target in (*VIRTUAL.values(), *QEMU.values())]
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
