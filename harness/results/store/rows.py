"""A record as rows of the tables."""

from datetime import datetime
from typing import Any

from harness.board.device_info import DeviceInfo
from harness.results.record import Record

Row = dict[str, Any]


def run_row(record: Record) -> Row:
    """Return the row of the table `runs`."""
    commit, image, device = record.commit, record.image, record.device or DeviceInfo()
    return {
        "id": record.id,
        "started": datetime.fromisoformat(record.started),
        "commit": commit.hash if commit else "",
        "dirty": bool(commit and commit.dirty),
        "branch": commit.branch if commit else "",
        "target": record.target.name,
        "core": record.target.core,
        "model": record.model.name,
        "digest": record.model.digest,
        "vectors": record.model.vectors,
        "engine": record.engine,
        "toolchain": image.toolchain,
        "compiler": image.compiler,
        "optimize": image.optimize,
        "build_id": image.build_id,
        "ticks": "cycles" if "cycles_median" in record.numbers else "instructions",
        "verdict": record.verdict,
        "place": device.place,
        "chip_id": device.chip_id,
    }


def number_rows(record: Record, run: int) -> list[Row]:
    """Return the rows of the table `numbers` for the row `run` of `runs`."""
    return [
        {
            "run": run,
            "name": name,
            "value": float(number.value),
            "unit": number.unit,
            "kind": number.kind,
            "estimator": number.model,
            "error": number.error,
        }
        for name, number in record.numbers.items()
    ]
