"""Tasks beside classes: real values with an upper bound, and no labels at all.

Each test goes from the files that a person has, through a run, to what is read of it.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.measure.number import Number
from harness.model.folder import Model, load_model
from harness.report.html_report import render
from harness.report.markdown_summary import markdown
from harness.report.report_data import summarize
from harness.report.runs_table import print_table
from harness.results.judge.budgets import KnownNames, read_budgets
from harness.results.judge.compare import compare
from harness.results.record import Record
from harness.results.record_file import parse_record, read_record
from harness.results.store.store import Store
from harness.support.terminal import Terminal
from tests.support.sine import angles, sine

COUNT = 50
ADD = ("models", "add", "sine.tflite", "--inputs", "x.npy")
REGRESSION = (*ADD, "--labels", "y.npy", "--task", "regression")
AGREEMENT = (*ADD, "--task", "agreement")


@dataclass
class Desk:
    """A user's folder with a network, inputs and labels; `run` gives exit code and texts."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(arguments)
        out, err = self.capsys.readouterr()
        return code, out, err

    def refused(self, *arguments: str) -> str:
        code, _, err = self.run(*arguments)
        assert code == ExitCode.USAGE
        assert not (self.root / "models").exists()
        return err

    def added(self, *arguments: str) -> str:
        code, out, err = self.run(*arguments)
        assert code == ExitCode.PASSED, err
        return out

    def model(self) -> Model:
        model = load_model(self.root / "models" / "sine")
        model.check(model.graph)
        return model

    def change(self, old: str, new: str) -> None:
        """Replace a text in the model's description."""
        path = self.root / "models" / "sine" / "model.toml"
        text = path.read_text()
        assert re.search(old, text)
        path.write_text(re.sub(old, new, text))

    def measured(self) -> tuple[int, str, str, Record]:
        """Run the model on a virtual board; return what was said, and the newest Record."""
        shutil.rmtree(self.root / "reports", ignore_errors=True)
        said = self.run("run", "--model", "sine", "--target", "virtual-stm32")
        [path] = (self.root / "reports" / "runs").glob("*.json")
        return (*said, read_record(path))


@pytest.fixture
def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    built: Path,
) -> Desk:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "images").symlink_to(built)
    (tmp_path / "sine.tflite").write_bytes(sine())
    np.save("x.npy", angles(COUNT))
    np.save("y.npy", np.sin(angles(COUNT)))
    return Desk(tmp_path, capsys)


# From files to a model


def test_tensorflow_s_sine_is_added_as_a_regression(desk: Desk) -> None:
    out = desk.added(*REGRESSION)
    model = desk.model()
    assert (model.task, model.metric, model.classes) == ("regression", "mae", ())
    assert 0 < model.quality_target < 0.02
    [reached] = re.findall(r"quality of golden: MAE ([\d.]+); quality target: ", out)
    assert float(reached) <= model.quality_target < 1.1 * float(reached)
    assert "warning" not in out
    assert '# unit = "°C"' in (model.path / "model.toml").read_text()


@pytest.mark.parametrize(
    "labels",
    [np.sin(angles(COUNT)), np.sin(angles(COUNT))[:, 0], np.sin(angles(COUNT)).astype(np.float16)],
    ids=["column", "flat", "half"],
)
def test_labels_may_be_a_column_or_not(desk: Desk, labels: Any) -> None:
    np.save("y.npy", labels)
    desk.added(*REGRESSION)
    assert desk.model().vectors.real_labels.shape == (COUNT, 1)


def test_whole_numbers_are_values_too(desk: Desk) -> None:
    np.save("y.npy", np.round(np.sin(angles(COUNT))).astype(np.int64))
    desk.added(*REGRESSION)
    assert desk.model().quality_target < 0.4


def test_a_target_of_one_s_own_may_be_above_one_and_is_an_upper_bound(desk: Desk) -> None:
    desk.added(*REGRESSION, "--quality-target", "40")
    assert desk.model().quality_target == 40


def test_a_target_that_golden_misses_is_refused(desk: Desk) -> None:
    err = desk.refused(*REGRESSION, "--quality-target", "0.0001")
    assert re.search(r"--quality-target: golden reaches 0\.0\d+, which is above 0\.0001", err)


def test_an_error_that_one_answer_to_all_reaches_is_no_target(desk: Desk) -> None:
    np.save("y.npy", np.cos(angles(COUNT)))
    err = desk.refused(*REGRESSION)
    assert re.search(r"golden reaches the MAE 0\.8\d+, and one answer to all inputs may reach", err)
    assert "this cannot be a quality target" in err
    out = desk.added(*REGRESSION, "--quality-target", "0.9")
    assert "warning: one answer to all inputs may reach 0.4" in out


def test_without_labels_golden_is_all_that_a_run_is_compared_with(desk: Desk) -> None:
    out = desk.added(*AGREEMENT)
    assert "no labels: runs are compared with golden; nothing is known about the quality" in out
    model = desk.model()
    assert (model.task, model.quality_target, model.vectors.labels) == ("agreement", 1.0, None)
    with np.load(model.vectors_path) as held:
        assert sorted(held) == ["golden", "golden_source", "inputs"]


