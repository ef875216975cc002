"""The plugin in a user's repository, by pytest's own tester: each test runs pytest in one."""

import re
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.options.selection import DEFAULT_TARGET
from harness.results.record import Record
from harness.results.record_file import read_record
from harness.results.store.store import Store

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
VECTORS = 10
FLAGS = ("-Os", "-O3")
TEST = """\
def test_digits(dut):
    run = dut.run()
    run.check()
    assert run.quality >= 0.9
    assert run.ticks.max() < 9_000_000
"""

FULL = """\
CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'the disk is full'); END
"""

needs_tools = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's repository: a target, a model with few vectors, a test of five lines."""
    root = pytester.path
    (root / "targets").mkdir()
    own_target(root, "mine")
    shutil.copytree(ROOT / "models" / "digits", root / "models" / "digits")
    vectors(root)
    (root / "build").mkdir()
    (ROOT / "build" / "images").mkdir(parents=True, exist_ok=True)
    (root / "build" / "images").symlink_to(ROOT / "build" / "images")  # built once for all
    pytester.makepyfile(test_digits=TEST)
    pytester.makeini("[pytest]\n")
    return pytester


def own_target(root: Path, name: str, machine: str = "netduinoplus2") -> None:
    text = (ROOT / "targets" / "qemu-stm32.toml").read_text()
    assert '"netduinoplus2"' in text
    (root / "targets" / f"{name}.toml").write_text(text.replace("netduinoplus2", machine))


def vectors(root: Path, wrong: int = 0) -> None:
    """Keep a few vectors, of which `wrong` have another label than they should."""
    held = dict(np.load(ROOT / "models" / "digits" / "vectors.npz"))
    few = {name: held[name][:VECTORS] for name in ("inputs", "labels", "golden")}
    few["labels"][:wrong] = (few["labels"][:wrong] + 1) % 10
    np.savez(root / "models" / "digits" / "vectors.npz", **held | few)


def set_quality_target(root: Path, quality_target: float) -> None:
    file = root / "models" / "digits" / "model.toml"
    file.write_text(
        re.sub(r"(?m)^quality_target = .*", f"quality_target = {quality_target}", file.read_text())
    )


def records(pytester: pytest.Pytester) -> list[Record]:
    folder = pytester.path / "reports" / "runs"
    return sorted((read_record(path) for path in folder.glob("*")), key=lambda r: r.target.name)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    # Hypothesis takes a while to load and is not used there.
    return pytester.runpytest_subprocess("-p", "no:hypothesispytest", *arguments, timeout=100)


def said(result: pytest.RunResult) -> str:
    return f"{result.stdout}\n{result.stderr}"


# Runs


@needs_tools
def test_five_lines_give_a_result_a_table_and_a_record(repository: pytest.Pytester) -> None:
    result = run(repository, "--junitxml=result.xml")
    result.assert_outcomes(passed=1)
    (record,) = records(repository)
    assert (record.verdict, record.model.name, record.target.name) == (
        "passed",
        "digits",
        DEFAULT_TARGET,
    )
    assert record.numbers["vectors"].value == VECTORS
    text = str(result.stdout)
    assert re.search(r"=+ runs =+", text)
    assert f"records: {repository.path / 'reports' / 'runs'}" in text
    for shown in (DEFAULT_TARGET, "digits", "cmsis-nn", "exact: "):
        assert shown in text
    (median,) = (n.value for name, n in record.numbers.items() if name == "instructions_median")
    assert f"{median:,.0f}" in text
    tree = ElementTree.parse(repository.path / "result.xml")  # noqa: S314 - pytest wrote it
    (named,) = tree.findall(".//testcase/properties/property[@name='harness_record']")
    assert read_record(Path(named.attrib["value"])) == record
    told = {each.attrib["name"]: each.attrib["value"] for each in tree.iter("property")}
    assert told["flash"] == f"{record.numbers['flash'].value} byte, exact"
    assert told["verdict"] == "passed"


