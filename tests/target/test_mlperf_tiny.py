"""MLPerf Tiny's keyword spotting model, brought as a user would bring it."""

from pathlib import Path

import pytest

from harness.board.board import Board
from harness.board.board_options import BoardOptions
from harness.engines.registry import Engine
from harness.image.build import build_image
from harness.model.folder import Model
from harness.results.record_file import read_record
from harness.results.recording import record_run
from harness.runs.bench import open_link_dut
from harness.runs.request import RunRequest
from harness.target.target_file import Target
from harness.workspace import Workspace
from tests.support.models import MLPERF_TINY, mlperf_keywords


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model folder with the unmodified network and all 1000 vectors."""
    if not MLPERF_TINY.is_dir():
        pytest.skip("MLPerf Tiny's models and vectors are not beside this checkout")
    return mlperf_keywords(tmp_path_factory.mktemp("models") / "kws")


@pytest.mark.slow
@pytest.mark.model("kws")  # another --model deselects it
def test_keyword_spotting_is_golden_on_every_vector(
    model: Model,
    target: Target,
    engine: Engine,
    board: Board,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    workspace = Workspace(tmp_path)
    image = build_image(target, model, engine, workspace.images)
    options = BoardOptions.of(request.config.option)
    asked = RunRequest(target, model, workspace, board_options=options)
    with open_link_dut(asked, image, board) as dut:
        run = dut.run()
    run.check()
    assert len(run.outputs) == 1000
    assert run.bytes_differing == 0
    assert run.quality == 0.901
    record = read_record(record_run(run, workspace))
    assert record.verdict == "passed"