NOT_ADDED: dict[str, tuple[Callable[[], object], tuple[str, ...], str]] = {
    "labels missing": (
        lambda: None,
        (*ADD, "--task", "classification"),
        "--labels: is missing for the task classification\n"
        "  -> give a file with one label for each vector",
    ),
    "labels unused": (
        lambda: None,
        (*AGREEMENT, "--labels", "y.npy"),
        "--labels: the task agreement has no labels",
    ),
    "classes that are values": (
        lambda: None,
        (*ADD, "--labels", "y.npy", "--task", "classification"),
        "y.npy: holds real values of shape [50], but the task classification needs classes\n"
        "  -> save one integer, the class, for each input: shape [50]; for real values, give "
        "--task regression",
    ),
    "too few": (
        lambda: np.save("y.npy", np.zeros(COUNT - 1)),
        REGRESSION,
        "y.npy: has type float64 and shape [49], but x.npy holds 50 vectors\n"
        "  -> save one label for each vector: shape [50]",
    ),
    "several values": (
        lambda: np.save("y.npy", np.zeros((COUNT, 2))),
        REGRESSION,
        "y.npy: labels: has shape [50, 2], but sine.tflite has an output of [1, 1]\n"
        "  -> store a real value for each value of the output: shape [50]",
    ),
    "not a number": (
        lambda: np.save("y.npy", np.where(np.arange(COUNT) == 7, np.nan, 1.0)),
        REGRESSION,
        "y.npy: the label of vector 7 is not finite",
    ),
    "text": (
        lambda: np.save("y.npy", np.array(["0.5"] * COUNT)),
        REGRESSION,
        "y.npy",
    ),
}


@pytest.mark.parametrize("rule", NOT_ADDED)
def test_labels_that_do_not_fit_the_task_are_explained(desk: Desk, rule: str) -> None:
    change, arguments, what = NOT_ADDED[rule]
    change()
    assert what in desk.refused(*arguments)


# From a model to what is read of a run


def test_a_regression_is_judged_by_its_error_in_the_labels_unit(desk: Desk, tmp_path: Path) -> None:
    desk.added(*REGRESSION)
    desk.change('# unit = "°C".*', 'unit = "°C"')
    code, out, err, record = desk.measured()
    assert code == ExitCode.PASSED, err
    numbers = record.numbers
    error, root = numbers["mae"], numbers["rmse"]
    assert (error.unit, error.kind, root.unit) == ("°C", "exact", "°C")
    assert 0 < error.value <= numbers["mae_target"].value < numbers["mae_chance"].value
    assert error.value <= root.value
    assert numbers["mae_golden"] == error
    target = f"≤ {numbers['mae_target'].value:g}"
    for shown in ("MAE", f"{error.value:.4g} °C", target, f"RMSE of sine: {root.value:.4g} °C"):
        assert shown in out
    assert "proves nothing" not in out
    with Store(f"sqlite:///{tmp_path / 'runs.sqlite'}") as store:
        store.add(record)
        summary = summarize(store)
    assert f"MAE {error.value:.4g} °C" in markdown(summary).replace("\\", "")
    page = re.sub(r"<[^>]*>", " ", render(summary))
    assert f"MAE {target}" in page
    assert "nothing is known" not in page


def test_an_error_above_the_target_fails_and_says_which_way(desk: Desk) -> None:
    desk.added(*REGRESSION)
    desk.change(r"quality_target = [\d.]+", "quality_target = 0.001")
    desk.change('# unit = "°C".*', 'unit = "mm"')
    code, out, err, record = desk.measured()
    assert code == ExitCode.FAILED
    [reason] = record.reasons
    assert re.fullmatch(
        r"MAE (0\.0\d+ mm) is above the quality target 0\.001 mm; golden reaches \1", reason
    )
    assert reason in err or reason in " ".join(out.split())


def test_an_error_that_one_answer_reaches_is_said_to_prove_nothing(desk: Desk) -> None:
    np.save("y.npy", np.cos(angles(COUNT)))
    desk.added(*REGRESSION, "--quality-target", "0.9")
    code, out, _, _ = desk.measured()
    assert code == ExitCode.PASSED
    said = " ".join(out.split())
    assert re.search(r"MAE 0\.8\d+ proves nothing: one answer to all inputs may reach 0\.4", said)


def test_agreement_says_that_nothing_is_known_of_the_quality(desk: Desk, tmp_path: Path) -> None:
    desk.added(*AGREEMENT)
    code, out, err, record = desk.measured()
    assert code == ExitCode.PASSED, err
    assert record.model.metric == "agreement"
    assert record.numbers["agreement"] == Number(1.0, "1", "exact")
    assert not {"agreement_chance", "rmse"} & set(record.numbers)
    said = (
        "agreement of sine: the share of vectors whose outputs equal golden; without labels, "
        "nothing is known about the quality of the model"
    )
    assert said in " ".join(out.split())
    with Store(f"sqlite:///{tmp_path / 'runs.sqlite'}") as store:
        store.add(record)
        summary = summarize(store)
    assert said in markdown(summary).replace("\\", "")
    assert said in re.sub(r"<[^>]*>", "", render(summary))


