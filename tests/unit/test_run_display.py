"""What a notebook shows: runs as table and plot, their vectors as a table, and the progress."""

import dataclasses
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from msgspec import structs

import harness
from harness.measure import quality
from harness.measure.profiled_layer import LayerProfile
from harness.measure.subset import Subset
from harness.runs.layer_profile import Profile
from harness.support.notebook_progress import NotebookProgress, notebook_progress
from harness.support.progress import Progress

Run = harness.Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("run")
    return harness.run("virtual-stm32", "faces", root=root, record=False)


def shown(run: Run) -> ElementTree.Element:
    """Return the parsed HTML, which is well-formed XML, too."""
    return ElementTree.fromstring(run._repr_html_())  # noqa: S314 - our own


def text_of(run: Run) -> str:
    return " ".join(shown(run).itertext())


def profile(*ticks: int) -> Profile:
    layers = [LayerProfile(i, "ADD", "<name>", [1], 0, count) for i, count in enumerate(ticks)]
    return Profile(tuple(layers), 5, 7, sum(ticks), sum(ticks))


def test_a_run_is_a_table_of_its_main_numbers(run: Run) -> None:
    rows = [[cell.text or "" for cell in row] for row in shown(run).iter("tr")]
    values = {name: value for name, value, _ in rows}
    assert values["vectors"] == str(len(run.vectors))
    assert values["accuracy"] == f"{run.quality:.4f}"
    assert values["flash"] == f"{run.image.flash:,} B"
    assert "✓ passed" in text_of(run)


def test_only_the_verdict_has_a_colour_of_its_own(run: Run) -> None:
    """Everything else takes the page's, so that it can be read in light and dark notebooks."""
    html = dataclasses.replace(run, profile=profile(3, 4))._repr_html_()
    assert html.count("color: #") == 1
    assert html.count('"#') == 0
    assert 'fill="currentColor"' in html


def test_inferences_that_differ_are_a_plot(run: Run) -> None:
    one = dataclasses.replace(run, ticks=np.full_like(run.ticks, 5))
    assert not list(shown(one).iter("svg"))
    two = dataclasses.replace(run, ticks=np.arange(len(run.ticks)) + 7)
    assert len(list(shown(two).iter("circle"))) == len(run.ticks)
    ticks = np.random.default_rng(1).integers(1, 1 << 40, 10_000)
    many = list(shown(dataclasses.replace(run, ticks=ticks)).iter("circle"))
    assert 100 < len(many) < 400
    heights = {circle.get("cy") for circle in many}
    assert {"4.0", "68.0"} <= heights  # the slowest and the fastest are not left out


def test_layers_are_bars(run: Run) -> None:
    few = dataclasses.replace(run, profile=profile(30, 0, 70))
    assert len(list(shown(few).iter("rect"))) == 3
    assert "70 (70.0%)" in text_of(few)
    many = dataclasses.replace(run, profile=profile(*range(1, 101)))
    assert len(list(shown(many).iter("rect"))) == 16
    assert "84 smaller layers take" in text_of(many)
    assert "<name>" in ElementTree.tostring(shown(few), "unicode", "text")


def test_why_a_run_failed_is_shown(run: Run) -> None:
    wrong = tuple(np.roll(output, 1, axis=0) for output in run.all_outputs)
    failed = dataclasses.replace(run, all_outputs=wrong)
    assert not failed.passed
    assert "✗ failed" in text_of(failed)
    assert "differ from golden" in text_of(failed)
    assert ": failed, accuracy" in repr(failed)


def test_names_are_text(run: Run) -> None:
    target = structs.replace(run.target, name='<script>alert("1")</script>\x1b[31m\n')
    hostile = dataclasses.replace(run, target=target)
    assert "script" not in {element.tag for element in shown(hostile).iter()}
    assert "<script>" in text_of(hostile)
    for text in (hostile._repr_html_(), repr(hostile), repr(target)):
        assert text.replace("✓", "").isprintable()


def test_the_vectors_of_a_run_are_a_table(run: Run) -> None:
    table = run.to_frame()
    assert list(table.columns) == ["label", "answer", "golden", "differing", "instructions"]
    assert table.index.name == "vector"
    assert (table.answer == table.label).mean() == run.quality
    assert set(table.label) <= set(run.model.classes)
    assert table.differing.sum() == run.bytes_differing
    assert (table.instructions == run.ticks).all()


