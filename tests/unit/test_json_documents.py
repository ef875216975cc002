"""`--json` of the commands about results, models, targets and the machine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from harness.cli.command_line import command_parser
from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError
from harness.measure.number import Number
from harness.report.json_documents.compare_document import compared_runs
from harness.report.json_documents.farm_documents import farm_check_document, farm_status_document
from harness.report.json_documents.model_documents import ModelConvertDocument, ModelTrainDocument
from harness.report.json_documents.network_document import export_document
from harness.results.farm.farm_status import FarmStatus, PlaceStatus
from harness.results.judge.compare import compare
from harness.results.record_file import write_record
from harness.runs.check.check_result import BoardCheck, CheckLine
from harness.simulator.serve_document import VirtualServeDocument
from harness.support.bundled_files import bundled
from harness.support.json_output import Document
from harness.workspace import Workspace
from tests.support.documents import checked, printed_document
from tests.unit.test_compare import run, with_numbers, with_value


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (tmp_path / "harness.toml").touch()
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path)


@pytest.fixture
def runs(repository: Workspace) -> list[str]:
    """Write the Records of two nights; return their ids. The second has a larger image."""
    old = run()
    new = structs.replace(run(day=1), numbers=old.numbers)
    new = with_value(with_value(new, "flash", 99_999), "ram", old.numbers["ram"].value + 1)
    for record in (old, new):
        write_record(record, repository.runs)
    return [old.id, new.id]


def test_every_command_has_the_option() -> None:
    parser = command_parser()
    parser.declare_all()

    def leaves(each: Any, name: str) -> list[tuple[str, Any]]:
        groups = each._subparsers._group_actions if each._subparsers else []
        parts = [(f"{name} {n}", p) for group in groups for n, p in group.choices.items()]
        return [leaf for n, p in parts for leaf in leaves(p, n)] if parts else [(name, each)]

    without = [n for n, p in leaves(parser, "") if "--json" not in p._option_string_actions]
    # They print text to paste, a script of a shell, another protocol, or run until they are ended.
    assert set(without) == {" completion", " link add", " link path", " mcp", " watch"}


def test_compare(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *runs, "--json"]) == ExitCode.PASSED
    read = printed_document(capsys)
    assert read["small"] == 0.001
    [pair] = read["comparisons"]
    assert [pair["old"]["id"], pair["new"]["id"]] == runs
    assert pair["old"]["target"] == "virtual-stm32"
    first, second, third, *_ = pair["numbers"]
    assert (first["name"], first["judged"], first["small"]) == ("flash", "worse", False)
    assert first["new"] == {"value": 99_999, "unit": "byte", "kind": "exact"}
    assert (second["name"], second["judged"], second["small"]) == ("ram", "worse", True)
    assert (third["judged"], third["small"]) == ("same", False)
    assert main(["compare", *runs, "--json", "--small=0%"]) == ExitCode.PASSED
    assert not any(n["small"] for n in printed_document(capsys)["comparisons"][0]["numbers"])


def test_compare_with_runs_of_one_side_only(
    repository: Workspace, runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    other = run(3, model="digits")
    write_record(other, repository.runs)
    Path("b").mkdir()
    write_record(other, Path("b"))
    assert main(["compare", "reports/runs", "b", "--json"]) == ExitCode.PASSED
    read = printed_document(capsys)
    assert [each["id"] for each in read["only_a"]] == [runs[1]]
    assert read["only_b"] == []
    assert len(read["comparisons"]) == 1


def test_a_change_from_zero_has_no_relative_size() -> None:
    old = with_numbers(run(), arena=Number(0, "byte", "exact"))
    pair = compared_runs(compare(old, with_value(old, "arena", 5)), 0.001)
    [arena] = [number for number in pair.numbers if number.name == "arena"]
    assert (arena.relative, arena.small) == (None, False)


def test_baselines(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "list", "--json"]) == ExitCode.PASSED
    assert printed_document(capsys)["baselines"] == []
    accept = ["baseline", "accept", runs[0], "--because=first", "--baseline=mine", "--json"]
    assert main(accept) == ExitCode.PASSED
    accepted = printed_document(capsys)
    assert accepted["folder"] == "mine"
    [baseline] = accepted["baselines"]
    assert (baseline["because"], baseline["partial"]) == ("first", False)
    assert baseline["record"]["id"] == runs[0]
    assert main(["baseline", "list", "--baseline=mine", "--json"]) == ExitCode.PASSED
    assert printed_document(capsys)["baselines"] == accepted["baselines"]
    assert Path(baseline["file"]).is_file()


def test_trend(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trend", "--metric=flash", "--json", "--plot=flash.svg"]) == ExitCode.PASSED
    read = printed_document(capsys)
    [trend] = read["trends"]
    assert (trend["unit"], trend["kind"], trend["model"]) == ("byte", "exact", "faces")
    assert [point["run"] for point in trend["points"]] == runs
    [change] = trend["changes"]
    assert (change["run"], change["before"], change["after"]) == (runs[1], 18_208, 99_999)
    assert read["plot"] == "flash.svg"
    assert Path("flash.svg").is_file()


def test_push_export_and_report(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", "--store=sqlite:///store.db", "--json"]) == ExitCode.PASSED
    pushed = printed_document(capsys)
    assert (pushed["added"], pushed["existing"], pushed["skipped"]) == (2, 0, [])
    assert main(["export", "--csv=all.csv", "--json"]) == ExitCode.PASSED
    exported = printed_document(capsys)
    assert (exported["file"], exported["runs"]) == ("all.csv", 2)
    assert exported["rows"] == len(Path("all.csv").read_text().splitlines()) - 1
    assert main(["export", "--boards=boards.json", "--json"]) == ExitCode.PASSED
    assert printed_document(capsys)["content"] == "spreads"
    assert main(["report", "--json", "--markdown=summary.md"]) == ExitCode.PASSED
    report = printed_document(capsys)
    [combination] = report["combinations"]
    assert (combination["id"], combination["status"]) == (runs[1], "worse")
    assert (report["runs"], report["grade"]) == (2, "bad")
    assert Path(report["file"]).is_file()
    assert Path(report["markdown"]).is_file()


def test_an_error_of_a_command_is_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["compare", "a", "b"], ["trend", "--metric=flash"], ["report"], ["push"]):
        assert main([*command, "--json"]) == ExitCode.USAGE
        read = printed_document(capsys)
        assert (read["schema"], read["kind"]) == ("tinyml-harness/error/1", "input")


CHECK = BoardCheck(
    target="desk",
    place="",
    healthy=True,
    checked="2026-01-01T00:00:00+00:00",
    seconds=1.0,
    host="h",
    harness="1",
    lines=[CheckLine("flash", ok=True, text="took 1 s")],
)


def test_farm() -> None:
    busy = {"shelf-1": InfrastructureError("is in use")}
    read = checked(farm_check_document([CHECK], busy, {}))
    assert read["healthy"]
    assert read["checks"][0]["lines"][0]["part"] == "flash"
    assert [(each["name"], each["busy"]) for each in read["unchecked"]] == [("shelf-1", True)]
    assert not checked(farm_check_document([CHECK], {}, busy))["healthy"]
    assert not checked(farm_check_document([], busy, {}))["healthy"]
    status = FarmStatus("127.0.0.1:1", "2026-01-01T00:00:00+00:00", [PlaceStatus("shelf-1")])
    read = checked(farm_status_document(status))
    assert read["places"][0]["name"] == "shelf-1"
    assert {*read} >= {*structs.asdict(status)}


def test_a_model_is_shown_and_added(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "gesture", "--json"]) == ExitCode.PASSED
    shown = printed_document(capsys)
    assert shown["bytes"] == Path(shown["file"]).stat().st_size
    assert shown["inputs"][0]["dtype"] == "int8"
    engine = shown["engines"][0]
    assert (engine["name"], engine["error"]) == ("cmsis-nn", None)
    assert engine["numbers"]["arena"]["kind"] == "exact"
    assert engine["numbers"]["flash"]["kind"] == "estimated"
    assert engine["numbers"]["macs"]["value"] == sum(each["macs"] for each in shown["layers"])
    assert all(layer["supported"] == {"cmsis-nn": True} for layer in shown["layers"])
    add = ["models", "add", shown["file"], "--random=4", "--name=mine", "--json"]
    assert main(add) == ExitCode.PASSED
    added = printed_document(capsys)
    assert (added["name"], added["vectors"], added["metric"]) == ("mine", 4, "agreement")
    assert Path(added["folder"], "model.toml").is_file()


def test_golden_outputs_are_added(capsys: pytest.CaptureFixture[str]) -> None:
    network = next((bundled("models") / "gesture").glob("*.tflite"))
    assert main(["models", "add", str(network), "--random=4", "--name=mine"]) == ExitCode.PASSED
    capsys.readouterr()
    vectors = Path("models", "mine", "vectors.npz")
    arrays = {k: v for k, v in np.load(vectors).items() if not k.startswith("golden")}
    np.savez(vectors, **arrays)
    assert main(["models", "golden", "mine", "--json"]) == ExitCode.PASSED
    read = printed_document(capsys)
    assert read["vectors"] == 4
    assert Path(read["file"]) == vectors.resolve()


@pytest.mark.parametrize("command", [["models", "list"], ["list", "models"]])
def test_models_have_a_list(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--json"]) == ExitCode.PASSED
    assert printed_document(capsys)["schema"] == "tinyml-harness/list-models/1"
    assert main(command) == ExitCode.PASSED
    assert "gesture" in capsys.readouterr().out


def test_targets_have_a_list_and_are_added(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["target", "list", "--json"]) == ExitCode.PASSED
    assert printed_document(capsys)["schema"] == "tinyml-harness/list-targets/1"
    assert main(["target", "add", "nrf52840", "--json"]) == ExitCode.PASSED
    added = printed_document(capsys)
    assert added["name"] == "nrf52840"
    assert Path(added["file"]).is_file()


def test_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--target=virtual-stm32", "--json"]) in {
        ExitCode.PASSED,
        ExitCode.INFRASTRUCTURE,
    }
    read = printed_document(capsys)
    assert [each["subject"] for each in read["targets"]] == ["virtual-stm32"]
    assert {"QEMU", "Renode"} <= {each["subject"] for each in read["machine"]}
    assert main(["setup", "arduino", "--sketchbook=sketches", "--json"]) == ExitCode.PASSED
    assert Path(printed_document(capsys)["path"]).is_dir()


def test_a_new_repository(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "new", "--json"]) == ExitCode.PASSED
    read = printed_document(capsys)
    assert {part["path"] for part in read["parts"]} >= {"README.md", ".gitignore"}
    assert all(part["new"] for part in read["parts"])
    assert read["next"][0] == "cd new"


def test_documents_that_only_slow_commands_print() -> None:
    served = VirtualServeDocument(
        probe="V", port="p", chip="c", board="b", uart="u", socket="s", meter=""
    )
    made: list[Document] = [
        ModelTrainDocument(folder="f", seconds=1.5, qualities=[], files=[]),
        ModelConvertDocument(file="f", bytes=1, digest="a", expected="a"),
        export_document("f", ["  input  3 features"]),
        served,
    ]
    for each in made:
        checked(each)
    assert json.loads(served.line)["schema"] == "tinyml-harness/virtual-serve/1"
