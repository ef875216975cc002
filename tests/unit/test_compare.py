"""Comparing two runs: each kind of number by its own rule, and why they differ."""

import io
import random
import re
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from rich.console import Console

from harness.errors import InputError
from harness.image.memory_record import MemoryUse, SymbolUse
from harness.measure.number import Number
from harness.measure.profiled_layer import LayerProfile
from harness.report.comparison_text import explain, print_comparison
from harness.results.judge.change_points import MIN_HISTORY
from harness.results.judge.compare import Delta, Sample, compare
from harness.results.judge.find_runs import find_runs
from harness.results.judge.matching import pair
from harness.results.judge.metrics import METRICS, known_names, metric_of
from harness.results.judge.run_context import differences
from harness.results.record import Conversion, Record
from harness.results.record_file import write_record
from harness.workspace import Workspace
from tests.support.year import FIRST, SILICON, made_up

EMULATOR = "virtual-stm32"
HOSTILE = ["[bold red]x[/]", "a\nb\x1b[31m", "\u202eevil", "<script>", "x" * 5000]


def run(seed: int = 0, target: str = EMULATOR, model: str = "faces", day: int = 0) -> Record:
    return made_up(random.Random(seed), FIRST + timedelta(days=day), target, model)


def with_numbers(record: Record, **numbers: Number) -> Record:
    return structs.replace(record, numbers=record.numbers | numbers)


def with_value(record: Record, name: str, value: float) -> Record:
    return with_numbers(record, **{name: structs.replace(record.numbers[name], value=value)})


def with_part(record: Record, part: str, **changed: Any) -> Record:
    return structs.replace(record, **{part: structs.replace(getattr(record, part), **changed)})


def delta(old: Record, new: Record, name: str, samples: Sequence[Sample] = ()) -> Delta:
    comparison = compare(old, new, lambda asked: samples if asked == name else ())
    (found,) = [each for each in comparison.deltas if each.name == name]
    return found


def shown(old: Record, new: Record) -> str:
    console = Console(width=80, file=io.StringIO(), record=True)
    print_comparison(compare(old, new), console)
    return console.export_text()


# Exact numbers


@pytest.mark.parametrize(
    ("name", "value", "judged"),
    [
        ("flash", 18_209, "worse"),
        ("flash", 18_207, "better"),
        ("ram", 14_745, "worse"),
        ("accuracy", 0.984, "worse"),
        ("accuracy", 0.986, "better"),
        ("instructions_median", 1, "better"),
        ("bytes_differing", 1, "worse"),
        ("accuracy_target", 0.5, "changed"),
        ("vectors", 7, "changed"),
    ],
)
def test_an_exact_number_is_judged_by_the_last_bit(name: str, value: float, judged: str) -> None:
    old = run()
    found = delta(old, with_value(old, name, value), name)
    assert found.judged == judged
    assert found.difference == value - old.numbers[name].value


@pytest.mark.parametrize("target", [EMULATOR, SILICON])
def test_a_run_is_the_same_as_itself(target: str) -> None:
    record = run(target=target)
    comparison = compare(record, record)
    assert {each.judged for each in comparison.deltas} == {"same"}
    assert comparison.facts == []
    assert comparison.provenance == "the image is the same, byte for byte"


@settings(max_examples=40)
@given(
    st.sampled_from(["flash", "accuracy", "arena", "instructions_max"]),
    st.integers(0, 10),
    st.integers(0, 10),
)
def test_what_is_better_one_way_is_worse_the_other(name: str, old: int, new: int) -> None:
    record = run()
    before, after = (with_value(record, name, value / 10) for value in (old, new))
    there, back = delta(before, after, name), delta(after, before, name)
    opposite = {"same": "same", "better": "worse", "worse": "better"}
    assert back.judged == opposite[there.judged]
    assert back.difference == -there.difference


@pytest.mark.parametrize("name", ["wall", "flash_left", "instructions_spread"])
def test_the_host_and_what_follows_from_other_numbers_are_not_compared(name: str) -> None:
    old, new = (with_numbers(run(), **{name: Number(each, "1", "exact")}) for each in (1, 2))
    assert name not in {each.name for each in compare(old, new).deltas}


