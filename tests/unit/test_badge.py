"""The badge: what shields.io shows of the newest runs."""

import json
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from msgspec import structs

from harness.cli.main import main
from harness.results.record_file import write_record
from tests.support.year import FIRST, made_up

GREEN, ORANGE, RED = "brightgreen", "orange", "red"


@pytest.mark.parametrize(
    ("model", "changed", "message", "color"),
    [
        ("faces", {}, "2 passed", GREEN),
        ("digits", {}, "1 of 2 got worse", ORANGE),
        ("faces", {"verdict": "failed", "reasons": ["wrong"]}, "1 of 2 failed", RED),
    ],
)
def test_the_badge_says_what_is_most_important(
    model: str,
    changed: dict[str, object],
    message: str,
    color: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "harness.toml").touch()
    monkeypatch.chdir(tmp_path)
    for night, worse in ((0, 1.0), (8, 1.03 if model == "digits" else 1.0)):
        for name in ("digits", "faces"):
            factor = worse if name == model else 1.0
            at = FIRST + timedelta(days=night)
            record = made_up(Random(0), at, "virtual-stm32", name, factor)
            if night and name == model:
                record = structs.replace(record, **changed)
            write_record(record, tmp_path / "reports" / "runs")
    assert main(["report", "--badge=site/badge.json"]) == 0
    badge = json.loads((tmp_path / "site" / "badge.json").read_text())
    assert badge == {"schemaVersion": 1, "label": "models", "message": message, "color": color}
