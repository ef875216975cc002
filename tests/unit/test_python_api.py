"""The public Python API: what it exports, and that it works without pytest or the command."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import harness

PUBLIC = {
    "HarnessError",
    "InfrastructureError",
    "InputError",
    "Model",
    "Regression",
    "Run",
    "Target",
    "Verdict",
    "records",
    "run",
}


def test_the_public_names_are_these() -> None:
    """A name that comes or goes is a decision: see CONTRIBUTING.md, "The Python API"."""
    assert set(harness.__all__) == PUBLIC
    assert set(dir(harness)) == PUBLIC | {"__version__"}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(harness, name)
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(p.annotation is not p.empty for p in signature.parameters.values())


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'bench'"):
        _ = harness.bench


def test_importing_the_package_loads_nothing_slow() -> None:
    code = (
        "import harness, sys; print([m for m in ('numpy', 'unicorn', 'pyocd') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert loaded.stdout.strip() == "[]"


def test_a_model_runs_on_a_target_and_its_numbers_are_read(tmp_path: Path) -> None:
    run = harness.run("virtual-stm32", "faces", root=tmp_path)
    run.check()
    assert run.bytes_differing == 0
    assert len(run.ticks) == len(run.vectors)
    assert run.ticks.min() - run.ticks.max() <= 0  # a difference does not wrap around
    table = harness.records(tmp_path / "reports" / "runs")
    values = table.set_index("metric")["value"]
    assert values["instructions_median"] == np.median(run.ticks)
    assert values["flash"] == run.image.flash


def test_a_run_need_not_be_recorded(tmp_path: Path) -> None:
    run = harness.run("virtual-stm32", "faces", root=tmp_path, record=False)
    assert run.failures() == []
    assert not (tmp_path / "reports").exists()


def test_wrong_names_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(harness.InputError, match="virtual-stm23"):
        harness.run("virtual-stm23", "digits", root=tmp_path)
    with pytest.raises(harness.InputError, match="folder of Records"):
        harness.records(tmp_path / "nothing")