def test_every_metric_that_is_known_has_its_own_unit() -> None:
    for record in (run(), run(target=SILICON)):
        for name, number in record.numbers.items():
            assert metric_of(name).unit in {number.unit, ""}, name
    assert metric_of("something_new").better == ""
    assert {"flash", "cycles_median", "energy_median", "accuracy"} <= known_names()
    assert len({metric.pattern for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize(
    ("engine", "changed", "hinted"),
    [
        ("elf", ("instructions_max",), True),
        ("elf", ("instructions_max", "instructions_min"), False),
        ("elf", ("flash",), False),
        ("cmsis-nn", ("instructions_max",), False),
    ],
)
def test_a_minimum_that_stays_speaks_for_interrupts(
    engine: str, changed: Sequence[str], hinted: bool
) -> None:
    old = new = with_part(run(), "image", engine=engine)
    for name in changed:
        new = with_value(new, name, old.numbers[name].value + 40)
    assert ("interrupts during inferences" in " ".join(explain(compare(old, new)))) == hinted


def test_the_times_of_both_runs_are_in_utc_as_in_the_list_of_runs() -> None:
    abroad = structs.replace(run(day=1), started="2026-01-03T00:30:00+09:00")
    assert "2026-01-02 15:30" in shown(run(), abroad)


def test_the_facts_are_words_and_not_objects_of_python() -> None:
    before = structs.replace(run(), conversion=Conversion(25_000_000, 5))
    after = structs.replace(run(), conversion=Conversion(168_000_000, 3))
    assert [str(fact) for fact in differences(before, after)] == [
        "conversion: 32 ns per instruction, counter at 25,000,000 Hz → "
        "8 ns per instruction, counter at 168,000,000 Hz"
    ]
    assert str(differences(run(), after)[0]).startswith("conversion: none → 8 ns")


# What is not to be compared


@pytest.mark.parametrize(
    ("name", "other", "why"),
    [
        (
            "flash",
            Number(18_208, "byte", "estimated", "guess"),
            "one is exact, the other estimated",
        ),
        ("flash", Number(18, "KiB", "exact"), "one is in byte, the other in KiB"),
        (
            "energy",
            Number(1e-3, "J", "estimated", "another"),
            "estimated with made up and with another",
        ),
    ],
)
def test_other_kinds_units_and_models_are_refused(name: str, other: Number, why: str) -> None:
    old = run()
    found = delta(old, with_numbers(old, **{name: other}), name)
    assert (found.judged, found.why) == ("not comparable", why)


def test_other_vectors_are_another_question_but_the_same_flash() -> None:
    old = run()
    new = with_part(with_value(old, "flash", 20_000), "model", vectors="0" * 64)
    for name in ("accuracy", "instructions_median", "bytes_differing"):
        assert delta(old, new, name).judged == "not comparable"
        assert delta(old, new, name).why == "different vectors"
    assert delta(old, new, "flash").judged == "worse"


def test_another_model_is_told_and_compared() -> None:
    old = run()
    new = with_part(with_value(old, "accuracy", 0.9), "model", digest="0" * 64)
    assert delta(old, new, "accuracy").judged == "worse"
    (fact,) = differences(old, new)
    assert fact.name == "model"
    assert fact.new == f"faces {'0' * 12}"


def test_instructions_are_never_compared_with_cycles() -> None:
    comparison = compare(run(target=EMULATOR), run(target=SILICON))
    ticks = [each for each in comparison.deltas if each.name.startswith(("cycles", "instr"))]
    assert {each.judged for each in ticks} == {"not comparable"}
    assert {each.why for each in ticks} == {"not in the old run", "not in the new run"}


def test_latency_of_another_clock_is_refused() -> None:
    cycles = run(target=SILICON)
    value = cycles.numbers["cycles_median"].value
    slow, fast = (
        with_numbers(cycles, latency_median=Number(value / hz, "s", "measured"))
        for hz in (16e6, 180e6)
    )
    assert delta(slow, fast, "latency_median").why == "different clock"
    assert [fact.new for fact in differences(slow, fast)] == ["180 MHz"]


def test_an_estimate_by_the_same_model_is_compared_and_said_to_be_one() -> None:
    old = run()
    new = with_value(old, "energy", 1.0)
    assert delta(old, new, "energy").kind == "estimated"
    assert "~1" in shown(old, new)


# Measured numbers


def samples(values: Sequence[float]) -> list[Sample]:
    return [(f"night-{number}", value) for number, value in enumerate(values)]


def silicon(name: str, value: float) -> Record:
    return with_value(structs.replace(run(target=SILICON), id=name), "cycles_median", value)


def judged(values: Sequence[float], old: int, new: int) -> Delta:
    before, after = (silicon(f"night-{night}", values[night]) for night in (old, new))
    return delta(before, after, "cycles_median", samples(values))


NOISE = [0, 3, -2, 1, -1, 2, 0, -3, 1, 2]
STEP = [1000 + each for each in NOISE] + [1100 + each for each in NOISE]


def test_without_history_a_difference_is_told_and_not_judged() -> None:
    found = delta(silicon("a", 1000), silicon("b", 2000), "cycles_median")
    assert found.judged == "unclear"
    assert found.why == f"too little history: 1 of {MIN_HISTORY} runs"
    assert found.difference == 1000


def test_ten_runs_are_a_history_and_nine_are_not() -> None:
    old, new = silicon("night-0", 1000), silicon("new", 2000)
    found = delta(old, new, "cycles_median", samples([1000] * 8))
    assert (found.judged, found.why) == ("unclear", "too little history: 9 of 10 runs")
    found = delta(old, new, "cycles_median", samples([1000] * 9))
    assert (found.judged, found.why) == ("same", "levels in 10 runs")


def test_a_run_that_is_in_its_history_counts_once() -> None:
    history = samples([1000] * 9)
    found = delta(silicon("old", 1000), silicon("night-8", 2000), "cycles_median", history)
    assert found.judged == "unclear"


def test_levels_are_compared_and_not_single_nights() -> None:
    assert judged(STEP, 1, 12).judged == "worse"
    assert judged(STEP, 12, 1).judged == "better"
    assert judged(STEP, 1, 2).judged == "same"  # 1003 and 998
    assert judged(STEP, 11, 12).judged == "same"
    found = judged(STEP, 1, 12)
    assert (found.old, found.new) == (
        Number(1000.5, "1", "measured"),
        Number(1100.5, "1", "measured"),
    )
    assert found.why == "levels in 20 runs"


def test_a_night_that_stands_out_is_no_level() -> None:
    values = [1000 + each for each in NOISE * 2]
    values[-1] = 2000
    assert judged(values, 0, 19).judged == "same"


def test_a_baseline_that_history_lacks_stands_for_itself() -> None:
    history = samples([1000 + each for each in NOISE])
    new = silicon("night-9", 1002)
    assert delta(silicon("old", 999), new, "cycles_median", history).judged == "same"
    assert delta(silicon("old", 1005), new, "cycles_median", history).judged == "same"  # < 1 %
    assert delta(silicon("old", 900), new, "cycles_median", history).judged == "worse"


def test_a_baseline_at_the_edge_of_a_level_is_of_it() -> None:
    history = samples([900, 1100, 950, 1050, 1000] * 3)
    new = silicon("night-4", 1000)

    def against(value: float) -> str:
        return delta(silicon("old", value), new, "cycles_median", history).judged

    assert [against(value) for value in (899, 900, 1100, 1101)] == [
        "worse",
        "same",
        "same",
        "better",
    ]


def test_one_percent_is_a_difference_and_less_is_none() -> None:
    history = samples([1010] * 10)
    new = silicon("night-9", 1010)
    assert delta(silicon("old", 1000), new, "cycles_median", history).judged == "worse"
    assert delta(silicon("old", 1001), new, "cycles_median", history).judged == "same"


# Which runs belong together


def test_runs_are_paired_by_combination_and_the_newest_counts() -> None:
    old = [run(1, model="faces"), run(2, model="digits"), run(3, model="vowels")]
    new = [run(4, model="faces", day=1), run(5, model="faces", day=2), run(6, model="digits")]
    pairs = pair(old, new)
    assert [(a.id, b.id) for a, b in pairs.both] == [(old[1].id, new[2].id), (old[0].id, new[1].id)]
    assert pairs.only_old == [old[2]]
    assert pairs.only_new == []


def test_what_differs_in_its_flag_only_is_paired_and_the_flag_is_why() -> None:
    old = [run(1), run(2, model="digits")]
    new = [with_part(record, "image", optimize="-Os") for record in old]
    both, only_old, only_new = pair(old, new)
    assert (len(both), only_old, only_new) == (2, [], [])
    assert [str(fact) for fact in differences(*both[0])] == ["flags: -O2 → -Os"]
    several = [*new, *(with_part(record, "image", optimize="-O3") for record in old)]
    assert pair(old, several).both == []  # which is meant?


def test_two_single_runs_belong_together() -> None:
    assert len(pair([run(1)], [run(2, target=SILICON, model="digits")]).both) == 1
    assert pair([run(1)], []) == ([], [run(1)], [])


# What is told


def test_the_table_fits_80_columns_and_is_silent_about_what_is_the_same() -> None:
    old = run()
    new = with_value(with_value(old, "flash", 123_456_789), "arena", 1)
    text = shown(old, new)
    assert max(map(len, text.splitlines())) <= 80
    assert " stack " not in text
    assert "the same: " in text
    assert "worse" in text
    heading, *runs, provenance, equal = shown(old, old).splitlines()
    assert heading == "virtual-stm32, faces (cmsis-nn, gcc -O2)"
    assert [line.strip()[:5] for line in runs[::2]] == ["old: ", "new: "]
    assert provenance == "the image is the same, byte for byte"
    assert equal.startswith("the same: ")


def test_the_heading_names_both_runs() -> None:
    old, new = run(1), run(2, day=40)
    told = " ".join(shown(old, new).split())
    for which, record, day in (("old", old, "2026-01-01"), ("new", new, "2026-02-10")):
        assert record.commit is not None
        commit = f"commit {record.commit.hash[:10]}, branch main"
        assert f"{which}: {record.id}, {day} 02:00, {commit}" in told


def test_statistics_are_one_line_and_small_changes_come_last() -> None:
    old = run()
    ticks = {name: old.numbers[f"instructions_{name}"].value for name in ("median", "min", "max")}
    new = old
    for name, value in ticks.items():
        new = with_value(new, f"instructions_{name}", value * 1.02)
    new = with_value(new, "flash", old.numbers["flash"].value + 1)
    lines = shown(old, new).splitlines()
    (row,) = [number for number, line in enumerate(lines) if "instructions_" in line]
    assert lines[row].split()[:2] == ["worse", "instructions_median"]
    assert lines[row + 1].strip() == "min, max: +2.0 %"
    small = "small: flash 18,208 → 18,209, +1 (+0.0055 %), worse"
    assert small in lines
    assert lines.index(small) > row


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_shown_as_they_are_and_not_obeyed(text: str) -> None:
    old = with_part(run(), "model", name=text)
    new = with_part(with_value(old, "flash", 1), "image", compiler=text)
    told = shown(old, with_numbers(new, **{f"n{text[:9]}": Number(1, "1", "exact")}))
    assert max(map(len, told.splitlines())) <= 80
    assert "\x1b" not in told


def profiled(*ticks: int, operator: str = "CONV_2D") -> Record:
    layers = [
        LayerProfile(index, operator, f"layer{index}", [1], 1000, count)
        for index, count in enumerate(ticks)
    ]
    return structs.replace(run(), layers=layers)


def test_layers_that_take_longer_are_named_the_largest_first() -> None:
    old, new = profiled(100, 200, 300, 1, 2, 3), profiled(100, 210, 900, 2, 3, 4)
    told = list(explain(compare(old, new)))
    assert told[1:] == [
        "layers: layer 2 (CONV_2D) 300 → 900 (+600)",
        "layers: layer 1 (CONV_2D) 200 → 210 (+10)",
        "layers: layer 3 (CONV_2D) 1 → 2 (+1)",
        "layers: 2 smaller changes (+2)",
    ]
    assert list(explain(compare(old, old)))[1:] == []
    assert len(list(explain(compare(old, run())))) == 1  # was not profiled
    other = with_part(profiled(7, operator="MEAN"), "model", digest="0" * 64)
    assert not [line for line in explain(compare(old, other)) if line.startswith("layers")]


def test_of_one_network_engines_may_have_other_layers() -> None:
    old, new = profiled(100, 200), profiled(100, 200, 30)
    assert list(explain(compare(old, new)))[1:] == ["layers: layer 2 (CONV_2D) 0 → 30 (+30)"]


def with_symbols(**sizes: int) -> Record:
    symbols = [SymbolUse("engine", f"nn/{name}.c", name, size, 0) for name, size in sizes.items()]
    return structs.replace(run(), memory=MemoryUse({}, {}, symbols))


def test_symbols_that_grew_are_named() -> None:
    old, new = with_symbols(kernel=400, gone=64), with_symbols(kernel=416, table=4096)
    assert list(explain(compare(old, new)))[1:] == [
        "flash: table (table.c) 0 → 4,096 (+4,096)",
        "flash: gone (gone.c) 64 → 0 (-64)",
        "flash: kernel (kernel.c) 400 → 416 (+16)",
    ]
    assert len(list(explain(compare(old, run())))) == 1


# Finding them


def workspace(root: Path, *records: Record) -> Workspace:
    found = Workspace(root)
    for record in records:
        write_record(record, found.runs)
    return found


def test_runs_are_found_by_what_people_call_them(tmp_path: Path) -> None:
    first, second = run(1), run(2, day=1)
    place = workspace(tmp_path, first, second)
    file = str(place.runs / f"{first.id}.json")

    def ids(name: str) -> list[str]:
        return [record.id for record in find_runs(name, "", place)]

    assert ids(file) == ids(first.id) == [first.id]
    assert first.commit is not None
    assert ids(first.commit.hash[:8]) == [first.id]
    assert ids("last") == ids("main") == [second.id]
    assert ids(str(place.runs)) == [first.id, second.id]


def git(root: Path, *command: str) -> str:
    author = ["-c", "user.name=N", "-c", "user.email=n@example.com"]
    return subprocess.check_output(["git", "-C", str(root), *author, *command], text=True).strip()


def test_a_revision_of_git_names_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=trunk")
    commits = []
    for number in range(3):
        git(tmp_path, "commit", "--quiet", "--allow-empty", f"--message={number}")
        commits.append(git(tmp_path, "rev-parse", "HEAD"))
    git(tmp_path, "tag", "--annotate", "v1", "--message=v1", commits[0])
    first, second = (
        with_part(run(number, day=number), "commit", hash=commits[number]) for number in (0, 1)
    )
    place = workspace(tmp_path, first, second)
    for name in ("v1", "HEAD~2", "trunk^^"):
        assert [record.id for record in find_runs(name, "", place)] == [first.id], name
    assert [record.id for record in find_runs("HEAD~1", "", place)] == [second.id]
    with pytest.raises(InputError, match=f"no run has the commit {commits[2][:10]}") as caught:
        find_runs("HEAD", "", place)
    assert caught.value.remedy == f"the nearest commit before it with a run is {commits[1][:10]}"
    for wrong in ("--all", "HEAD~9", "v1:", "\0"):
        with pytest.raises(InputError, match="not a file, run, branch or commit"):
            find_runs(wrong, "", place)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mian", "did you mean main?"),
        ("0000000", "not a file, run, branch or commit"),
        ("empty", "contains no record and no baseline"),
        ("foreign.json", "is neither a record nor a baseline"),
        ("list.json", "is neither a record nor a baseline"),
        ("\x1b[31m", "not a file, run, branch or commit"),
    ],
)
def test_what_is_no_run_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign.json").write_text("no")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(InputError, match=re.escape(text)):
        find_runs(name, "", workspace(tmp_path, run(1)))


def test_a_commit_that_is_cut_too_short_is_refused(tmp_path: Path) -> None:
    hashes = ("abcd" + "0" * 36, "abcd" + "1" * 36)
    place = workspace(
        tmp_path,
        *(with_part(run(seed), "commit", hash=digest) for seed, digest in enumerate(hashes)),
    )
    with pytest.raises(InputError, match="2 commits begin with"):
        find_runs("abcd", "", place)


def test_where_nothing_ran_there_is_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no runs yet"):
        find_runs("last", "", Workspace(tmp_path))
