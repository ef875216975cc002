"""The page on Python, docs/python.md: its blocks run from top to bottom, as a reader runs them."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_the_page_runs(tmp_path: Path) -> None:
    """All blocks are one program; the first has five lines."""
    first = blocks()[0]
    assert len([line for line in first.splitlines() if line]) == 5
    (tmp_path / "harness.toml").touch()
    last = "assert matrix.to_numpy().sum() == len(vectors) > 0\nassert len(sizes) == 1\n"
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join([*blocks(), last])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr
    assert "<Run of faces on virtual-stm32" in ran.stdout
    assert "better" in ran.stdout  # -Os makes the image smaller
    assert len(list((tmp_path / "reports/runs").glob("*.json"))) == 1