def test_a_vector_that_differs_from_golden_does_not_agree(desk: Desk) -> None:
    desk.added(*AGREEMENT)
    path = desk.model().vectors_path
    held = dict(np.load(path))
    held["golden"] = held["golden"].copy()
    held["golden"][3:8] += 1
    np.savez(path, **held)
    code, _, _, record = desk.measured()
    assert code == ExitCode.FAILED
    assert record.numbers["agreement"].value == 0.9
    assert record.numbers["agreement_golden"].value == 1
    assert any("5 of 50 output bytes differ from golden" in reason for reason in record.reasons)
    assert "agreement 0.9000 is below the quality target 1" in record.reasons


# Comparisons, budgets and Records


@pytest.fixture(scope="module")
def held() -> Record:
    """A Record of a regression, made of one of a classification."""
    [path] = (Path(__file__).parents[1] / "data" / "records").glob("*virtual-stm32*.json")
    record = read_record(path)
    others = {
        name: number for name, number in record.numbers.items() if not name.startswith("accuracy")
    }
    errors = {"mae": 0.5, "mae_golden": 0.5, "mae_target": 0.6, "mae_chance": 2.0, "rmse": 0.7}
    numbers = {name: Number(value, "°C", "exact") for name, value in errors.items()} | others
    model = msgspec.structs.replace(record.model, metric="mae")
    return msgspec.structs.replace(record, model=model, numbers=numbers)


def with_errors(record: Record, unit: str = "°C", **values: float) -> Record:
    changed = {name: Number(value, unit, "exact") for name, value in values.items()}
    return msgspec.structs.replace(record, numbers=record.numbers | changed)


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_a_lower_error_is_better(held: Record, name: str) -> None:
    for value, judged in ((0.4, "better"), (0.9, "worse"), (held.numbers[name].value, "same")):
        other = with_errors(held, "°C", **{name: value})
        found = {delta.name: delta.judged for delta in compare(held, other).deltas}
        assert found[name] == judged


def test_errors_in_other_units_are_not_compared(held: Record) -> None:
    deltas = compare(held, with_errors(held, "K", mae=0.5)).deltas
    [delta] = [delta for delta in deltas if delta.name == "mae"]
    assert (delta.judged, delta.why) == ("not comparable", "one is in °C, the other in K")


def test_an_error_has_a_budget_in_the_unit_of_the_labels(held: Record, tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    names = KnownNames({"mae", "rmse"}, {"faces"}, {"virtual-stm32"})
    path.write_text('[[budget]]\nmetric = "mae"\nworse = 0.1\n')
    budgets = read_budgets(path, names)
    for value, covered in ((0.59, True), (0.61, False)):
        [delta] = compare(held, with_errors(held, mae=value)).judged("worse")
        assert budgets.of(delta, "faces", "virtual-stm32").covers(delta) == covered
    path.write_text('[[budget]]\nmetric = "mae"\nworse = "0.1 K"\n')
    with pytest.raises(InputError) as caught:
        read_budgets(path, names)
    assert str(caught.value) == (
        f"{path}: budget[0].worse: mae is in the unit of the labels, not in K\n"
        '  -> use the unit of the metric, as a plain number, or a share: worse = "2%"'
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mae", -0.1, "numbers.mae.value: -0.1 is negative"),
        ("rmse", -0.1, "numbers.rmse.value: -0.1 is negative"),
        ("rmse", None, "numbers.rmse: is missing"),
        ("mae_target", None, "numbers.mae_target: is missing"),
    ],
)
def test_a_record_of_a_regression_has_its_errors(
    held: Record, name: str, value: float | None, said: str
) -> None:
    whole = json.loads(msgspec.json.encode(with_errors(held, mae=1234.5, rmse=2000)))
    parse_record(json.dumps(whole).encode(), "x.json")  # an error may be above 1
    if value is None:
        del whole["numbers"][name]
    else:
        whole["numbers"][name]["value"] = value
    with pytest.raises(InputError, match=re.escape(said)):
        parse_record(json.dumps(whole).encode(), "x.json")


def test_metrics_that_differ_share_a_table(
    held: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    [path] = (Path(__file__).parents[1] / "data" / "records").glob("*virtual-stm32*.json")
    accuracy = read_record(path)
    other = msgspec.structs.replace(held, model=msgspec.structs.replace(held.model, name="pump"))
    print_table([accuracy, other], Terminal())
    out = capsys.readouterr().out
    for shown in ("quality", "≥ 0.94", "0.5 °C", "≤ 0.6", "RMSE of pump: 0.7 °C"):
        assert shown in out
    assert "accuracy; MAE of pump" in " ".join(out.split())
    assert "≥ target" not in out


def test_a_unit_from_outside_cannot_move_the_cursor(
    held: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = with_errors(held, "\x9b2J", mae=0.5, rmse=0.6)
    print_table([hostile], Terminal())
    assert "\x9b" not in capsys.readouterr().out
