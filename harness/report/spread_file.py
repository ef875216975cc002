"""The spread between boards of one kind, as a file for other tools."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pandas as pd

from harness.errors import InputError
from harness.results.judge.board_spread import BoardValue, Spread, row_of
from harness.results.store.dataframes import write_csv
from harness.support.whole_files import replace_files

_TEXTS = (
    "target",
    "model",
    "engine",
    "toolchain",
    "optimize",
    "build_id",
    "metric",
    "unit",
    "kind",
)
_NUMBERS = ("boards", "runs", "min", "median", "max", "spread")


def write_spreads(spreads: Sequence[Spread], path: Path) -> None:
    """Write `spreads` as JSON, with the value of each board, or as CSV, with a row for each spread.

    Raises `InputError` for another kind of file.
    """
    rows = [row_of(spread) for spread in spreads]
    if path.suffix == ".csv":
        table = pd.DataFrame(rows, columns=[*_TEXTS, *_NUMBERS])
        write_csv(table.astype(dict.fromkeys(_TEXTS, "string")), path)
    elif path.suffix == ".json":
        whole = [
            row | {"by_board": [_board(value) for value in spread.boards]}
            for row, spread in zip(rows, spreads, strict=True)
        ]
        data = msgspec.json.format(msgspec.json.encode(whole), indent=1)
        replace_files(path.parent, {path.name: data + b"\n"})
    else:
        raise InputError(
            "is neither a .json nor a .csv file", where=str(path), remedy="name FILE.json"
        )


def _board(value: BoardValue) -> dict[str, str | int | float]:
    device = value.device
    return {
        "place": device.place,
        "chip_id": device.chip_id,
        "runs": value.runs,
        "value": value.value,
    }