@needs_tools
def test_a_record_that_cannot_be_written_is_named_and_shown(
    repository: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.path / "reports").write_text("a file where the folder should be")
    with tempfile.TemporaryDirectory(prefix="harness-") as temporary:  # a short path, for sockets
        monkeypatch.setenv("TMPDIR", temporary)
        result = run(repository)
        assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
        (path,) = Path(temporary).rglob("*.json")
        text = str(result.stdout)
        assert f"It is in {path}" in text
        assert re.search(r"=+ runs =+", text)
        assert f"{read_record(path).numbers['flash'].value:,}" in text


@needs_tools
def test_a_run_is_shared_and_a_store_that_fails_loses_none(repository: pytest.Pytester) -> None:
    database = repository.path / "team.sqlite"
    store = f"--store=sqlite:///{database}"
    assert run(repository, store).ret == pytest.ExitCode.OK
    [first] = records(repository)
    with Store(f"sqlite:///{database}") as opened:
        assert opened.record(first.id) == first
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(FULL)
    result = run(repository, store)
    assert result.ret == 3  # as for the command: infrastructure
    result.assert_outcomes(passed=1)
    [second] = [record for record in records(repository) if record != first]
    assert f"{second.id}.json is not in the store" in str(result.stdout)
    assert "the disk is full" in str(result.stdout)


def test_a_store_is_looked_at_before_anything_runs(repository: pytest.Pytester) -> None:
    result = run(repository, "--store=mongodb://a/b")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "is not the URL of a store" in said(result)
    missing = run(repository, f"--store=sqlite:///{repository.path}/none/runs.sqlite")
    assert missing.ret == 3
    assert "none/runs.sqlite: the store failed: " in said(missing)
    assert records(repository) == []


@needs_tools
def test_a_store_that_is_down_from_the_start_loses_no_run(repository: pytest.Pytester) -> None:
    away = run(repository, "--store=postgresql://nobody@127.0.0.1:1/runs")
    assert away.ret == 3
    away.assert_outcomes(passed=1)
    assert "postgresql://nobody@127.0.0.1:1/runs: the store failed: " in said(away)
    [record] = records(repository)
    assert f"{record.id}.json is not in the store" in said(away)


@needs_tools
def test_the_feed_is_in_the_record(repository: pytest.Pytester) -> None:
    for input_via in ("serial", "debug"):
        run(repository, "--target", "mine", f"--input-via={input_via}").assert_outcomes(passed=1)
    first, second = sorted(records(repository), key=lambda record: record.input_via)
    assert (first.input_via, second.input_via) == ("debug", "serial")
    assert first.ticks == second.ticks


def test_a_feed_that_does_not_exist_is_a_usage_error(repository: pytest.Pytester) -> None:
    result = run(repository, "--input-via=debgu")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "argument --input-via: invalid choice: 'debgu' (choose from " in said(result)
    assert "serial" in said(result)


@needs_tools
def test_two_targets_are_two_tests(repository: pytest.Pytester) -> None:
    result = run(repository, "-v", "--target", "mine", "--target", "qemu-stm32")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_digits?mine-*PASSED*", "*test_digits?qemu-stm32-*PASSED*"])
    first, second = records(repository)
    assert (first.target.name, second.target.name) == ("mine", "qemu-stm32")
    assert first.image.build_id == second.image.build_id
    assert first.ticks == second.ticks


@needs_tools
def test_a_model_by_path_and_a_target_by_path(repository: pytest.Pytester) -> None:
    result = run(repository, "--model", "./models/digits", "--target", "./targets/mine.toml")
    result.assert_outcomes(passed=1)
    assert records(repository)[0].target.name == "mine"


@needs_tools
def test_a_test_may_say_itself_which_model_it_is_for(repository: pytest.Pytester) -> None:
    mark = '@pytest.mark.parametrize("model", ["digits"], indirect=True)\n'
    repository.makepyfile(test_digits=f"import pytest\n\n\n{mark}{TEST}")
    result = run(repository, "-v", "--target", "mine")
    result.assert_outcomes(passed=1)
    assert len(records(repository)) == 1


