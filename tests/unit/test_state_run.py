"""Models with a state on emulators: recordings, parts of them, traces and profiles."""

import shutil
from typing import Any

import numpy as np
import pytest

from harness.engines import registry
from harness.engines.cmsis_nn import CmsisNN
from harness.errors import ExitCode
from harness.golden import oracle
from harness.model.folder import load_model
from harness.model.tflite_file import parse
from harness.results.record import Record
from tests.support import operators_state
from tests.support.desk import Desk, save
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


def run(repository: Repository, *arguments: str) -> Record:
    """Run the model; return the newest record, which must be of a run that passed."""
    before = {record.id for record in repository.records()}
    code, out = repository.run("cmsis-nn", *arguments)
    assert code == ExitCode.PASSED, out
    (record,) = [record for record in repository.records() if record.id not in before]
    assert record.numbers["bytes_differing"].value == 0
    assert len(set(record.ticks)) == 1, "no inference sets the state"
    return record


def test_a_run_keeps_the_state_within_a_recording(repository: Repository) -> None:
    inputs = vectors(repository, [5, 5, 5, 2, 2, 9])
    record = run(repository)
    assert len(record.ticks) == 6
    state = sum(tensor.nbytes for tensor in parse(network(), where="small").variables)
    assert record.numbers["arena_state"].value == state < record.numbers["arena"].value
    starts = np.array([True, False, False, True, False, False])
    (golden,) = oracle.of_vectors(network(), [inputs], starts=starts)
    with repository.dut(CmsisNN()) as dut:
        for number, values in enumerate(inputs):
            if number == 3:
                dut.reset()
            assert (dut.infer(values) == golden[number]).all()


def test_vectors_stand_alone_or_follow_each_other(repository: Repository) -> None:
    target = ("--target", "virtual-stm32")
    vectors(repository, None)
    alone = run(repository, *target, "--profile")
    assert alone.layers, alone.profile_unavailable
    vectors(repository, [1] * 6)
    run(repository, *target)
    vectors(repository, [5, 5, 5, 2, 2, 9])
    part = run(repository, *target, "--vectors=4")
    assert part.subset is not None
    assert part.subset.vectors in ([0, 1, 2], [0, 1, 2, 5]), "whole recordings"


def test_a_wrong_layer_is_named_after_other_vectors(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It spoils the state of all vectors after the first one, whose output may be right."""
    vectors(repository, [1, 1, 1, 1, 2, 2])
    graph = load_model(repository.root / "models" / "small").graph
    kept = {each.inputs[0] for each in graph.operators if each.kind == "ASSIGN_VARIABLE"}
    slices = [each for each in graph.operators if each.kind == "STRIDED_SLICE"]
    layer = next(each.index for each in slices if each.outputs[0] not in kept)
    spoilt = off_by_one(layer)
    monkeypatch.setitem(registry.ENGINES, spoilt.name, spoilt)
    code, out = repository.run(spoilt.name, "--target", "virtual-stm32")
    assert code == ExitCode.FAILED, out
    (record,) = repository.records()
    assert record.divergence is not None, record.reasons
    assert (record.divergence.layer, record.divergence.operator) == (layer, "STRIDED_SLICE")


def test_recordings_are_added_with_the_model(desk: Desk) -> None:
    """Golden keeps the state within them, whatever their names are."""
    (desk.root / "net.tflite").write_bytes(network())
    (tensor,) = parse(network(), where="net").input_tensors
    inputs = np.random.default_rng(1).integers(-128, 128, (4, *tensor.shape[1:])).astype(np.int8)
    save(x=inputs, r=np.array(["b", "b", "a", "a"]), torn=[1, 2, 2, 1])
    add = ("add", "net.tflite", "--inputs", "x.npy", "--recordings")
    assert "vectors of other recordings between those of recording 1" in desk.refused(
        *add, "torn.npy"
    )
    code, out, err = desk.run(*add, "r.npy")
    assert code == ExitCode.PASSED, err
    assert "4 vectors, windows from 2 recordings" in out
    vectors = desk.model("net").vectors
    assert vectors.starts.tolist() == [True, False, True, False]
    assert vectors.golden is not None
    golden = oracle.of_vectors(network(), [inputs], starts=vectors.starts)[0]
    assert (vectors.golden == golden).all()


def test_a_recording_in_pieces_is_refused(repository: Repository) -> None:
    vectors(repository, [1, 1, 2, 1, 1, 3])
    code, out = repository.run("cmsis-nn")
    assert code == ExitCode.USAGE
    assert "vectors of other recordings between those of recording 1" in out
