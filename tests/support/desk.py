"""A user's folder with a network, in which a test adds models from data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import main
from harness.errors import ExitCode
from harness.intake.networks.network_file import Network
from harness.model.folder import Model, load_model
from harness.model.tflite_file import parse
from tests.support.graphs import Builder


def dense(inputs: int, outputs: int, *, zero_point: int = 0, scale: float = 0.5) -> bytes:
    b = Builder()
    source = b.activation((1, inputs), scale, zero_point)
    return b.build([source], [b.dense(source, outputs)])


def network(
    *shapes: tuple[int, ...],
    scale: float = 1.0,
    zero_point: int = 0,
    outputs: int = 2,
    dtype: type = np.int8,
) -> Network:
    """Return a network with an input of each of `shapes`; only the first is used."""
    b = Builder()
    names = [f"serving_default_{'xyz'[number]}:0" for number in range(len(shapes))]
    quantized = {"scale": scale, "zero_point": zero_point} if dtype is not np.float32 else {}
    sources = [
        b.tensor((1, *shape), dtype=dtype, name=name, **quantized)  # type: ignore[arg-type]
        for shape, name in zip(shapes, names, strict=True)
    ]
    first = sources[0]
    if dtype is np.float32:
        first = b.activation((1, *shapes[0]), scale, zero_point)
        b.operator("QUANTIZE", [sources[0]], [first], "QuantizeOptions")
    data = b.build(sources, [b.dense(first, outputs)])
    return Network(data, parse(data, where="net.tflite"), Path("net.tflite"))


@dataclass
class Desk:
    """A user's folder with `net.tflite` in it; `run` gives exit code, output and errors."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: object) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(["models", *map(str, arguments)])
        out, err = self.capsys.readouterr()
        return code, out, err

    def refused(self, *arguments: object) -> str:
        """Return the error of a command that must fail and leave nothing behind."""
        before = sorted(self.root.rglob("*"))
        code, _, err = self.run(*arguments)
        assert code == ExitCode.USAGE
        assert sorted(self.root.rglob("*")) == before
        return err

    def model(self, name: str) -> Model:
        model = load_model(self.root / "models" / name)
        assert not list((self.root / "models").glob(".*"))
        return model


def save(**arrays: object) -> None:
    for name, array in arrays.items():
        np.save(f"{name}.npy", np.asarray(array))