def test_without_options_the_repository_s_own_models_are_run(repository: pytest.Pytester) -> None:
    shutil.copytree(repository.path / "models" / "digits", repository.path / "models" / "other")
    result = run(repository, "--collect-only", "-q")
    result.stdout.fnmatch_lines_random(
        [
            f"*test_digits?{DEFAULT_TARGET}-digits*",
            f"*test_digits?{DEFAULT_TARGET}-other*",
            "2 tests collected*",
        ]
    )
    only = run(repository, "--collect-only", "-q", "--model", "other")
    only.stdout.fnmatch_lines_random([f"*test_digits?{DEFAULT_TARGET}-other*", "1 test *"])


def test_names_may_stand_behind_one_option(repository: pytest.Pytester) -> None:
    result = run(repository, "--collect-only", "-q", "--target=mine,qemu-stm32", "--opt=-Os,-O3")
    names = [f"{name}-digits*{opt}" for name in ("mine", "qemu-stm32") for opt in FLAGS]
    result.stdout.fnmatch_lines_random([f"*test_digits?{name}?" for name in names])
    result.stdout.fnmatch_lines(["4 tests collected*"])


@needs_tools
def test_a_flag_is_in_the_record(repository: pytest.Pytester) -> None:
    run(repository, "--opt=-Os").assert_outcomes(passed=1)
    (record,) = records(repository)
    assert record.image.optimize == "-Os"


def test_a_suite_s_own_fixtures_keep_their_names(repository: pytest.Pytester) -> None:
    """Many a suite has a fixture called `model` that is none of ours."""
    repository.makepyfile(
        test_digits="""\
        import pytest

        @pytest.fixture
        def model():
            return "my own"

        def test_own(model):
            assert model == "my own"
        """
    )
    run(repository).assert_outcomes(passed=1)
    result = run(repository, "--target", "mine")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--target=mine: no selected test uses this target" in said(result)


# What is asked for


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--target=mien", "unknown target 'mien'\n  -> did you mean mine"),
        ("--model=digit", "unknown model 'digit'\n  -> did you mean digits?"),
        ("--engine=cmsisnn", "unknown engine 'cmsisnn'\n  -> did you mean cmsis-nn?"),
        ("--toolchain=clnag", "unknown toolchain 'clnag'\n  -> did you mean clang?"),
        ("--opt=-O9", "unknown optimization flag '-O9'\n  -> one of -O0, -Og, "),
        ("--target=./nowhere.toml", "nowhere.toml: cannot be read: No such file or directory"),
    ],
)
def test_an_unknown_name_is_a_usage_error(
    repository: pytest.Pytester, option: str, text: str
) -> None:
    result = run(repository, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {text}" in str(result.stderr)
    assert "Traceback" not in said(result)


def test_a_malformed_target_is_a_usage_error(repository: pytest.Pytester) -> None:
    file = repository.path / "targets" / "mine.toml"
    file.write_text(file.read_text().replace("core = ", "cor = "))
    result = run(repository, "--target=mine")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {file}: mcu: " in str(result.stderr)


@pytest.mark.parametrize("selected", [(), ("-k", "one")], ids=["no test", "none selected"])
def test_a_target_that_no_test_uses_is_refused(
    repository: pytest.Pytester, selected: tuple[str, ...]
) -> None:
    repository.makepyfile(
        test_digits=f"def test_one():\n    pass\n\n\n{TEST}"
        if selected
        else "def test_one():\n    pass\n"
    )
    result = run(repository, "--target=mine", *selected)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "ERROR: --target=mine: no selected test uses this target\n"
        "  -> select a test with the fixture target, board, run or dut, and no mark for others"
    ) in said(result)
    assert "passed" not in said(result)


