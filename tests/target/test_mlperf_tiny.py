"""MLPerf Tiny's keyword spotting model, brought as a user would bring it."""

import csv
from pathlib import Path

import numpy as np
import pytest

from harness.board.board import Board
from harness.board.board_options import BoardOptions
from harness.engines.registry import Engine
from harness.image.build import build_image
from harness.model.folder import Model, load_model
from harness.results.record_file import read_record
from harness.results.recording import record_run
from harness.runs.bench import open_link_dut
from harness.runs.request import RunRequest
from harness.target.target_file import Target
from harness.workspace import Workspace

MLPERF_TINY = Path(__file__).parents[3] / "shared" / "mlperf-tiny"

DESCRIPTION = """\
description = "MLPerf Tiny keyword spotting, reference model"
task = "classification"
metric = "accuracy"
quality_target = 0.90
[input]
preprocessing = "49 windows of 10 MFCC, int8"
[provenance]
data = "Speech Commands v2, MLPerf Tiny's 1000 vectors"
licence = "Apache-2.0"
"""


@pytest.fixture(scope="module")
def keywords(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model folder with the unmodified network and all 1000 vectors."""
    if not MLPERF_TINY.is_dir():
        pytest.skip("MLPerf Tiny's models and vectors are not beside this checkout")
    folder = tmp_path_factory.mktemp("models") / "kws"
    folder.mkdir()
    (folder / "model.toml").write_text(DESCRIPTION)
    network = MLPERF_TINY / "models" / "kws_ref_model.tflite"
    (folder / "model.tflite").write_bytes(network.read_bytes())
    vectors = MLPERF_TINY / "vectors" / "kws01"
    with (vectors / "y_labels.csv").open() as file:
        rows = [(name, int(label)) for name, _, label in csv.reader(file)]
    inputs = [np.fromfile(vectors / name, np.int8).reshape(49, 10, 1) for name, _ in rows]
    labels = [label for _, label in rows]
    np.savez(folder / "vectors.npz", inputs=np.stack(inputs), labels=np.array(labels))
    return load_model(folder)


def test_keyword_spotting_is_golden_on_every_vector(
    keywords: Model,
    target: Target,
    engine: Engine,
    board: Board,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    workspace = Workspace(tmp_path)
    image = build_image(target, keywords, engine, workspace.images)
    options = BoardOptions.of(request.config.option)
    asked = RunRequest(target, keywords, workspace, board_options=options)
    with open_link_dut(asked, image, board) as dut:
        run = dut.run()
    run.check()
    assert len(run.outputs) == 1000
    assert run.bytes_differing == 0
    assert run.quality == 0.901
    record = read_record(record_run(run, workspace))
    assert record.verdict == "passed"
