"""Equal boards: Records say which one ran, and a change of board is not a change of code."""

import csv
import json
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from msgspec import structs
from rich.console import Console

from harness.board.board_options import BoardOptions
from harness.board.device_info import DeviceInfo
from harness.board.provision import provision
from harness.cli import main
from harness.engines.registry import find_engine
from harness.image.build import build_image
from harness.measure.number import Number
from harness.report.comparison_text import print_comparison
from harness.report.engines_table import notes_of
from harness.report.gate_text import failure_text, gate_summary
from harness.report.html_report import render
from harness.report.markdown_summary import markdown
from harness.report.report_data import summarize
from harness.report.spread_file import write_spreads
from harness.results.judge.baseline import accept
from harness.results.judge.board_spread import all_spreads
from harness.results.judge.boards import board_note, change_note
from harness.results.judge.change_points import exact_changes, sampled_changes
from harness.results.judge.compare import compare
from harness.results.judge.gate import Gate
from harness.results.judge.matching import pair
from harness.results.judge.run_context import differences
from harness.results.judge.side_by_side import side_by_side
from harness.results.judge.trend import cause, trends
from harness.results.record import Record
from harness.results.record_file import read_record, write_record
from harness.results.recording import record_run
from harness.results.store.store import Store
from harness.runs.bench import open_link_dut
from harness.runs.request import RunRequest
from harness.simulator.board_process import VirtualBoard
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Virtual
from harness.workspace import Workspace
from tests.support.models import ROOT, few_digits
from tests.support.year import FIRST, SILICON, made_up

