"""Models with a state on emulators: recordings, parts of them, traces and profiles."""

import shutil
from typing import Any

import numpy as np
import pytest

from harness.engines import registry
from harness.errors import ExitCode
from harness.golden import oracle
from harness.model.folder import load_model
from tests.support import operators_state
from tests.support.graphs import from_rng
from tests.support.interpreters import needs_tflm
from tests.support.repository import Repository
from tests.support.spoilt import off_by_one

pytestmark = [
    needs_tflm,
    pytest.mark.skipif(
        not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))),
        reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
    ),
]

SEED = 7  # of a graph with CALL_ONCE, whose output depends on the state
DESCRIPTION = """\
description = "Keeps a state"
task = "agreement"
metric = "agreement"
quality_target = 1.0
input = { preprocessing = "none" }
provenance = { data = "made up for this test", licence = "Apache-2.0" }
"""


def network() -> bytes:
    return operators_state.build("streaming", from_rng(np.random.default_rng(SEED)))


def vectors(repository: Repository, recordings: list[int] | None) -> np.ndarray[Any, Any]:
    """Write the model and six vectors; return them."""
    path = repository.network(network())
    (path.parent / "model.toml").write_text(DESCRIPTION)
    (tensor,) = load_model(path.parent).graph.input_tensors
    rng = np.random.default_rng(1)
    inputs = rng.integers(-128, 128, (6, *tensor.shape[1:])).astype(np.int8)
    arrays = {"inputs": inputs}
    if recordings is not None:
        arrays["recordings"] = np.array(recordings)
    np.savez(path.parent / "vectors.npz", **arrays)  # type: ignore[arg-type]
    return inputs


def test_the_state_matters(repository: Repository) -> None:
    """Otherwise these tests would show nothing."""
    inputs = vectors(repository, None)[:, None]
    answers = [
        oracle.answers(network(), [inputs], starts=np.isin(np.arange(6), starts))[0].tobytes()
        for starts in (range(6), [0], [0, 3])
    ]
    assert len(set(answers)) == 3
    assert oracle.answers(network(), [inputs])[0].tobytes() == answers[0]


@pytest.mark.parametrize(
    ("target", "recordings"),
    [("qemu-stm32", [5, 5, 5, 2, 2, 9]), ("virtual-stm32", [1] * 6), ("virtual-stm32", None)],
)
def test_a_run_keeps_the_state_within_a_recording(
    repository: Repository, target: str, recordings: list[int] | None
) -> None:
    vectors(repository, recordings)
    code, out = repository.run("cmsis-nn", "--target", target, "--profile")
    assert code == ExitCode.PASSED, out
    (record,) = repository.records()
    assert record.numbers["bytes_differing"].value == 0
    assert len(set(record.ticks)) == 1, "no inference sets the state"
    assert record.layers, record.profile_unavailable


def test_a_part_of_the_vectors_is_whole_recordings(repository: Repository) -> None:
    vectors(repository, [5, 5, 5, 2, 2, 9])
    code, out = repository.run("cmsis-nn", "--target", "virtual-stm32", "--vectors=4")
    assert code == ExitCode.PASSED, out
    (record,) = repository.records()
    assert record.subset is not None
    assert record.subset.vectors in ([0, 1, 2], [0, 1, 2, 5])


def test_a_wrong_layer_is_named_after_other_vectors(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It adds up over a recording, and the vectors before it are run again."""
    vectors(repository, [1, 1, 1, 1, 2, 2])
    graph = load_model(repository.root / "models" / "small").graph
    (layer,) = [each.index for each in graph.operators if each.kind == "CONCATENATION"][-1:]
    spoilt = off_by_one(layer)
    monkeypatch.setitem(registry.ENGINES, spoilt.name, spoilt)
    code, out = repository.run(spoilt.name, "--target", "virtual-stm32")
    assert code == ExitCode.FAILED, out
    (record,) = repository.records()
    assert record.divergence is not None, record.reasons
    assert (record.divergence.layer, record.divergence.operator) == (layer, "CONCATENATION")


def test_a_recording_in_pieces_is_refused(repository: Repository) -> None:
    vectors(repository, [1, 1, 2, 1, 1, 3])
    code, out = repository.run("cmsis-nn")
    assert code == ExitCode.USAGE
    assert "vectors of other recordings between those of recording 1" in out
