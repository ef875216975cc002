"""Other plugins and conftest.py files with options and fixtures of the same names as ours."""

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
OURS = "harness.pytest_plugin"
EMBEDDED, PROFILING, LABGRID = "embedded_stand_in", "profiling_stand_in", "labgrid_stand_in"

# A suite that only uses pytest-embedded, and one that only uses the harness.
THEIRS = """\
def test_target(target, request):
    assert target == request.config.getoption("--target") == "esp32"

def test_dut(dut):
    assert type(dut).__name__ == "Dut"
"""
TEST = """\
def test_it(run_request):
    assert (run_request.target.name, run_request.model.name) == ("virtual-nrf52840", "digits")
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with the other plugins, which are not installed as those of an environment are."""
    for file in (ROOT / "tests" / "data" / "plugins").glob("*.py"):
        shutil.copy(file, pytester.path)
    pytester.makeini("[pytest]\n")
    return pytester


def of_the_harness(suite: pytest.Pytester, test: str = TEST) -> None:
    """Make it a repository of the harness."""
    shutil.copytree(ROOT / "models" / "digits", suite.path / "models" / "digits")
    suite.makepyfile(test_it=test)


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_subprocess("-p", "no:hypothesispytest", *arguments, timeout=200)


def said(result: pytest.RunResult) -> str:
    return f"{result.stdout}\n{result.stderr}"


def plugins(*names: str) -> list[str]:
    return [word for name in names for word in ("-p", name)]


# Options


@pytest.mark.parametrize(
    "order",
    [(EMBEDDED,), (OURS, EMBEDDED), (EMBEDDED, OURS)],
    ids=["entry point", "ours first", "theirs first"],
)
def test_both_plugins_read_a_shared_option(suite: pytest.Pytester, order: tuple[str, ...]) -> None:
    of_the_harness(suite)
    run(suite, *plugins(*order), "--target=virtual-nrf52840").assert_outcomes(passed=1)


