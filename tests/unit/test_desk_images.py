"""The images of the desk's boards on virtual boards with the same UART and pins."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from harness.engines.registry import find_engine
from harness.image.build import build_image
from harness.model.folder import find_model
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
from harness.target.target_file import Pyocd, Virtual
from harness.workspace import Workspace
from tests.support.devices import opened

UARTS = {
    "nucleo-f429zi": "USART3",
    "b-l475e-iot01a": "USART1",
    "nrf52840-dk": "",
    "arduino-nano-33-ble": "",
}


@pytest.mark.parametrize("name", UARTS)
def test_a_desk_target_s_image_runs_on_a_virtual_board(name: str, tmp_path: Path) -> None:
    desk = find_target(name, [bundled("targets")])
    assert isinstance(desk.board, Pyocd)
    # The same target file but for the way to the chip: the image does not change.
    board = Virtual(chip=desk.board.target, uart=UARTS[name], chip_id=desk.board.chip_id)
    target = msgspec.structs.replace(desk, board=board)
    model = find_model("digits", [bundled("models")])
    expected = model.vectors.golden
    assert expected is not None
    workspace = Workspace(tmp_path)
    engine = find_engine("cmsis-nn")
    image = build_image(target, model, engine, workspace.images)
    assert image.build_id == build_image(desk, model, engine, workspace.images).build_id
    with opened(target, model, image, tmp_path) as dut:
        for inputs, golden in zip(model.vectors.inputs[:5], expected[:5], strict=True):
            assert np.array_equal(dut.infer(inputs), golden)
