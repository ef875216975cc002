"""`harness models show`: what a person learns of a network before it is built."""

from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import main
from harness.engines.registry import ENGINES
from harness.errors import ExitCode
from harness.model.folder import list_models
from harness.model.tflite_file import parse
from tests.support.graphs import SAME, Builder
from tests.support.operator_parts import bytes_of
from tests.support.operators_state import assign, handle, read

ROOT = Path(__file__).parents[2]


def show(model: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["models", "show", str(model)])
    out, err = capsys.readouterr()
    return code, out + err


def test_a_network_is_shown_layer_by_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    b = Builder()
    source = b.activation((1, 4, 4, 2), 0.25, -3)
    hidden = b.conv_2d(source, 3, (3, 3), padding=SAME)
    path = tmp_path / "net.tflite"
    path.write_bytes(b.build([source], [b.pool("MAX_POOL_2D", hidden, (2, 2), stride=(2, 2))]))
    code, text = show(path, capsys)
    assert code == ExitCode.PASSED
    assert f"{path.stat().st_size:,} bytes, 2 operators" in text
    assert "int8 1x4x4x2, scale 0.25, zero point -3" in text
    [conv] = [line for line in text.splitlines() if "CONV_2D" in line]
    # 4x4 outputs of 3 channels, each from 3x3x2 inputs; 54 weights and 3 biases of 4 bytes.
    assert conv.split()[:3] == ["0", "CONV_2D", "1x4x4x3"]
    assert conv.split()[-3:] == ["66", str(16 * 3 * 18), "yes"]
    generated = ENGINES["cmsis-nn"].generate(
        parse(path.read_bytes(), where="net"), tmp_path, core="cortex-m4f"
    )
    assert f"arena {generated.arena_size:,} bytes" in text
    assert f"constants {generated.weights_size:,} bytes" in text
    assert "estimated  flash" in text


def test_state_subgraphs_and_other_signatures_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.25, 0)
    number, once = b.part()
    _, other = b.part()
    other.name = "train"
    b.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=number)
    own = handle(b, "kept")
    result = read(b, own, source, (1, 4))
    assign(b, own, source)
    assign(once, handle(once, "kept"), bytes_of(once, (1, 4), 0.25, 0))
    path = tmp_path / "net.tflite"
    path.write_bytes(b.build([source], [result]))
    code, text = show(path, capsys)
    assert code == ExitCode.PASSED
    assert "6 operators, 2 subgraphs" in text
    assert "state   int8 1x4, scale 0.25, zero point 0  'kept'" in text
    assert "not run, as in TFLM: the subgraphs of other signatures, 'train'" in text
    assert " (state: 4), constants 4 bytes" in text
    words = " ".join(text.split())
    assert "keeps a state of 4 bytes from one inference to the next: without recordings" in words
    assert "An application calls nn_reset()" in words
    rows = [line.split() for line in text.splitlines()]
    assert ["subgraph", "1"] in rows
    assert ["5", "ASSIGN_VARIABLE", "1x4", "0.25", "0", "4", "yes"] in rows


def test_an_operator_that_no_engine_has_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.25, 0)
    dense = b.dense(source, 4)
    result = b.tensor((1, 4), scale=0.1, zero_point=0)
    b.operators.append(("ERF", [dense], [result], None, {}))
    path = tmp_path / "net.tflite"
    path.write_bytes(b.build([source], [result]))
    code, text = show(path, capsys)
    assert code == ExitCode.PASSED
    [erf] = [line for line in text.splitlines() if "CUSTOM:ERF" in line and " 1x4 " in line]
    assert erf.split()[-1] == "NO"
    [fully] = [line for line in text.splitlines() if " FULLY_CONNECTED " in line and "1x4" in line]
    assert fully.split()[-1] == "-"  # of a network that cannot run, no layer runs
    assert "cmsis-nn cannot run it:" in text
    assert "exact" not in text


@pytest.mark.parametrize("name", list_models([ROOT / "models"]))
def test_a_bundled_model_is_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = show(ROOT / "models" / name, capsys)
    assert code == ExitCode.PASSED
    assert "input " in text


def test_what_is_no_network_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.tflite"
    assert show(path, capsys) == (
        ExitCode.USAGE,
        f"harness: {path}: cannot be read: No such file or directory\n",
    )
    path.write_bytes(np.zeros(64, np.uint8).tobytes())
    code, text = show(path, capsys)
    assert code == ExitCode.USAGE
    assert "is not a .tflite file" in text
    code, text = show("digit", capsys)
    assert code == ExitCode.USAGE
    assert "did you mean digits?" in text
