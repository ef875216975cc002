"""`harness models golden`: golden outputs come into the vectors, once, and nothing else changes."""

from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.golden import interpreters, oracle
from harness.golden.interpreters import LITERT, TFLM, Interpreter
from harness.intake.store_golden import store_golden
from harness.model.folder import load_model
from tests.support.graphs import Builder
from tests.support.interpreters import needs_litert, needs_tflm
from tests.support.models import few_digits

GOLDEN = ("golden", "golden_source")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a model without golden in a repository of its own; it has a bundled model's data."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models" / "mine"
    few_digits(folder, 4)
    held = dict(np.load(folder / "vectors.npz"))
    np.savez(
        folder / "vectors.npz",
        **{name: array for name, array in held.items() if name not in GOLDEN},
    )
    return folder


@pytest.mark.parametrize(
    "interpreter",
    [pytest.param(TFLM, marks=needs_tflm), pytest.param(LITERT, marks=needs_litert)],
    ids=str,
)
def test_golden_comes_into_the_vectors(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    interpreter: Interpreter,
) -> None:
    monkeypatch.setattr(oracle, "interpreter_of", lambda _: interpreter)
    before = load_model(folder)
    assert before.vectors.golden is None
    assert main(["models", "golden", "mine"]) == ExitCode.PASSED
    after = load_model(folder)
    assert after.vectors.digest == before.vectors.digest
    bundled = np.load(Path(__file__).parents[2] / "models" / "digits" / "vectors.npz")
    assert after.vectors.golden is not None
    np.testing.assert_array_equal(after.vectors.golden, bundled["golden"][:4])
    assert after.vectors.golden_source == oracle.source(before.tflite)
    assert f"golden of 4 vectors, computed by {interpreter.package} " in capsys.readouterr().out


@needs_tflm
@pytest.mark.parametrize("change", ["inputs", "golden"])
def test_vectors_that_change_meanwhile_get_no_golden(folder: Path, change: str) -> None:
    path = folder / "vectors.npz"

    def meanwhile(_: str) -> None:
        held = dict(np.load(path))
        if change == "inputs":
            held["inputs"] = held["inputs"][::-1].copy()
        else:
            held |= {"golden": np.zeros((4, 10), np.int8), "golden_source": np.array("by hand")}
        np.savez(path, **held)
        before.append(path.read_bytes())

    before: list[bytes] = []
    with pytest.raises(InputError, match="changed while its golden outputs were computed"):
        store_golden(load_model(folder), folder.parent / "cache", meanwhile)
    assert [path.read_bytes()] == before


@needs_tflm
def test_golden_is_replaced_only_if_that_is_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = dict(np.load(folder / "vectors.npz"))
    golden = np.zeros((4, 10), np.int8)
    np.savez(folder / "vectors.npz", **held, golden=golden, golden_source=np.array("by hand"))
    before = (folder / "vectors.npz").read_bytes()
    assert main(["models", "golden", "mine"]) == ExitCode.USAGE
    assert "already has golden outputs, computed by by hand" in capsys.readouterr().err
    assert (folder / "vectors.npz").read_bytes() == before
    assert main(["models", "golden", "mine", "--replace"]) == ExitCode.PASSED
    after = load_model(folder)
    bundled = np.load(Path(__file__).parents[2] / "models" / "digits" / "vectors.npz")
    assert after.vectors.golden is not None
    np.testing.assert_array_equal(after.vectors.golden, bundled["golden"][:4])
    assert after.vectors.golden_source == oracle.source(after.tflite)


def test_several_outputs_are_stored_in_their_order(folder: Path) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    one = b.tensor((4,), scale=0.1, zero_point=0, data=np.ones(4, np.int8))
    outputs = [b.activation((1, 4), 0.1, 0) for _ in range(2)]
    for output, operands in zip(outputs, ([source, one], [source, source]), strict=True):
        b.operator("ADD", operands, [output], "AddOptions")
    (folder / "model.tflite").write_bytes(b.build([source], outputs))
    toml = (folder / "model.toml").read_text().splitlines()
    start = next(i for i, line in enumerate(toml) if line.startswith("classes"))
    (folder / "model.toml").write_text("\n".join([*toml[:start], *toml[start + 1 :]]))
    inputs = np.arange(8, dtype=np.int8).reshape(2, 4)
    np.savez(folder / "vectors.npz", inputs=inputs, labels=np.zeros(2, np.int64))
    assert main(["models", "golden", "mine"]) == ExitCode.PASSED
    first, second = load_model(folder).vectors.all_golden or ()
    np.testing.assert_array_equal(first, inputs + 1)
    np.testing.assert_array_equal(second, inputs + inputs)


def test_without_an_interpreter_the_error_names_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: None)
    assert main(["models", "golden", "mine"]) == ExitCode.USAGE
    assert "pip install 'tinyml-harness[golden]'" in capsys.readouterr().err
