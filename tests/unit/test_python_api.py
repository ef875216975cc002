"""The public Python API: what it exports, and that it works without pytest or the command."""

import ast
import inspect
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.results.record_file import read_record
from tests.support.models import ROOT
from tests.support.processes import marked, until

PUBLIC = {
    "HarnessError",
    "InfrastructureError",
    "InputError",
    "Model",
    "Number",
    "Regression",
    "Run",
    "Target",
    "Verdict",
    "compare",
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


def test_type_checkers_see_every_public_name() -> None:
    """They read the imports for type checking only, because the names are loaded at first use."""
    package = Path(harness.__file__)
    tree = ast.parse(package.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}
    assert set(seen) >= PUBLIC
    assert seen.items() >= harness._HOMES.items()
    assert (package.parent / "py.typed").exists()


def test_a_model_runs_on_a_target_and_its_numbers_are_read(tmp_path: Path) -> None:
    run = harness.run("virtual-stm32", ROOT / "models" / "faces", root=tmp_path)
    run.check()
    assert run.passed
    (record,) = map(read_record, (tmp_path / "reports" / "runs").iterdir())
    assert record.numbers == run.numbers
    for thing in (run, run.target, run.model, run.image, record):
        assert len(repr(thing)) < 150, thing
        assert repr(thing).isprintable()
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
    for read in (harness.records, partial(harness.run, "virtual-stm32", "faces")):
        with pytest.raises(harness.InputError, match="is not a folder"):
            read(root=tmp_path / "nothing")
    with pytest.raises(TypeError, match="no filter 'modle'"):
        harness.records(root=tmp_path, modle="faces")  # type: ignore[call-arg]


INTERRUPTED = """
import harness, pathlib
try:
    harness.run("virtual-stm32", "faces", record=True)
except KeyboardInterrupt:
    pathlib.Path("interrupted").touch()
"""


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    """A notebook interrupts the kernel and all processes of its group, as a terminal does."""
    (tmp_path / "harness.toml").touch()
    mark = f"OF_TEST={tmp_path}"
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        cwd=tmp_path,
        env={**os.environ, "OF_TEST": str(tmp_path)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as started:
        until(lambda: any("harness.simulator" in line for line in marked(mark).values()), 120)
        os.killpg(started.pid, signal.SIGINT)
        _, errors = started.communicate(timeout=60)
    assert started.returncode == 0, errors
    assert b"Traceback" not in errors
    assert (tmp_path / "interrupted").exists()
    assert not (tmp_path / "reports").exists()
    until(lambda: not marked(mark), 10, lambda: marked(mark))