IDS = ("a1", "b2")
NO_BOARD = DeviceInfo()
ONE, OTHER = (DeviceInfo(f"shelf-{n}", "pi-1", f"{n:024x}") for n in (1, 2))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Record]:
    """The Records of one image on two simulated boards, which differ in their unique IDs."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not on PATH: see `make system`")
    root = tmp_path_factory.mktemp("equal")
    workspace, progress = Workspace(root), Progress(StringIO())
    model = few_digits(root / "digits", 2)
    target = find_target("virtual-stm32", [ROOT / "targets"])
    assert isinstance(target.board, Virtual)
    images = ROOT / "build" / "images"
    image = build_image(target, model, find_engine("cmsis-nn"), images, progress.say)
    records = []
    for chip_id in IDS:
        with VirtualBoard.start("stm32f429xi", chip_id=chip_id) as hardware:
            options = BoardOptions(probe=hardware.probe_id, serial=hardware.port)
            with (
                closing(provision(target, workspace.logs, progress, options)) as board,
                open_link_dut(RunRequest(target, model, workspace), image, board) as dut,
            ):
                records.append(read_record(record_run(dut.run(), workspace)))
    return records


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'store.sqlite'}") as opened:
        yield opened


def silicon(day: int, device: DeviceInfo | None, factor: float = 1.0, image: str = "") -> Record:
    record = made_up(random.Random(day), FIRST + timedelta(days=day), SILICON, "digits")
    cycles = record.numbers["cycles_median"]
    changed = structs.replace(cycles, value=round(cycles.value * factor))
    return structs.replace(
        record,
        device=device,
        numbers=record.numbers
        | {
            "cycles_median": changed,
            "latency_median": Number(changed.value / 180e6, "s", "measured"),
        },
        image=structs.replace(record.image, build_id=image or record.image.build_id),
    )


def shown(old: Record, new: Record) -> str:
    console = Console(width=120, file=StringIO(), record=True)
    print_comparison(compare(old, new), console)
    return console.export_text()


# Records


def test_records_of_equal_boards_differ_in_the_chip_alone(real: Sequence[Record]) -> None:
    assert [record.device for record in real] == [
        DeviceInfo(chip_id=chip_id.rjust(24, "0")) for chip_id in IDS
    ]
    one, other = real
    assert one.ticks == other.ticks
    assert one.image == other.image
    text = shown(one, other)
    assert "the image is the same, byte for byte" in text
    assert f"the board changed, too: chip {'a1'.rjust(24, '0')} → chip" in text


def test_equal_boards_have_equal_numbers_and_the_report_says_so(
    real: Sequence[Record], store: Store
) -> None:
    store.add(*real)
    (spread,) = [s for s in all_spreads(store) if s.metric == "instructions_median"]
    assert (len(spread.boards), spread.relative, spread.kind) == (2, 0, "exact")
    assert spread.minimum == spread.maximum == real[0].numbers["instructions_median"].value
    page = render(summarize(store))
    assert "Boards of one kind" in page
    assert ">none<" in page


# Comparison, gate, engines


@pytest.mark.parametrize(
    ("old", "new", "another"),
    [
        (ONE, OTHER, True),
        (ONE, ONE, False),
        (ONE, structs.replace(ONE, place="shelf-9"), False),  # the same board, elsewhere
        (structs.replace(ONE, chip_id=""), structs.replace(OTHER, chip_id=""), True),
        (ONE, structs.replace(OTHER, chip_id=""), True),  # by their places
        (ONE, NO_BOARD, False),
        (None, OTHER, False),  # older Records do not tell
        (None, None, False),
    ],
)
def test_another_board_is_only_one_that_is_known_to_be_another(
    old: DeviceInfo | None, new: DeviceInfo | None, another: bool
) -> None:
    before, after = silicon(0, old), silicon(1, new)
    assert bool(board_note(before, after)) is another
    assert ("the board changed, too" in shown(before, after)) is another


def test_the_gate_says_that_the_board_changed(tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    accept([silicon(0, ONE)], "the first one", folder)
    worse = structs.replace(
        silicon(1, OTHER),
        numbers=silicon(1, OTHER).numbers | {"flash": Number(1e6, "byte", "exact")},
    )
    judgement = Gate(folder, Workspace(tmp_path)).judge(worse)
    assert f"  why: the board changed, too: {ONE} → {OTHER}" in failure_text(judgement, folder)
    passed = Gate(folder, Workspace(tmp_path)).judge(silicon(1, OTHER))
    assert f"  the board changed, too: {ONE} → {OTHER}" in gate_summary([passed], folder)


def test_engines_side_by_side_on_two_boards_are_told(real: Sequence[Record]) -> None:
    one, other = real
    tflm = structs.replace(other, image=structs.replace(other.image, engine="tflm"))
    (group,) = side_by_side([one, tflm], ["cmsis-nn", "tflm"])
    assert f"tflm: the board changed, too: {one.device} → {other.device}" in notes_of(group)


def test_runs_of_the_same_board_are_paired() -> None:
    old = [silicon(0, ONE), silicon(1, OTHER)]
    for device, expected in ((ONE, 0), (OTHER, 1), (DeviceInfo("shelf-3"), 1), (None, 1)):
        ((before, _),) = pair(old, [silicon(2, device)]).both
        assert before == old[expected]


def test_the_probe_is_not_the_board() -> None:
    old = silicon(0, ONE)
    probe = structs.replace(old, target=structs.replace(old.target, version="probe 2"))
    (fact,) = differences(old, probe)
    assert fact.name == "emulator or probe"


# Change points and trends


def note(devices: Sequence[DeviceInfo], values: Sequence[float]) -> str:
    """Return the note on the last change of a series."""
    measured = any(value != int(value) for value in values)
    changes = sampled_changes(values) if measured else exact_changes(values)
    return change_note(devices, values, changes, changes[-1])


def test_a_change_tells_whether_the_boards_changed() -> None:
    values = [(100 if day < 10 else 105) + day % 3 / 10 for day in range(20)]
    moved = [ONE] * 10 + [OTHER] * 10
    assert note(moved, values) == f"the board changed, too: {ONE} → {OTHER}"
    for devices in ([ONE] * 20, [NO_BOARD] * 10 + [OTHER] * 10, [NO_BOARD] * 20):
        assert note(devices, values) == ""


def test_boards_on_both_sides_of_a_change_tell_where_it_comes_from() -> None:
    values = [(100 if day < 10 else 105) + day % 3 / 10 for day in range(20)]
    mixed = [ONE, OTHER] * 10
    assert note(mixed, values) == f"not the boards: +5 % on the same board ({ONE}; {OTHER})"
    back = [ONE] * 10 + [OTHER] * 9 + [ONE]
    values[-1] = 100.1
    assert note(back, values) == f"the boards, not the code: +0 % on the same board ({ONE})"


def test_only_the_runs_since_the_change_before_count() -> None:
    assert note([OTHER, ONE, OTHER], [1, 2, 3]).startswith("the board changed")
    many = [DeviceInfo(f"shelf-{n}") for n in range(9)]
    assert "shelf-2; 2 more → shelf-5" in note(many, [1] * 5 + [2] * 4)


def test_a_trend_and_the_report_tell_a_change_of_board(store: Store) -> None:
    store.add(*(silicon(day, ONE) for day in range(12)))
    store.add(*(silicon(day, OTHER, 1.05) for day in range(12, 19)))
    (trend,) = trends(store, "cycles")
    (change,) = trend.changes
    assert f"the board changed, too: {ONE} → {OTHER}" in cause(store, trend, change)
    summary = summarize(store)
    assert "the board changed, too" in render(summary)
    assert f"the board changed, too: {ONE} → {OTHER}" in markdown(summary).replace("\\", "")


# The spread


def spread_store(store: Store) -> None:
    for day, (device, factor) in enumerate(
        [(ONE, 1.0), (OTHER, 1.02), (DeviceInfo("shelf-3"), 1.01), (ONE, 1.0), (OTHER, 1.02)]
    ):
        store.add(silicon(day, device, factor, image="f" * 32))


def test_the_spread_is_over_boards_and_not_over_runs(store: Store) -> None:
    spread_store(store)
    store.add(silicon(9, None, 9, image="f" * 32))  # on a board that is not known
    by_metric = {spread.metric: spread for spread in all_spreads(store)}
    assert list(by_metric) == ["cycles_median", "latency_median"]
    cycles = by_metric["cycles_median"]
    assert [(b.device.place, b.runs) for b in cycles.boards] == [
        ("shelf-1", 2),
        ("shelf-3", 1),
        ("shelf-2", 2),
    ]
    assert cycles.minimum < cycles.median < cycles.maximum
    assert cycles.relative == pytest.approx(0.02, rel=0.05)
    assert cycles.unit == "1"


def test_another_image_or_a_single_board_has_no_spread(store: Store) -> None:
    store.add(silicon(0, ONE), silicon(1, OTHER, 1.02))  # two images
    assert all_spreads(store) == []
    store.add(silicon(2, OTHER), replace_failed(silicon(3, ONE)))
    assert all_spreads(store) == []
    assert "Boards of one kind" not in render(summarize(store))
    assert "Boards of one kind" not in markdown(summarize(store))


def replace_failed(record: Record) -> Record:
    return structs.replace(record, verdict="failed", reasons=["wrong"])


def test_the_report_names_the_boards_that_are_furthest_apart(store: Store) -> None:
    spread_store(store)
    page, text = render(summarize(store)), markdown(summarize(store))
    section = page.split("Boards of one kind")[1].split("</section>")[0]
    assert str(ONE) in section
    assert str(OTHER) in section
    assert "shelf-3" not in section
    assert "**Boards of one kind**" in text
    assert "shelf-1, chip 0" in text


def test_the_spread_is_data_for_other_tools(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spread_store(store)
    spreads = all_spreads(store)
    write_spreads(spreads, tmp_path / "all.csv")
    rows = list(csv.DictReader((tmp_path / "all.csv").open()))
    assert [row["metric"] for row in rows] == ["cycles_median", "latency_median"]
    assert (rows[0]["boards"], rows[0]["runs"], rows[0]["kind"]) == ("3", "5", "measured")
    assert float(rows[0]["max"]) == spreads[0].maximum
    write_spreads([replace(spreads[0], boards=spreads[0].boards[:2])], tmp_path / "all.json")
    (row,) = json.loads((tmp_path / "all.json").read_bytes())
    assert [board["place"] for board in row["by_board"]] == ["shelf-1", "shelf-3"]
    assert row["min"] == row["by_board"][0]["value"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports" / "runs").mkdir(parents=True)
    for entry in store.find():
        write_record(store.record(entry.id), tmp_path / "reports" / "runs")
    assert main.main(["export", "--boards=spread.json"]) == 0
    assert "2 spreads between boards of one kind" in capsys.readouterr().out
    assert json.loads(Path("spread.json").read_bytes())[0]["boards"] == 3
    assert main.main(["export", "--boards=spread.txt"]) == 2
    assert "neither a .json nor a .csv file" in capsys.readouterr().err
