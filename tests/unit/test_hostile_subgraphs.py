"""Files with several subgraphs that make no sense, and damaged ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.model.graph import RESOURCE
from harness.model.tflite_file import parse
from tests.support import operators_state
from tests.support.graphs import Builder, from_rng
from tests.support.operators_state import FLAGS, assign, body, flags, handle, loop, read
from tests.unit.test_hostile_model import damaged, generated
from tests.unit.test_hostile_model import read as read_file

WHERE = "folder/bad.tflite"
Change = Callable[[Builder], None]


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse(data, where=WHERE)
    assert caught.value.where == WHERE
    assert caught.value.remedy
    return caught.value.what


def branched(change: Change) -> bytes:
    """Return a network of one IF after `change`; both branches are subgraph 1."""
    b = Builder(np.random.default_rng(0))
    given = flags(b, FLAGS)
    source = b.activation((1, 4), 0.1, 0)
    result = b.activation((1, 4), 0.1, 0)
    number = body(b, source, lambda low, high: low, 0)
    options = {"ThenSubgraphIndex": number, "ElseSubgraphIndex": number}
    b.operator("IF", [given[0], *given, source], [result], "IfOptions", **options)
    change(b)
    return b.build([*given, source], [result])


def option(name: str, value: int) -> Change:
    return lambda b: b.operators[0][4].update({name: value})


def inputs(*indices: int) -> Change:
    def change(b: Builder) -> None:
        kind, _, outputs, options, values = b.operators[0]
        b.operators[0] = (kind, list(indices), outputs, options, values)

    return change


def runs_itself(b: Builder) -> None:
    """Have subgraph 1 run subgraph 2, which runs subgraph 1."""
    _, other = b.part()
    for part, number in ((b.parts[0], 2), (other, 1)):
        part.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=number)


def runs_the_network(b: Builder) -> None:
    b.parts[0].operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=0)


def many_runs(b: Builder) -> None:
    """Each of 40 subgraphs runs the next one twice: 2^40 runs of the last."""
    part = b.parts[0]
    for number in range(2, 42):
        for _ in range(2):
            part.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=number)
        _, part = b.part()


def initializes_with_a_value(b: Builder) -> None:
    number, part = b.part()
    given = part.activation((1, 4), 0.1, 0)
    part.ends = ([given], [given])
    source = b.activation((1, 4), 0.1, 0)
    ends = (b.operators[0][2], [source])
    b.operator("CALL_ONCE", *ends, "CallOnceOptions", InitSubgraphIndex=number)


def uneven_loop(b: Builder) -> None:
    number, part = b.part()
    given = [part.tensor((1,), dtype=np.bool_) for _ in range(2)]
    part.ends = (given, given[:1])
    options = {"CondSubgraphIndex": number, "BodySubgraphIndex": number}
    result = b.tensor((1,), dtype=np.bool_)
    b.operator("WHILE", [0, 0], [result], "WhileOptions", **options)


def missing_end(b: Builder) -> None:
    b.parts[0].ends = (b.parts[0].ends[0], [99])


def constant_end(b: Builder) -> None:
    """Have an input of the subgraph be a constant."""
    part = b.parts[0]
    part.ends = ([part.tensor((1,), data=np.array([True])), *part.ends[0][1:]], part.ends[1])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (option("ThenSubgraphIndex", 2), "operator 0 (IF) runs subgraph 2 of 2"),
        (option("ElseSubgraphIndex", -1), "operator 0 (IF) runs subgraph -1 of 2"),
        (option("ElseSubgraphIndex", 2**31 - 1), "runs subgraph 2147483647 of 2"),
        (option("ThenSubgraphIndex", 0), "subgraph 0 runs itself"),
        (runs_itself, "subgraph 1 runs itself"),
        (runs_the_network, "subgraph 0 runs itself"),
        (many_runs, "operators in its subgraphs; at most 20,000 are supported"),
        (inputs(0, 0, 1, 2), "needs 3 inputs and 1 output of subgraph 1, which has 4 and 1"),
        (inputs(), "operator 0 (IF) lacks an input"),
        (initializes_with_a_value, "operator 1 (CALL_ONCE) has inputs or outputs"),
        (uneven_loop, "operator 1 (WHILE) has 2 inputs but 1 output"),
        (inputs(0, 0, 1, 2, -1), "operator 0 (IF) lacks an input"),
        (missing_end, "subgraph 1: the graph refers to tensor 99 of"),
        (constant_end, "subgraph 1: the graph's input, tensor"),
    ],
)
def test_subgraphs_that_make_no_sense_are_refused(change: Change, what: str) -> None:
    assert what in refused(branched(change))


def test_more_subgraphs_than_a_network_has_are_refused() -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    assert "has 5000 subgraphs" in refused(b.build([source], [source], subgraphs=5000))


def test_the_file_has_a_limit_of_tensors_not_each_subgraph(monkeypatch: pytest.MonkeyPatch) -> None:
    data = branched(lambda _: None)
    first, second = (
        sum(each.place[0] == n for each in parse(data, where="").tensors) for n in (0, 1)
    )
    monkeypatch.setattr("harness.model.tflite_tables.MAX_TABLES", first + second)
    parse(data, where="")
    monkeypatch.setattr("harness.model.tflite_tables.MAX_TABLES", first + second - 1)
    what = refused(data)
    assert what == f"has {first + second} tensors; at most {first + second - 1} are supported"


# Resource variables


def stored(change: Change) -> bytes:
    """Return a network that reads a variable of four bytes and assigns it, after `change`."""
    b = Builder()
    source = b.activation((1, 4), 0.1, 3)
    own = handle(b, "kept")
    before = read(b, own, source, (1, 4))
    assign(b, own, source)
    change(b)
    return b.build([source], [before])


def reassign(index: int, *operands: int) -> Change:
    def change(b: Builder) -> None:
        kind, _, outputs, options, values = b.operators[index]
        b.operators[index] = (kind, list(operands), outputs, options, values)

    return change


def longer(b: Builder) -> None:
    b.tensors[2].shape = (1, 5)


def never_assigned(b: Builder) -> None:
    b.operators.pop()


def no_handle(b: Builder) -> None:
    b.tensors[1].dtype = b.tensors[0].dtype


def without_maker(b: Builder) -> None:
    """Have READ_VARIABLE take a handle that is a constant."""
    other = b.tensor((), data=np.zeros((), RESOURCE))
    b.operators[1] = ("READ_VARIABLE", [other], *b.operators[1][2:])


def softmax_of_a_handle(b: Builder) -> None:
    b.operator("SOFTMAX", [1], [b.activation((1, 4), 0.1, 0)], "SoftmaxOptions", Beta=1.0)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (reassign(1), "operator 1 (READ_VARIABLE) has 0 inputs and 1 output"),
        (reassign(2, 1), "operator 2 (ASSIGN_VARIABLE) has 1 input and 0 outputs"),
        (reassign(2, 1, -1), "operator 2 (ASSIGN_VARIABLE) has 2 inputs"),
        (longer, "uses the variable 'kept' of 4 bytes (int8) for 5 bytes (int8)"),
        (never_assigned, "uses the variable 'kept', which nothing assigns"),
        (without_maker, "takes tensor 3 for a handle, but no VAR_HANDLE made it"),
        (reassign(1, 0), "operator 1 (READ_VARIABLE): tensor 0 is not a handle"),
        (reassign(2, 1, 1), "operator 2 (ASSIGN_VARIABLE): tensor 1 is a handle and not a value"),
        (softmax_of_a_handle, "operator 3 (SOFTMAX) takes or makes a handle of a variable"),
    ],
)
def test_variables_that_make_no_sense_are_refused(change: Change, what: str) -> None:
    assert what in refused(stored(change))


@pytest.mark.parametrize(
    ("kind", "given", "taken", "what"),
    [
        ("ASSIGN_VARIABLE", 2, 1, "operator 0 (ASSIGN_VARIABLE) has 2 inputs and 1 output"),
        ("READ_VARIABLE", 0, 1, "operator 0 (READ_VARIABLE) has 0 inputs and 1 output"),
        ("READ_VARIABLE", 1, 1, "operator 0 (READ_VARIABLE): tensor 0 is not a handle"),
        ("VAR_HANDLE", 1, 1, "operator 0 (VAR_HANDLE) has 1 input and 1 output"),
        ("VAR_HANDLE", 0, 1, "operator 0 (VAR_HANDLE): tensor 1 is not a handle"),
    ],
)
def test_operators_of_variables_without_a_handle_are_refused(
    kind: str, given: int, taken: int, what: str
) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    result = b.activation((1, 4), 0.1, 0)
    options = {"VAR_HANDLE": "VarHandleOptions"}.get(kind)
    b.operator(kind, [source] * given, [result] * taken, options)
    assert what in refused(b.build([source], [result]))


@pytest.mark.parametrize(
    ("is_output", "what"),
    [
        (True, "is a handle of a variable, but an input or output of the graph"),
        (False, "have the same value, but only one is a handle"),
    ],
)
def test_a_handle_that_leaves_the_network_is_refused(is_output: bool, what: str) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    own = handle(b, "kept")
    if is_output:
        result = own
    else:
        number, part = b.part()
        given = part.activation((1, 4), 0.1, 0)
        part.ends = ([given], [given])
        condition = b.tensor((1,), data=np.array([True]))
        options = {"ThenSubgraphIndex": number, "ElseSubgraphIndex": number}
        result = b.activation((1, 4), 0.1, 0)
        b.operator("IF", [condition, own], [result], "IfOptions", **options)
    assert what in refused(b.build([source], [result]))


def test_a_handle_of_two_variables_is_refused() -> None:
    """One subgraph gets another variable from each of its callers."""
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    condition = b.tensor((1,), dtype=np.bool_)
    number, part = b.part()
    own = part.tensor((), dtype=RESOURCE)
    now = part.activation((1, 4), 0.1, 0)
    part.operator("READ_VARIABLE", [own], [now], "ReadVariableOptions")
    part.ends = ([own], [now])
    results = []
    for name in ("one", "two"):
        mine = handle(b, name)
        assign(b, mine, source)
        results.append(b.activation((1, 4), 0.1, 0))
        options = {"ThenSubgraphIndex": number, "ElseSubgraphIndex": number}
        b.operator("IF", [condition, mine], results[-1:], "IfOptions", **options)
    what = refused(b.build([source, condition], results))
    assert "is a handle of two variables, 'one' and 'two'" in what


# What the engine refuses


def engine_refuses(data: bytes, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        find_engine("cmsis-nn").generate(parse(data, where=WHERE), folder, core="cortex-m4f")
    return caught.value.what


def test_an_initialization_that_comes_late_is_refused(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    number, once = b.part()
    own = handle(b, "kept")
    assign(b, own, source)
    b.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=number)
    assign(once, handle(once, "kept"), once.tensor((1, 4), data=np.ones((1, 4), np.int8)))
    data = b.build([source], [read(b, own, source, (1, 4))])
    what = engine_refuses(data, tmp_path)
    assert "layer 2 (CALL_ONCE): comes after layer 1 (ASSIGN_VARIABLE)" in what


def test_a_branch_of_another_shape_is_refused(tmp_path: Path) -> None:
    def change(b: Builder) -> None:
        b.tensors[-2].shape = (1, 5)
        b.tensors[-1].shape = (1, 5)

    what = engine_refuses(branched(change), tmp_path)
    assert "layer 0 (IF, 't4'): 't3' is 1x5 int8, but 't3' of a subgraph 1x4 int8" in what


# Damaged


def test_a_damaged_file_is_refused_or_generated(tmp_path: Path) -> None:
    originals = [
        operators_state.build(kind, from_rng(np.random.default_rng(seed)))
        for kind in operators_state.MAKERS
        for seed in range(4)
    ]
    built = 0
    for data in damaged(200, seed=4, models=originals):
        graph = read_file(data)
        built += graph is not None and generated(graph, tmp_path)
    assert 0 < built < 200


def test_a_loop_in_a_loop_is_read() -> None:
    b = Builder(np.random.default_rng(1))
    given = flags(b, FLAGS)
    source = b.activation((1, 2, 3), 0.1, 0)
    result = loop(b, given, source, from_rng(np.random.default_rng(3)), 2)
    graph = parse(b.build([source, *given], [result]), where=WHERE)
    numbers = [part.number for part in graph.subgraphs]
    for part in graph.subgraphs:
        for operator in part.operators:
            assert all(numbers.index(each) < numbers.index(part.number) for each in operator.calls)
