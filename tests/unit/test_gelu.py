"""GELU: TFLM has no kernel for it, so LiteRT's reference kernel is the measure."""

import os

import numpy as np
import pytest

from harness.errors import InputError
from harness.golden import interpreters, litert_kernels, oracle
from harness.model.tflite_file import parse
from tests.support import operators_elementwise
from tests.support.engine_host import Host, samples
from tests.support.graphs import Builder, from_rng
from tests.support.interpreters import needs_litert

GRAPHS = int(os.environ.get("FUZZ", "5"))


def gelu(seed: int) -> bytes:
    pick = from_rng(np.random.default_rng(seed))
    b = Builder(np.random.default_rng(pick(0, 1 << 30)))
    source, result = operators_elementwise.gelu(b, pick)
    return b.build([source], [result])


@needs_litert
@pytest.mark.timeout(30 * GRAPHS + 300)
def test_any_gelu_equals_litert(host: Host) -> None:
    for seed in range(GRAPHS):
        model = gelu(seed)
        inputs = samples(parse(model, where="test.tflite"))
        wanted = litert_kernels.compute(model, [inputs], [])[0]
        found = host.run(model, inputs).reshape(wanted.shape)
        np.testing.assert_array_equal(found, wanted, str(seed))


@needs_litert
def test_golden_of_a_network_with_gelu_names_litert() -> None:
    source = oracle.source(gelu(0))
    assert source.startswith("ai-edge-litert ")
    assert source.endswith(" reference kernels")


@needs_litert
def test_the_rest_of_the_network_must_be_proven() -> None:
    b = Builder()
    source, middle, result = (b.activation((1, 4), 0.1, 0) for _ in range(3))
    b.operator("GELU", [source], [middle], "GeluOptions")
    b.operator("PRELU", [middle, b.activation((4,), 0.1, 0)], [result])
    network = b.build([source, 3], [result])
    with pytest.raises(InputError, match=r"PRELU.* TFLM has no kernel for GELU"):
        oracle.source(network)


@needs_litert
def test_a_branch_with_gelu_is_refused_with_the_reason() -> None:
    b = Builder()
    flag = b.tensor((1,), dtype=np.bool_)
    source, result = b.activation((1, 4), 0.1, 0), b.activation((1, 4), 0.1, 0)
    number, part = b.part()
    ends = part.activation((1, 4), 0.1, 0), part.activation((1, 4), 0.1, 0)
    part.operator("GELU", ends[:1], ends[1:], "GeluOptions")
    part.ends = (ends[:1], ends[1:])
    options = {"ThenSubgraphIndex": number, "ElseSubgraphIndex": number}
    b.operator("IF", [flag, source], [result], "IfOptions", **options)
    with pytest.raises(InputError, match=r"\(IF\) was not compared.* no kernel for GELU"):
        oracle.source(b.build([flag, source], [result]))


def test_without_litert_the_error_names_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "find_spec", lambda name: name == "tflite_micro" or None)
    with pytest.raises(
        InputError, match="TFLM has no kernel for GELU, and ai-edge-litert"
    ) as error:
        oracle.source(gelu(0))
    assert "pip install" in error.value.remedy