@pytest.mark.parametrize("named", [f"{OURS},{EMBEDDED}", f"{EMBEDDED},{OURS}"])
def test_without_entry_points_too(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    of_the_harness(suite)
    first, second = named.split(",")
    suite.makeconftest(f"pytest_plugins = ['{first}', '{second}']\n")
    result = suite.runpytest_subprocess("--target", "virtual-nrf52840", timeout=200)
    result.assert_outcomes(passed=1)


def test_the_long_name_is_for_the_harness_alone(suite: pytest.Pytester) -> None:
    theirs = "def test_theirs(request):\n    assert request.config.getoption('target') == 'esp32'\n"
    of_the_harness(suite, f"{TEST}\n{theirs}")
    both = ("--target=esp32", "--harness-target=virtual-nrf52840")
    run(suite, *plugins(EMBEDDED), *both).assert_outcomes(passed=2)
    alone = run(
        suite, "--harness-target", "virtual-nrf52840", "--harness-model=digits", "-k", "not theirs"
    )
    alone.assert_outcomes(passed=1, deselected=1)


def test_a_shared_value_that_is_wrong_for_a_test_of_ours(suite: pytest.Pytester) -> None:
    of_the_harness(suite)
    result = run(suite, *plugins(EMBEDDED), "--target=esp32")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: unknown target 'esp32'" in said(result)
    advice = "another plugin has --target too; --harness-target is for the harness alone"
    assert advice in said(result)
    twice = run(suite, *plugins(EMBEDDED), "--target=virtual-stm32", "--target=virtual-nrf52840")
    assert twice.ret == pytest.ExitCode.USAGE_ERROR
    assert "keeps only its last value" in said(twice)
    workers = run(suite, *plugins(EMBEDDED), "--target=esp32", "-n1")
    assert workers.ret == pytest.ExitCode.USAGE_ERROR
    assert "INTERNALERROR" not in said(workers)
    assert advice in said(workers)


def test_a_suite_of_another_plugin_is_not_disturbed(suite: pytest.Pytester) -> None:
    """Nor by our check of `--target`, nor by our fixtures; xdist's workers do the same."""
    suite.makepyfile(THEIRS)
    for options in (["--target=esp32"], ["--target", "esp32"], ["--target=esp32", "-n1"]):
        run(suite, *plugins(EMBEDDED), *options).assert_outcomes(passed=2)


def test_a_flag_is_not_shared(suite: pytest.Pytester) -> None:
    of_the_harness(suite, "def test_it(run_request):\n    assert not run_request.profile\n")
    result = run(suite, *plugins(PROFILING), "--profile", "-s")
    result.assert_outcomes(passed=1)
    assert "PROFILING True" in said(result)
    note = "--profile is an option of another plugin here; ours is --harness-profile"
    assert note in said(result)
    of_ours = "def test_it(run_request):\n    assert run_request.profile\n"
    suite.makepyfile(test_it=of_ours)
    result = run(suite, *plugins(PROFILING), "--harness-profile", "-s")
    result.assert_outcomes(passed=1)
    assert "PROFILING False" in said(result)


CONFTEST = """\
def pytest_addoption(parser):
    parser.addoption("--model", default="gpt")
    parser.addoption("--windows", type=int, default=3)
    parser.addoption("--elf", action="store_true")
    parser.addoption("--port", dest="engine")
    parser.addoption("--any", dest="store", default="here")
    group = parser.getgroup("tinyml-harness: results")
    group.addoption("--baseline", nargs=2)
"""


def test_options_of_a_conftest(suite: pytest.Pytester) -> None:
    """Of any kind, with any default and dest: theirs keep their names, values and dests."""
    suite.makeconftest(CONFTEST)
    suite.makepyfile(
        """\
        def test_it(request):
            option = request.config.option
            assert (option.model, option.windows, option.elf) == ("llama", 12345, True)
            assert (option.engine, option.store, option.baseline) == ("p", "s", ["a", "b"])
        """
    )
    given = [
        "--model=llama",
        "--windows",
        "12345",
        "--elf",
        "--port=p",
        "--any=s",
        "--baseline",
        "a",
        "b",
    ]
    run(suite, *given).assert_outcomes(passed=1)
    of_the_harness(suite, TEST)
    result = run(suite, "--harness-target=virtual-nrf52840", "--windows=3", "test_it.py")
    result.assert_outcomes(passed=1)
    result = run(suite, *given, "test_it.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--windows" in said(result)


def test_conftests_below_are_found_beside_a_separate_value(suite: pytest.Pytester) -> None:
    """`--target NAME` is not a folder in which pytest looks for the first conftest.py files."""
    suite.makeini("[pytest]\ntestpaths = sub\n")
    (suite.path / "sub").mkdir()
    (suite.path / "sub" / "conftest.py").write_text(
        "pytest_plugins = ['labgrid_stand_in']\n"
        "def pytest_addoption(parser):\n    parser.addoption('--own')\n"
    )
    (suite.path / "sub" / "test_it.py").write_text("def test_it(target):\n    pass\n")
    result = run(suite, "--harness-target", "virtual-stm32", "--own=3")
    result.assert_outcomes(passed=1)


# Fixtures


def test_fixtures_of_another_plugin(suite: pytest.Pytester) -> None:
    test = "def test_it(target):\n    assert type(target).__name__ == '{}'\n"
    suite.makepyfile(test_it=test.format("LabgridTarget"))
    theirs = run(suite, *plugins(LABGRID))
    theirs.assert_outcomes(passed=1)
    line = f"tinyml-harness: target is another plugin's; -p {OURS} selects the harness's"
    assert line in said(theirs)
    suite.makepyfile(test_it=test.format("Target"))
    for options in (plugins(OURS, LABGRID), plugins(LABGRID, OURS), plugins(LABGRID)):
        if options == plugins(LABGRID):
            options.append("--model=digits")  # an option of ours alone
        result = run(suite, *options)
        result.assert_outcomes(passed=1)
        assert "another plugin's" not in said(result)


def test_ours_with_a_foreign_target(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_it(image):\n    pass\n")
    result = run(suite, *plugins(LABGRID))
    assert "returns labgrid_stand_in.LabgridTarget, not a Target or a name of the ha" in said(
        result
    )
    assert "if it is another plugin's, add -p harness.pytest_plugin" in said(result)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