def test_a_table_of_some_vectors_has_their_numbers(run: Run) -> None:
    numbers = [3, 5]
    some = dataclasses.replace(
        run,
        vectors=run.vectors.taken(np.array(numbers)),
        all_outputs=tuple(values[numbers] for values in run.all_outputs),
        all_golden=tuple(values[numbers] for values in run.all_golden),
        ticks=run.ticks[numbers],
        subset=Subset(len(run.vectors), numbers),
    )
    assert some.to_frame().index.tolist() == numbers
    assert "2 of" in text_of(some)


def test_a_run_without_labels_has_no_answers(run: Run) -> None:
    model = dataclasses.replace(run.model, metric="agreement", classes=())
    vectors = dataclasses.replace(run.vectors, labels=None)
    table = dataclasses.replace(run, model=model, vectors=vectors).to_frame()
    assert list(table.columns) == ["differing", "instructions"]


def test_the_layers_of_a_run_are_a_table() -> None:
    table = profile(30, 70).to_frame()
    assert table.index.tolist() == [0, 1]
    assert table.ticks.sum() == 100
    assert profile().to_frame().empty


@pytest.mark.parametrize("metric", ["accuracy", "auc", "mae"])
def test_answers_are_what_the_metric_compares(run: Run, metric: Any) -> None:
    network, vectors = run.network, run.vectors
    if metric == "auc":  # needs as many outputs as inputs, and two labels
        labels = (np.arange(len(vectors)) % 2).astype(np.int64)
        vectors = dataclasses.replace(vectors, labels=labels)
        network = dataclasses.replace(network, outputs=network.inputs)
        outputs: tuple[Any, ...] = (np.roll(vectors.inputs, 1, axis=0),)
    else:
        outputs = run.all_outputs
    answers = quality.answers_of(metric, vectors, outputs, network)
    assert answers is not None
    whole = quality.quality_of(metric, vectors, outputs, outputs, network) if metric != "mae" else 0
    if metric == "accuracy":
        assert (answers == vectors.class_labels).mean() == whole
    elif metric == "auc":
        assert quality.auc(answers, vectors.class_labels) == whole
    else:
        assert answers.shape == run.outputs.shape


def test_two_runs_are_compared_number_by_number(run: Run) -> None:
    image = dataclasses.replace(run.image, flash=run.image.flash + 100)
    table = harness.compare(run, dataclasses.replace(run, image=image))
    assert table.index.name == "number"
    row = table.loc["flash"]
    assert (row.difference, row.judged, row.unit) == (100, "worse", "byte")
    assert row.relative == 100 / run.image.flash
    assert set(table.drop("flash").judged) == {"same"}


# Progress


class Cell:
    """What is below a notebook's cell."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.outputs = 0

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> "Cell":
        assert raw
        assert display_id
        self.outputs += 1
        self.lines.append(data["text/plain"])
        return self

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.lines.append(data["text/plain"])

    def until(self, condition: Callable[[str], bool]) -> None:
        end = time.monotonic() + 20
        while not condition(self.lines[-1]):
            assert time.monotonic() < end, self.lines
            time.sleep(0.01)


def test_a_notebook_shows_one_line_while_something_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cell = Cell()
    progress = Progress(sys.stderr, view=NotebookProgress(cell.display))
    with progress.step("building"):
        cell.until(lambda line: line == "building")
        with progress.step("streaming", 3, "vectors") as done:
            done()
            cell.until(lambda line: line == "streaming: 1 of 3 vectors")
            progress.warn("the clock is vague")
    assert cell.lines[-1] == ""
    assert capsys.readouterr().err == "harness: the clock is vague\n"
    with progress.step("measuring"):
        cell.until(lambda line: line == "measuring")
    assert cell.outputs == 1  # another one would leave an empty line


def test_other_programs_have_no_notebook() -> None:
    assert notebook_progress() is None


KERNEL = """
import harness
run = harness.run("virtual-stm32", "faces")
run
"""


def test_a_kernel_shows_a_run(tmp_path: Path) -> None:
    manager = pytest.importorskip("jupyter_client.manager", reason="jupyter_client is missing")
    pytest.importorskip("ipykernel", reason="ipykernel is missing")
    (tmp_path / "harness.toml").touch()
    with manager.run_kernel(cwd=str(tmp_path)) as client:
        outputs: list[dict[str, Any]] = []
        answer = client.execute_interactive(KERNEL, timeout=120, output_hook=outputs.append)
    assert answer["content"]["status"] == "ok", outputs
    contents = {message["msg_type"]: message["content"] for message in outputs}
    result = contents["execute_result"]["data"]
    assert "<table>" in result["text/html"]
    assert result["text/plain"].startswith("<Run of faces on virtual-stm32")
    assert contents["update_display_data"]["data"]["text/plain"] == ""  # the progress is gone
    assert "stream" not in contents
