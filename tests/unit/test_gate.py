"""The gate: baselines that a person accepted, budgets, and what fails."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from harness.cli import main
from harness.cli.judge_commands import judgements_of, print_judgements
from harness.errors import ExitCode, InputError
from harness.measure.number import Number
from harness.report.gate_text import failure_text, gate_summary
from harness.results.judge.baseline import BUDGETS, accept, file_name, read_baseline, read_baselines
from harness.results.judge.gate import Gate, Judgement
from harness.results.record import Record
from harness.results.record_file import write_record
from harness.workspace import Workspace
from tests.unit.test_compare import HOSTILE, run, silicon, with_numbers, with_part, with_value

BECAUSE = "the first one"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "reports" / "baselines"


def judge(folder: Path, record: Record) -> Judgement:
    return Gate(folder, Workspace(folder.parents[1])).judge(record)


def budgets(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BUDGETS).write_text(text)


def message(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        action()
    return str(caught.value)


# Baselines


def test_what_is_accepted_is_kept_with_the_reason(folder: Path) -> None:
    record = run()
    (path,) = accept([record], f"  {BECAUSE}\n", folder)
    baseline = read_baseline(path)
    assert (baseline.because, baseline.record) == (BECAUSE, record)
    assert len(baseline.accepted) == len("2026-01-01")
    assert path.name == "virtual-stm32+faces+cmsis-nn+gcc+-O2.json"
    assert read_baselines(folder) == [baseline]
    accept([with_value(record, "flash", 1)], "smaller", folder)
    (again,) = read_baselines(folder)
    assert again.record.numbers["flash"].value == 1


def test_a_number_that_changed_is_a_line_to_review(folder: Path) -> None:
    record = run()
    (path,) = accept([record], BECAUSE, folder)
    before = path.read_text().splitlines()
    accept([with_value(record, "flash", 1)], BECAUSE, folder)
    after = path.read_text().splitlines()
    (line,) = [new for old, new in zip(before, after, strict=True) if old != new]
    assert line.strip() == '"flash": {"value": 1, "unit": "byte", "kind": "exact"},'
    assert len(before) < 95
    assert json.loads(path.read_text())["record"]["id"] == record.id


@pytest.mark.parametrize("because", ["", " \n"])
def test_a_baseline_needs_a_reason(folder: Path, because: str) -> None:
    assert "a baseline needs a reason" in message(lambda: accept([run()], because, folder))


def test_a_run_that_failed_is_no_baseline_and_none_beside_it(folder: Path) -> None:
    failed = structs.replace(run(1), verdict="failed", reasons=["2 bytes differ"])
    text = message(lambda: accept([run(2, model="digits"), failed], BECAUSE, folder))
    assert "the run failed: 2 bytes differ" in text
    assert failed.id in text
    assert not folder.exists()


def test_two_baselines_of_one_combination_are_refused(folder: Path) -> None:
    (path,) = accept([run()], BECAUSE, folder)
    (folder / "copy.json").write_bytes(path.read_bytes())
    assert "is a second baseline of virtual-stm32, faces (cmsis-nn, gcc -O2), beside " in message(
        lambda: read_baselines(folder)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a baseline: "),
        ("[]", "is not a baseline: "),
        ('{"because": "x", "accepted": "y"}', "missing required field `record`"),
        ('{"because": "x", "accepted": "y", "record": {"schema": 9}}', "has schema version 9"),
        ('{"because": "x", "accepted": "y", "record": {"schema": 1}}', "is not a record"),
    ],
)
def test_a_file_that_is_no_baseline_is_explained(folder: Path, text: str, said: str) -> None:
    folder.mkdir(parents=True)
    (folder / "some.json").write_text(text)
    told = message(lambda: read_baselines(folder))
    assert told.startswith(f"{folder / 'some.json'}: ")
    assert said in told


@pytest.mark.parametrize("name", ["../../etc/x", "a+b", "a b", "\u202eevil", "%2f", "."])
def test_hostile_names_stay_in_the_folder_and_apart(folder: Path, name: str) -> None:
    record = with_part(run(), "model", name=name)
    (path,) = accept([record], BECAUSE, folder)
    assert path.resolve().parent == folder.resolve()
    other = with_part(with_part(run(), "model", name="b"), "target", name="virtual-stm32+a")
    assert file_name(other) != file_name(record)
    assert read_baselines(folder)[0].record.model.name == name


# What fails


def test_a_run_like_its_baseline_passes_and_is_counted(folder: Path) -> None:
    accept([run()], BECAUSE, folder)
    judgement = judge(folder, run())
    assert not judgement.fails
    assert list(gate_summary([judgement], folder)) == [f"baselines in {folder}: 1 passed"]


def test_a_byte_more_fails_and_says_how_to_accept_it(folder: Path) -> None:
    old = run()
    accept([old], BECAUSE, folder)
    new = with_part(with_value(old, "flash", 18_209), "image", compiler="gcc 14", build_id="0" * 32)
    judgement = judge(folder, new)
    assert judgement.fails
    text = failure_text(judgement, folder)
    assert "virtual-stm32, faces (cmsis-nn, gcc -O2): worse than its baseline of " in text
    assert "flash 18,208 → 18,209, +1 (+0.0055 %)" in text
    assert "why: compiler: gcc, arm-none-eabi-gcc 12.2.1 → gcc, gcc 14" in text
    assert f"harness baseline accept {new.id} --baseline={folder} --because" in text
    assert "--baseline" not in failure_text(judgement, Path("reports/baselines"))


def test_what_got_better_is_told_and_fails_nothing(folder: Path) -> None:
    old = run()
    accept([old], BECAUSE, folder)
    judgement = judge(folder, with_value(old, "flash", 18_000))
    assert not judgement.fails
    told = "\n".join(gate_summary([judgement], folder))
    assert "better: flash 18,208 → 18,000, -208 (-1.1 %)" in told
    assert f"to tighten the baselines: harness baseline accept {old.id}" in told
    other = with_part(with_value(old, "flash", 18_000), "image", optimize="-Os")
    several = [judgement, judge(folder, other)]
    told = "\n".join(gate_summary(several, Path("b")))
    assert told.endswith(
        f'accept \\\n    {old.id} \\\n    {old.id} \\\n    --baseline=b --because "…"\n'
        "baselines in b: 2 passed"
    )


def test_another_model_fails_though_it_is_no_worse_unless_budgets_say_otherwise(
    folder: Path,
) -> None:
    accept([run()], BECAUSE, folder)
    judgement = judge(folder, with_part(run(), "model", digest="0" * 64))
    assert judgement.fails
    text = failure_text(judgement, folder)
    assert "another model than its baseline of " in text
    assert "why: model: faces " in text
    budgets(folder, 'new = "report"')
    judgement = judge(folder, judgement.record)
    assert not judgement.fails
    told = list(gate_summary([judgement], folder))
    assert told[1].startswith("  different model: faces ")
    worse = judge(folder, with_value(judgement.record, "accuracy", 0.9))
    assert "why: model: faces " in failure_text(worse, folder)


def test_other_vectors_cannot_be_judged_and_fail(folder: Path) -> None:
    accept([run()], BECAUSE, folder)
    judgement = judge(folder, with_part(run(), "model", vectors="0" * 64))
    assert judgement.fails
    assert "accuracy: not comparable, different vectors" in failure_text(judgement, folder)


def test_a_number_that_is_gone_cannot_be_judged_and_fails(folder: Path) -> None:
    metered = with_numbers(run(), energy_median=Number(1e-3, "J", "measured"))
    accept([metered], BECAUSE, folder)
    assert "energy_median: not comparable, not in the new run" in failure_text(
        judge(folder, run()), folder
    )
    accept([run()], BECAUSE, folder)
    assert not judge(folder, metered).fails  # it is a number more


def test_estimates_fail_nothing(folder: Path) -> None:
    old = run()
    accept([old], BECAUSE, folder)
    judgement = judge(folder, with_value(old, "energy", 5.0))
    assert not judgement.fails
    without = {name: number for name, number in old.numbers.items() if name != "energy"}
    assert not judge(folder, structs.replace(old, numbers=without)).fails


def test_a_combination_without_baseline_fails_unless_budgets_say_otherwise(folder: Path) -> None:
    record = run()
    judgement = judge(folder, record)
    assert judgement.fails
    assert f"there is no baseline in {folder}" in failure_text(judgement, folder)
    budgets(folder, 'new = "report"')
    judgement = judge(folder, record)
    assert not judgement.fails
    told = list(gate_summary([judgement], folder))
    assert f"  to make it the baseline: harness baseline accept {record.id}" in told[1]
    assert told[-1] == f"baselines in {folder}: 1 without a baseline"


def test_another_flag_is_compared_and_another_toolchain_is_not(folder: Path) -> None:
    old = run()
    accept([old], BECAUSE, folder)
    slow = with_part(with_value(old, "instructions_median", 9e6), "image", optimize="-O0")
    assert "why: flags: -O2 → -O0" in failure_text(judge(folder, slow), folder)
    clang = with_part(old, "image", toolchain="clang")
    assert "there is no baseline" in failure_text(judge(folder, clang), folder)


def test_of_two_baselines_with_other_flags_neither_is_taken(folder: Path) -> None:
    accept([with_part(run(), "image", optimize=flag) for flag in ("-Os", "-O3")], BECAUSE, folder)
    assert "there is no baseline" in failure_text(judge(folder, run()), folder)


def test_measured_numbers_need_a_history(folder: Path) -> None:
    accept([silicon("old", 1000)], BECAUSE, folder)
    new = silicon("new", 2000)
    judgement = judge(folder, new)
    assert not judgement.fails
    assert "unclear: cycles_median 1,000 → 2,000" in "\n".join(gate_summary([judgement], folder))
    for night in range(12):
        past = silicon(f"night-{night:02}", 2000 + night)
        write_record(past, folder.parents[1] / "reports" / "runs")
    judgement = judge(folder, new)
    assert [delta.name for delta, _ in judgement.worse] == ["cycles_median"]
    assert "budget 1 %" in failure_text(judgement, folder)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_told_and_not_obeyed(folder: Path, text: str) -> None:
    judgement = judge(folder, structs.replace(with_part(run(), "model", name=text), id="a; b"))
    told = failure_text(judgement, folder)
    assert "\x1b" not in told
    assert len(told.splitlines()) == 2
    assert "accept 'a; b' " in told


# Budgets


def test_the_last_budget_that_matches_counts(folder: Path) -> None:
    old = run()
    accept([old], BECAUSE, folder)
    budgets(
        folder,
        """
        [[budget]]
        metric = "flash"
        worse = "10%"
        [[budget]]
        metric = "fl*"
        model = "fa*"
        worse = "512 byte"
        [[budget]]
        metric = "accuracy"
        target = "virtual-*"
        worse = 0.01
        """,
    )
    assert not judge(folder, with_value(old, "flash", 18_208 + 512)).fails
    assert judge(folder, with_value(old, "flash", 18_208 + 513)).fails
    assert not judge(folder, with_value(old, "accuracy", 0.98)).fails
    assert judge(folder, with_value(old, "accuracy", 0.97)).fails
    digits = run(model="digits")
    accept([digits], BECAUSE, folder)
    flash = digits.numbers["flash"].value
    assert not judge(folder, with_value(digits, "flash", int(flash * 1.1))).fails
    assert judge(folder, with_value(digits, "flash", int(flash * 1.11))).fails


BAD = {
    "unknown key": ("nwe = 'tell'", "unknown key `nwe`\n  -> did you mean new?"),
    "unknown value": ("new = 'repor'", "unknown value 'repor'\n  -> did you mean report?"),
    "no metric": ("[[budget]]\nworse = 1", "the key `metric` is missing"),
    "no worse": ("[[budget]]\nmetric = 'flash'", "the key `worse` is missing"),
    "unknown key of a budget": (
        "[[budget]]\nmetric = 'flash'\nworse = '1%'\nmodle = 'x'",
        "unknown key `modle`\n  -> did you mean model",
    ),
    "unknown metric": (
        "[[budget]]\nmetric = 'flsh'\nworse = '1%'",
        "budget[0].metric: unknown metric 'flsh'\n  -> did you mean flash?",
    ),
    "unknown model": (
        "[[budget]]\nmetric = 'flash'\nmodel = 'facs'\nworse = '1%'",
        "budget[0].model: unknown model 'facs'\n  -> did you mean faces",
    ),
    "unknown target": (
        "[[budget]]\nmetric = 'flash'\ntarget = 'virtual-stm23'\nworse = '1%'",
        "budget[0].target: unknown target 'virtual-stm23'\n  -> did you mean virtual-stm32",
    ),
    "neither better nor worse": (
        "[[budget]]\nmetric = 'vectors'\nworse = 1",
        "'vectors' has no better or worse",
    ),
    "not of the device": ("[[budget]]\nmetric = 'wall'\nworse = '9%'", "has no better or worse"),
    "another unit": (
        "[[budget]]\nmetric = 'flash'\nworse = '1 KiB'",
        "budget[0].worse: flash is in byte, not in KiB",
    ),
    "no unit": (
        "[[budget]]\nmetric = 'flash'\nworse = 100",
        "flash is in byte, not in numbers without a unit",
    ),
    "several units": ("[[budget]]\nmetric = '*'\nworse = '9 byte'", "not in byte"),
    "negative": ("[[budget]]\nmetric = 'accuracy'\nworse = -1", "-1.0 is not a budget"),
    "infinite": ("[[budget]]\nmetric = 'accuracy'\nworse = inf", "inf is not a budget"),
    "no number": ("[[budget]]\nmetric = 'flash'\nworse = 'much'", "'much' is not a budget"),
    "a negative share": ("[[budget]]\nmetric = 'flash'\nworse = '-1%'", "'-1%' is not a budget"),
    "no TOML": ("[[budget", "is not valid TOML"),
    "a table": ("budget = 1", "budget"),
}


@pytest.mark.parametrize("rule", BAD)
def test_a_budget_that_stands_for_nothing_is_refused(folder: Path, rule: str) -> None:
    text, said = BAD[rule]
    budgets(folder, text)
    told = message(lambda: judge(folder, run()))
    assert told.startswith(f"{folder / BUDGETS}")
    assert said in told


# The commands


def test_the_line_that_is_printed_accepts_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder.parents[1]
    monkeypatch.chdir(root)
    record = run()
    write_record(record, root / "reports" / "runs")
    line = failure_text(judge(folder, record), Path("reports/baselines")).split("intended: ")[1]
    program, *arguments = shlex.split(line)
    assert program == "harness"
    assert main.main(arguments) == ExitCode.PASSED
    assert not judge(folder, record).fails
    assert main.main(["baseline", "list"]) == ExitCode.PASSED
    assert "virtual-stm32, faces" in capsys.readouterr().out
    assert main.main(["compare", "reports/baselines", "last"]) == ExitCode.PASSED
    assert "the image is the same" in capsys.readouterr().out
    assert main.main(["baseline", "accept", record.id, "--because", " "]) == ExitCode.USAGE


def test_the_exit_code_tells_a_regression(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accept([run()], BECAUSE, folder)
    gate = Gate(folder, Workspace(folder.parents[1]))
    runs = folder.parents[1] / "reports" / "runs"
    worse = structs.replace(with_value(run(), "flash", 99_999), id="worse")
    judgements = judgements_of(gate, [write_record(each, runs) for each in (run(), worse)])
    assert [judgement.fails for judgement in judgements] == [False, True]
    print_judgements(judgements, gate.folder)
    assert "flash 18,208 → 99,999" in capsys.readouterr().out
    assert ExitCode.REGRESSION not in {
        ExitCode.PASSED,
        ExitCode.FAILED,
        ExitCode.USAGE,
        ExitCode.INFRASTRUCTURE,
    }