def test_the_plugin_leaves_other_suites_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one():\n    pass\n")
    result = run(pytester)
    result.assert_outcomes(passed=1)
    assert "runs" not in str(result.stdout)
    assert not (pytester.path / "build").exists()
    assert not (pytester.path / "reports").exists()


# What goes wrong


@needs_tools
def test_a_verdict_is_a_failure_with_its_reasons_and_a_record(repository: pytest.Pytester) -> None:
    set_quality_target(repository.path, 1.0)
    vectors(repository.path, wrong=1)
    result = run(repository)
    result.assert_outcomes(failed=1)
    text = said(result)
    assert f"digits on {DEFAULT_TARGET}:" in text
    assert "accuracy 0.9000 is below the quality target 1; golden reaches 0.9000" in text
    assert "harness/runs/link_run.py" not in text  # the reader's own line is the last that is shown
    (record,) = records(repository)
    assert record.verdict == "failed"
    assert record.reasons == [
        "accuracy 0.9000 is below the quality target 1; golden reaches 0.9000"
    ]
    assert f"records: {repository.path / 'reports' / 'runs'}" in text  # the table is there too


@needs_tools
def test_an_infrastructure_error_is_an_error_without_our_call_stack(
    repository: pytest.Pytester,
) -> None:
    own_target(repository.path, "mine", machine="nonsense")
    result = run(repository, "--target=mine")
    result.assert_outcomes(errors=1)
    text = said(result)
    assert f"{repository.path / 'targets' / 'mine.toml'}: board: QEMU ended at start" in text
    assert "unsupported machine type" in text
    assert "-> try it in a shell: qemu-system-arm -M nonsense" in text
    assert "harness/board/qemu.py" not in text
    assert "Traceback" not in text
    assert records(repository) == []


@needs_tools
def test_an_input_error_in_a_test_is_shown_without_our_call_stack(
    repository: pytest.Pytester,
) -> None:
    path = repository.path / "models" / "digits" / "vectors.npz"
    path.unlink()
    result = run(repository)
    result.assert_outcomes(failed=1)
    text = said(result)
    assert f"{path}: cannot be read: No such file" in text
    assert "-> save vectors there with np.savez_compressed" in text
    assert "harness/model/vectors.py" not in text
    assert records(repository) == []


@needs_tools
def test_each_test_starts_the_device_anew(repository: pytest.Pytester) -> None:
    repository.makepyfile(
        test_digits="""\
        def test_first(dut):
            first = dut.infer(dut.model.vectors.inputs[0])
            assert first.shape == (10,)

        def test_second(dut):
            run = dut.run()
            assert len(run.ticks) == len(run.vectors)

        def test_sizes(image, target):
            assert 0 < image.flash <= target.memory.flash.size
        """
    )
    result = run(repository)
    result.assert_outcomes(passed=3)
    assert len(records(repository)) == 1  # dut.infer() records nothing


@needs_tools
def test_all_outputs_of_one_vector_are_available(repository: pytest.Pytester) -> None:
    repository.makepyfile(
        test_digits="""
        def test_outputs(dut):
            inputs = dut.model.vectors.inputs[0]
            outputs = dut.infer_all(inputs)
            assert len(outputs) == 1
            assert outputs[0].tolist() == dut.infer(inputs).tolist()
            assert (dut.target.name, dut.image.engine) == ("virtual-stm32", "cmsis-nn")
            assert dut.board.version
        """
    )
    run(repository).assert_outcomes(passed=1)


@needs_tools
def test_mlperf_tiny_has_no_output_of_one_vector(repository: pytest.Pytester) -> None:
    repository.makepyfile(
        test_digits="""
        def test_outputs(dut):
            dut.infer(dut.model.vectors.inputs[0])
        """
    )
    result = run(repository, "--protocol=mlperf-tiny", "--windows=0")
    result.assert_outcomes(failed=1)
    assert "mlperf-tiny does not return a model's output for one input" in said(result)
